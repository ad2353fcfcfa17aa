"""The house's standard terms, in plain words; a house replaces them clause by clause. Pure."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from bookings.document import Agreed, Clause, clean

MOST_OWN_CLAUSES = 20


def clauses_for(agreed: Agreed, *, has_agency: bool, own: Mapping[str, Mapping[str, str]]) -> tuple[Clause, ...]:
    """Return the numbered clauses of an order. `own` is {"5": {"title", "text"}}: the house's words for clause 5.

    Every number that varies comes from `agreed`, so that a text and its value cannot part.
    """
    clauses = _standard(agreed, has_agency)
    for number, words in sorted(own.items(), key=lambda pair: int(pair[0])):
        place = int(number) - 1
        clause = Clause(title=clean(words.get("title", "")), text=clean(words.get("text", "")))
        if place < len(clauses):
            clauses[place] = clause
        elif len(clauses) < MOST_OWN_CLAUSES:
            clauses.append(clause)
    return tuple(clauses)


def _standard(agreed: Agreed, has_agency: bool) -> list[Clause]:
    notice = {"days": agreed.notice_days}
    invoices = _(
        "We invoice each month for what was delivered, the first time within 30 days of the first month's end, always "
        "naming this order and the brand. Payment is due %(days)s days after receipt."
    ) % {"days": agreed.payment_days}
    if has_agency:
        invoices += " " + _("The agency owes what its client has paid it; the rest is owed by the advertiser.")
    return [
        Clause(
            _("How this order becomes binding"),
            _(
                "It binds both sides once each has signed this version. A change to lines, prices, dates or terms is "
                "written as a new version; until that one is signed, the last signed version holds."
            ),
        ),
        Clause(
            _("Delivery"),
            _(
                "We deliver the booked impressions inside the flight, spread evenly unless a line says otherwise. Up "
                "to 10 % more is a bonus and free. If a slot turns out to be gone, we say so within two working days."
            ),
        ),
        Clause(
            _("When delivery falls short"),
            _(
                "We warn you as soon as a line looks likely to miss, at the latest 14 days before its measuring "
                "closes. What is missing beyond the tolerance, or ran wrong (absent, cut, in the wrong place, "
                "with the wrong code), is made good by free reads on dates you agree to. Without agreement "
                "within 30 days of the flight's end we credit the missing part at the line's own rate."
            ),
        ),
        Clause(
            _("Counting"),
            _(
                "Only the measurement of record decides what is billed. Other sources stand beside it for comparison: "
                "up to 5 % apart is normal, and from 10 % over a billing period both sides compare records before the "
                "invoice falls due."
            ),
        ),
        Clause(
            _("Cancelling"),
            _(
                "Either side may cancel in writing with %(days)s days' notice. What runs until the notice ends is owed "
                "pro rata; reads already recorded are owed in full. A cut in budget is a cancellation of the part cut."
            )
            % notice,
        ),
        Clause(_("Invoices and payment"), invoices),
        Clause(
            _("Reads and materials"),
            _(
                "Talking points, code and link reach us %(days)s working days before the first read. Late material "
                "does not move the flight or the price. Hosts speak in their own words and name the sponsor as "
                "such; you may ask for one correction of fact per read."
            )
            % {"days": agreed.materials_days},
        ),
        Clause(
            _("Proof and reports"),
            _(
                "A weekly report shows delivery by day and by read. You receive a recording of the first read within "
                "two working days, of any other on request. A missing or wrong report is put right within five working "
                "days."
            ),
        ),
        Clause(_("Keeping rivals apart"), _rivals(agreed)),
        Clause(_("If something stops us"), _force_majeure(agreed)),
    ]


def _rivals(agreed: Agreed) -> str:
    if agreed.separation == "none" or not agreed.category:
        return _("This order keeps no category apart: sponsors of the same trade may run beside each other.")
    where = {"episode": _("in the same episode"), "flight": _("on the same show during the flight")}[agreed.separation]
    return _(
        "No other sponsor from the category %(category)s runs %(where)s. A breach you tell us about within 30 days is "
        "not billed, and is removed within one working day where the ad can still be changed."
    ) % {"category": agreed.category, "where": where}


def _force_majeure(agreed: Agreed) -> str:
    text = _(
        "Neither side answers for events outside its control; after five working days of such an event either may end "
        "the lines concerned."
    )
    return f"{text} {agreed.governing_law}".strip()
