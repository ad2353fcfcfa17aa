"""What changed between two versions of an order, in sentences, and how grave it is. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from bookings.document import DocumentLine, OrderDocument
from bookings.paper import money, percent, span

MINOR, MATERIAL, CRITICAL = "minor", "material", "critical"
_GRAVITY = (MINOR, MATERIAL, CRITICAL)


@dataclass(frozen=True)
class Change:
    """One thing that changed: what, before, after, and its severity (minor, material, critical)."""

    what: str
    before: str
    after: str
    severity: str

    @property
    def sentence(self) -> str:
        words = {"what": self.what, "before": self.before or "–", "after": self.after or "–"}
        return _("%(what)s from %(before)s to %(after)s") % words


def differences(before: OrderDocument, after: OrderDocument) -> list[Change]:
    """Return what changed, gravest first. Critical: who, which money, which terms; material: what is delivered when
    and for how much; minor: references, contacts, codes and links. Material and critical ask for a new signature.
    """
    found = [
        *_of_header(before, after),
        *_of_terms(before, after),
        *_of_lines(before, after),
        *_of_totals(before, after),
    ]
    return sorted(found, key=lambda change: -_GRAVITY.index(change.severity))


def gravest(changes: list[Change]) -> str:
    return max((change.severity for change in changes), key=_GRAVITY.index, default=MINOR)


def _of_header(before: OrderDocument, after: OrderDocument) -> Iterator[Change]:
    parties = (
        (_("publisher"), before.publisher, after.publisher),
        (_("advertiser"), before.advertiser, after.advertiser),
        (_("agency"), before.agency, after.agency),
        (_("invoice to"), before.invoice_to, after.invoice_to),
    )
    for label, old, new in parties:
        names = (old.name if old else "", new.name if new else "")
        if names[0] != names[1]:
            yield Change(label, *names, CRITICAL)
        elif old != new:
            yield Change(_("details of the %(party)s") % {"party": label}, _("as before"), _("as printed"), MINOR)
    plain = (
        (_("currency"), before.currency, after.currency, CRITICAL),
        (_("time zone"), before.time_zone, after.time_zone, MATERIAL),
        (_("your reference"), before.buyer_reference, after.buyer_reference, MINOR),
        (_("campaign"), before.campaign, after.campaign, MINOR),
        (_("brand"), before.brand, after.brand, MINOR),
    )
    yield from (Change(*row) for row in plain if row[1] != row[2])


def _of_terms(before: OrderDocument, after: OrderDocument) -> Iterator[Change]:
    old, new = before.agreed, after.agreed
    rows = (
        (_("measurement of record"), old.measurement_of_record, new.measurement_of_record, CRITICAL),
        (_("guarantee window, days"), str(old.guarantee_days), str(new.guarantee_days), CRITICAL),
        (_("tolerance"), percent(old.tolerance_permille), percent(new.tolerance_permille), CRITICAL),
        (_("cancellation notice, days"), str(old.notice_days), str(new.notice_days), CRITICAL),
        (_("payment, days"), str(old.payment_days), str(new.payment_days), CRITICAL),
        (_("competitive separation"), old.separation, new.separation, CRITICAL),
        (_("category kept apart"), old.category, new.category, MATERIAL),
        (_("governing law"), old.governing_law, new.governing_law, CRITICAL),
    )
    yield from (Change(*row) for row in rows if row[1] != row[2])
    for number, (one, two) in enumerate(zip(before.clauses, after.clauses, strict=False), 1):
        # A clause that only repeats a changed value is told by that value.
        if one.title != two.title:
            yield Change(_("clause %(number)s") % {"number": number}, one.title, two.title, CRITICAL)
        elif one.text != two.text and old == new:
            yield Change(_("clause %(number)s") % {"number": number}, _("old text"), _("new text"), CRITICAL)
    if len(before.clauses) != len(after.clauses):
        yield Change(_("number of clauses"), str(len(before.clauses)), str(len(after.clauses)), CRITICAL)


def _of_lines(before: OrderDocument, after: OrderDocument) -> Iterator[Change]:
    old = {line.io_id: line for line in before.lines}
    new = {line.io_id: line for line in after.lines}
    for key, line in old.items():
        if key not in new:
            yield Change(_("line %(number)s") % {"number": line.number}, line.podcast, _("removed"), MATERIAL)
    for key, line in new.items():
        if key not in old:
            yield Change(_("line %(number)s") % {"number": line.number}, "", _("added: %s") % line.podcast, MATERIAL)
        else:
            yield from _of_line(old[key], line)


def _of_line(old: DocumentLine, new: DocumentLine) -> Iterator[Change]:
    flights = (span(old.first_day, old.last_day), span(new.first_day, new.last_day))
    places = tuple(" · ".join(part for part in (line.podcast, line.unit, line.episode) if part) for line in (old, new))
    rows = (
        (_("place"), *places, MATERIAL),
        (_("flight"), *flights, MATERIAL),
        (_("impressions"), f"{old.impressions:,}", f"{new.impressions:,}", MATERIAL),
        (_("CPM"), money(old.cpm_cents), money(new.cpm_cents), MATERIAL),
        (_("gross"), money(old.gross_cents), money(new.gross_cents), MATERIAL),
        (_("promo code"), old.promo_code, new.promo_code, MINOR),
        (_("vanity link"), old.vanity_url, new.vanity_url, MINOR),
        (_("landing page"), old.landing_url, new.landing_url, MINOR),
    )
    for what, one, two, severity in rows:
        if one != two:
            yield Change(_("line %(number)s, %(what)s") % {"number": new.number, "what": what}, one, two, severity)


def _of_totals(before: OrderDocument, after: OrderDocument) -> Iterator[Change]:
    if before.commission_permille != after.commission_permille:
        rates = (percent(before.commission_permille), percent(after.commission_permille))
        yield Change(_("agency commission"), *rates, CRITICAL)
    if before.net_cents != after.net_cents:
        yield Change(_("net"), money(before.net_cents), money(after.net_cents), MATERIAL)
