"""What the sales desk types: a deal, a sponsor, a move."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
    UnfoldBooleanSwitchWidget,
)

from deals.ad_products import ad_product_names
from deals.models import Campaign, Sponsor
from deals.queries import possible_duplicates
from deals.rules import FORWARD, skips_forward
from tracker.lib.money import round_half_up
from tracker.tenants.context import current_tenant

Stage = Campaign.Stage


DEAL_COLUMNS = (
    *("name", "sponsor", "agency", "owner", "source", "currency", "expected_close_on"),
    *("next_step", "next_step_on", "flight_first_day", "flight_last_day", "wanted_impressions"),
    *("wanted_podcasts", "notes"),
)
SPONSOR_COLUMNS = (
    *("name", "aliases", "brands", "website_url", "category", "tags", "blocked_categories", "targets", "agency"),
    *("billing_name", "billing_address", "billing_email", "tax_number", "credit_status", "is_archived"),
)


class DealForm(forms.ModelForm):
    """A deal; its value is typed in whole money, kept in cents. `seen_version` is what was on screen."""

    value = forms.DecimalField(
        label=_("Value"),
        min_value=0,
        max_digits=13,
        decimal_places=2,
        required=False,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("In the deal's currency, before commission"),
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Campaign
        fields = DEAL_COLUMNS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.fields["currency"].initial = current_tenant().currency
        else:
            self.fields["value"].initial = Decimal(self.instance.campaign_value) / 100
            self.fields["seen_version"].initial = self.instance.version

    def clean_currency(self) -> str:
        currency = self.cleaned_data["currency"].strip().upper()
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            raise forms.ValidationError(_("A currency is three letters, such as EUR."))
        return currency

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("flight_first_day"), cleaned.get("flight_last_day")
        if first and last and last < first:
            self.add_error("flight_last_day", _("The flight ends before it begins."))
        sponsor = cleaned.get("sponsor")
        if sponsor is not None and sponsor.merged_into_id and "sponsor" in self.changed_data:
            self.add_error("sponsor", _("This sponsor was merged into another; choose that one."))
        return cleaned

    def deal_fields(self) -> dict[str, Any]:
        """Return the columns as the services take them."""
        fields = {name: self.cleaned_data[name] for name in DEAL_COLUMNS if name in self.cleaned_data}
        fields["campaign_value"] = round_half_up((self.cleaned_data.get("value") or Decimal(0)) * 100)
        return fields


class SuggestedTextWidget(UnfoldAdminTextInputWidget):
    """A text box that offers words while one types; other words are as welcome."""

    def __init__(self, *, suggestions: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._suggestions = suggestions

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        listed = f"{name}-suggestions"
        box = super().render(name, value, {**(attrs or {}), "list": listed}, renderer)
        options = format_html_join("", '<option value="{}"></option>', ((word,) for word in self._suggestions()))
        return format_html('{}<datalist id="{}">{}</datalist>', box, listed, options)


def _categories() -> list[str]:
    """The house's own categories first, then those of the trade."""
    own = Sponsor.objects.exclude(category="").order_by("category").values_list("category", flat=True).distinct()
    return list(dict.fromkeys([*own, *ad_product_names()]))


class SponsorForm(forms.ModelForm):
    """A sponsor. A name that is another's in a different spelling is asked about once, never refused."""

    website_url = forms.URLField(
        label=_("Website"), max_length=500, required=False, assume_scheme="https", widget=UnfoldAdminURLInputWidget
    )
    category = forms.CharField(
        label=_("Category (IAB ad product)"),
        max_length=120,
        required=False,
        widget=SuggestedTextWidget(suggestions=_categories),
        help_text=_("Rivals are sponsors of one category, written alike."),
    )
    is_another = forms.BooleanField(
        label=_("This is another company"),
        required=False,
        widget=forms.HiddenInput,
        help_text=_("Tick it to save in spite of the similar name."),
    )

    class Meta:
        model = Sponsor
        fields = SPONSOR_COLUMNS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        name = cleaned.get("name", "")
        if name and "name" in self.changed_data and not cleaned.get("is_another"):
            but_not = None if self.instance._state.adding else self.instance
            known = list(possible_duplicates(name, but_not=but_not)[:3])
            if known:
                self.fields["is_another"].widget = UnfoldBooleanSwitchWidget()
                names = ", ".join(str(sponsor) for sponsor in known)
                words = _("There is a sponsor of that name already: %(names)s. Use that one, or tick the box below.")
                self.add_error("name", forms.ValidationError(words, params={"names": names}, code="duplicate"))
        return cleaned


class MoveForm(forms.Form):
    """A move of one or several deals, with what the stage asks for."""

    stage = forms.ChoiceField(label=_("To"), widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Needed for a lost deal, for opening one again, and for every exception."),
    )
    lost_to = forms.CharField(
        label=_("Lost to"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The competitor, if there was one."),
    )
    force = forms.BooleanField(
        label=_("Make an exception"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Skip stages or pass a rule of the house: sales managers only."),
    )

    def __init__(self, *args: Any, stages: list[str], may_force: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = [(stage, Stage(stage).label.capitalize()) for stage in stages]
        if not may_force:
            del self.fields["force"]

    def move(self) -> dict[str, Any]:
        """Return what move_deal takes."""
        return {
            "to": self.cleaned_data["stage"],
            "reason": self.cleaned_data["reason"],
            "lost_to": self.cleaned_data["lost_to"],
            "force": self.cleaned_data.get("force", False),
        }


def stages_to_offer(campaign: Campaign, *, may_force: bool) -> list[str]:
    """Return the stages a person may choose for a deal: the allowed ones, then those only an exception reaches."""
    allowed = campaign.allowed_moves
    forced = [stage for stage in FORWARD if skips_forward(campaign.stage, stage)] if may_force else []
    return [*allowed, *(stage for stage in forced if stage not in allowed)]
