"""Forms of matchmaking's pages."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from matchmaking.profiles import SIGNALS
from matchmaking.queries import SIGNAL_NAMES


class WeightsForm(forms.Form):
    """Six weights, each 0 to 1; what counts is how they stand to each other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for signal in SIGNALS:
            self.fields[signal] = forms.DecimalField(
                label=SIGNAL_NAMES[signal], min_value=Decimal(0), max_value=Decimal(1), max_digits=4, decimal_places=3
            )
            self.fields[signal].widget.attrs["step"] = "0.01"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not any(cleaned.values()):
            raise forms.ValidationError(_("At least one weight is above 0."))
        return cleaned
