"""What people write on a booking's page."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bookings.models import Aircheck


class ProofForm(forms.Form):
    """A clip from the phone, or a link to one."""

    file = forms.FileField(
        label=_("Clip"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "audio/*,video/*"}),
    )
    link = forms.URLField(label=_("Link to a clip"), required=False, max_length=500, assume_scheme="https")
    offset_seconds = forms.IntegerField(label=_("Starts at, seconds"), required=False, min_value=0, max_value=86_400)
    length_seconds = forms.IntegerField(label=_("Length, seconds"), required=False, min_value=1, max_value=3_600)


class VerdictForm(forms.Form):
    """What a read was found to be."""

    verdict = forms.ChoiceField(
        label=_("Verdict"), choices=[choice for choice in Aircheck.Verdict.choices if choice[0] != "waiting"]
    )
    reason = forms.CharField(label=_("What is wrong"), required=False, max_length=500)


class CountForm(forms.Form):
    """The count that both sides agreed."""

    impressions = forms.IntegerField(label=_("Agreed downloads"), min_value=0, max_value=10**15)
    reason = forms.CharField(label=_("How it was agreed"), max_length=500)


class CaseForm(forms.Form):
    """A case opened by hand."""

    owed_impressions = forms.IntegerField(label=_("Owed downloads"), required=False, min_value=0, max_value=10**15)
    note = forms.CharField(label=_("Why"), max_length=500)


class OwedForm(forms.Form):
    """What an opened case owes after all."""

    owed_impressions = forms.IntegerField(label=_("Owed downloads"), min_value=0, max_value=10**15)
    reason = forms.CharField(label=_("Why"), max_length=500)


class BlackoutForm(forms.Form):
    """Days of the flight on which the line does not run."""

    first_day = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(label=_("Last day"), widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=_("Why"), max_length=300)


class KnownOnForm(forms.Form):
    """The day of which one asks what was known then."""

    known_on = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}))


class ReasonForm(forms.Form):
    """The reason of an act that needs one."""

    reason = forms.CharField(label=_("Reason"), max_length=500)


class AnswerForm(forms.Form):
    """A sponsor's answer to an offer."""

    option = forms.UUIDField(required=False)
    name = forms.CharField(label=_("Your name"), max_length=200)
    note = forms.CharField(
        label=_("A word to the house"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


class RedemptionsForm(forms.Form):
    """A sponsor's report of sales by code and day."""

    file = forms.FileField(
        label=_("Redemptions, CSV"), help_text=_("promo_code,day,orders,revenue_cents,new_customers")
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > 5 * 1024 * 1024:
            raise forms.ValidationError(_("A report may have 5 MiB at most."))
        return file
