"""Forms of the admin that are saved by a service, and the admin around them."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from tracker.lib.admin import BaseAdmin
from tracker.lib.errors import DomainError


class ServiceForm(forms.ModelForm):
    """A form that is saved by a service: its refusal stands at its field, and nothing typed is lost.

    The admin gives `user` and `now`; `act()` calls the service and returns the object.
    """

    user: Any = None
    now: Any = None

    def full_clean(self) -> None:
        super().full_clean()
        if not self.is_bound or self.errors:
            return
        try:
            self.instance = self.act()
        except DomainError as refusal:
            field = str(refusal.details.get("field", ""))
            self.add_error(self.FIELD_OF.get(field, field if field in self.fields else None), refusal.message)

    # Names that services use for what this form calls otherwise.
    FIELD_OF: dict[str, str] = {}

    def act(self) -> Any:
        """Call the service with what was filled in and return the object it saved; each form has its own."""
        raise NotImplementedError(type(self).__name__)

    def save(self, commit: bool = True) -> Any:
        self.save_m2m = lambda: None
        return self.instance


class ServiceAdmin(BaseAdmin):
    """A ModelAdmin over a `ServiceForm`: the form has saved already when Django would."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change, **kwargs)
        return type(made.__name__, (made,), {"user": request.user, "now": timezone.now()})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        return None

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        return None
