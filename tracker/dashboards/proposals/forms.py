"""What a salesperson says about a plan: its promise, until when it stands, and the lines with their figures."""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracker.dashboards.proposals.gather import WantedLine
from tracker.dashboards.proposals.plan import Offer
from tracker.lib.money import round_half_up

# An offer stands for four weeks unless somebody says otherwise.
STANDS_DAYS = 28
MOST_IMPRESSIONS = 1_000_000_000
MOST_CPM = Decimal(100_000)


class ProposalForm(forms.Form):
    """The words of a plan. `today` is the house's own day."""

    promise = forms.CharField(label=gettext_lazy("Promise on the cover"), max_length=120)
    lead = forms.CharField(
        label=gettext_lazy("The client's goal, in their words"),
        max_length=600,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    stands_until = forms.DateField(
        label=gettext_lazy("The offer stands until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["stands_until"].initial = today + timedelta(days=STANDS_DAYS)

    def clean_stands_until(self) -> date:
        until = self.cleaned_data["stands_until"]
        if until < self.today:
            raise forms.ValidationError(_("This day has passed."))
        return until


class LineForm:
    """One offered ad unit in the form: what is typed, or what is suggested, and what is wrong with it."""

    def __init__(self, offer: Offer, sent: QueryDict | None) -> None:
        self.offer = offer
        self.errors: list[str] = []
        cents = offer.cpm_cents
        self.is_chosen = offer.is_chosen if sent is None else offer.key in sent.getlist("line")
        given = {
            "impressions": str(offer.impressions or ""),
            "cpm": f"{Decimal(cents) / 100:.2f}" if cents is not None else "",
            "first": offer.first_day.isoformat(),
            "last": offer.last_day.isoformat(),
        }
        if sent is not None:
            given = {name: sent.get(f"{name}-{offer.key}", "").strip() for name in given}
        self.impressions, self.cpm = given["impressions"], given["cpm"]
        self.first, self.last = given["first"], given["last"]

    def wanted(self) -> WantedLine | None:
        """Return the line as it was typed, or None with the reasons in `errors`."""
        impressions = self._impressions()
        cpm_cents = self._cpm_cents()
        first, last = self._day(self.first), self._day(self.last)
        if first and last and last < first:
            self.errors.append(_("The line ends before it begins."))
        if self.errors or impressions is None or cpm_cents is None or first is None or last is None:
            return None
        return WantedLine(self.offer.unit, first, last, impressions, cpm_cents)

    def _impressions(self) -> int | None:
        text = self.impressions.replace(",", "").replace(" ", "")
        if text.isascii() and text.isdigit() and 0 < int(text[:12]) <= MOST_IMPRESSIONS and len(text) <= 12:
            return int(text)
        self.errors.append(_("Impressions are a whole number above 0."))
        return None

    def _cpm_cents(self) -> int | None:
        try:
            cpm = Decimal(self.cpm)
        except InvalidOperation:
            cpm = Decimal(-1)
        if cpm.is_finite() and 0 <= cpm <= MOST_CPM:
            return round_half_up(cpm * 100)
        self.errors.append(_("A CPM is an amount such as 24.50."))
        return None

    def _day(self, text: str) -> date | None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.errors.append(_("Both days of the line are needed."))
            return None
