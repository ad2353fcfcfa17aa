"""The tenant's own switches."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tracker.flags.models import FlagOverride
from tracker.lib.admin import BaseAdmin


class FlagOverrideForm(forms.ModelForm):
    flag = forms.ChoiceField(label=_("Feature"))

    class Meta:
        model = FlagOverride
        fields = ("flag", "is_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "flag" in self.fields:
            self.fields["flag"].choices = [(flag, flag) for flag in settings.FEATURE_FLAGS]


@admin.register(FlagOverride)
class FlagOverrideAdmin(BaseAdmin):
    """One row switches a feature on or off for this house; without a row the environment decides."""

    form = FlagOverrideForm
    list_display = ("flag", "is_on", "changed_at")
    ordering = ("flag",)

    def get_readonly_fields(self, request: HttpRequest, obj: FlagOverride | None = None) -> tuple[str, ...]:
        return ("flag",) if obj else ()
