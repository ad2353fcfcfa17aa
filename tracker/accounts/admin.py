"""People, invitations, roles and keys: what an administrator of the house looks after."""

import smtplib
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracker.accounts import invitations, keys
from tracker.accounts.kinds import as_bindings, grouped_choices
from tracker.accounts.mail import send_invitation
from tracker.accounts.models import ApiKey, Invitation, Role, User
from tracker.accounts.services import bind, create_api_key, deactivate_user, reactivate_user
from tracker.lib.admin import BaseAdmin


class BoundForm(forms.ModelForm):
    """A form with the objects that people of a bound role see and nothing beyond."""

    bound = forms.MultipleChoiceField(
        label=gettext_lazy("Bound to"),
        required=False,
        help_text=gettext_lazy("Creators see these shows alone, advertisers these sponsors alone."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "bound" in self.fields:
            self.fields["bound"].choices = grouped_choices()  # type: ignore[attr-defined]
            self.fields["bound"].initial = self._present()

    def _present(self) -> list[str]:
        present = self.instance.bindings if self.instance.pk and not self.instance._state.adding else []
        if hasattr(present, "all"):
            return [f"{one.kind}:{one.object_id}" for one in present.all()]
        return [f"{one['kind']}:{one['object_id']}" for one in present]


class UserForm(BoundForm):
    class Meta:
        model = User
        fields = ("name", "role")


class InvitationForm(BoundForm):
    class Meta:
        model = Invitation
        fields = ("email", "name", "role")


class KeyForm(BoundForm):
    scopes = forms.CharField(
        label=gettext_lazy("Scopes"),
        initial="*",
        help_text=gettext_lazy("Comma separated, such as deals:read, io:write. * is all that the role may do."),
    )
    allowed_networks = forms.CharField(
        label=gettext_lazy("Allowed networks"),
        required=False,
        help_text=gettext_lazy("Comma separated, such as 192.0.2.0/24. Empty: from anywhere."),
    )

    class Meta:
        model = ApiKey
        fields = ("name", "role", "scopes", "expires_at", "allowed_networks")

    def clean_scopes(self) -> list[str]:
        return [one.strip() for one in self.cleaned_data["scopes"].split(",") if one.strip()]

    def clean_allowed_networks(self) -> list[str]:
        return keys.networks([one.strip() for one in self.cleaned_data["allowed_networks"].split(",") if one.strip()])


@admin.register(User)
class UserAdmin(BaseAdmin):
    """The people of the house. New ones come in by an invitation."""

    form = UserForm
    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    list_select_related = ("role",)
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("email", "is_active", "last_login", "date_joined")
    fields = ("email", "name", "role", "bound", "is_active", "last_login", "date_joined")
    actions = ("close", "reopen")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        bind(obj, as_bindings(form.cleaned_data["bound"]))

    @admin.action(description=gettext_lazy("Deactivate: no way in, sessions end now"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset.exclude(pk=request.user.pk):
            deactivate_user(user=user)
        if queryset.filter(pk=request.user.pk).exists():
            messages.warning(request, _("You cannot close your own way in."))

    @admin.action(description=gettext_lazy("Let in again"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            reactivate_user(user=user)


@admin.register(Invitation)
class InvitationAdmin(BaseAdmin):
    """Invite a person; the letter lets them choose a password, once and within a week."""

    form = InvitationForm
    list_display = ("email", "name", "role", "invited_at", "expires_at", "accepted_at", "withdrawn_at")
    list_filter = ("role",)
    list_select_related = ("role",)
    search_fields = ("email", "name")
    ordering = ("-invited_at",)
    fields = ("email", "name", "role", "bound")
    actions = ("send_once_more", "take_back")

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        # The list and its actions need the right to change; one that was sent is not edited.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: InvitationForm, change: bool) -> None:
        invitation, token = invitations.invite(
            email=form.cleaned_data["email"],
            name=form.cleaned_data["name"],
            role=form.cleaned_data["role"].pk,
            bindings={kind: ids for kind, ids in as_bindings(form.cleaned_data["bound"]).items() if ids},
            by=request.user,  # type: ignore[arg-type]
            at=timezone.now(),
        )
        obj.__dict__.update(invitation.__dict__)
        self._send(request, invitation, token)

    @admin.action(description=gettext_lazy("Send the letter once more"), permissions=["add"])
    def send_once_more(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for invitation in queryset.filter(accepted_at=None, withdrawn_at=None):
            self._send(request, invitation, invitations.renew(invitation=invitation, at=timezone.now()))

    @admin.action(description=gettext_lazy("Withdraw"), permissions=["add"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for invitation in queryset.filter(accepted_at=None, withdrawn_at=None):
            invitations.withdraw(invitation=invitation, at=timezone.now())

    def _send(self, request: HttpRequest, invitation: Invitation, token: str) -> None:
        try:
            address = request.build_absolute_uri("/").rstrip("/")
            send_invitation(address=address, invitation=invitation, token=token, house=request.tenant.name)  # type: ignore[attr-defined]
        except (OSError, smtplib.SMTPException):
            messages.error(
                request, _("The invitation stands, but its letter could not be sent. Send it once more later.")
            )
        else:
            messages.success(request, _("The letter to %(email)s is on its way.") % {"email": invitation.email})


@admin.register(Role)
class RoleAdmin(BaseAdmin):
    """What each kind of person may do."""

    list_display = ("name", "code", "is_staff", "bound_to")
    ordering = ("name",)
    readonly_fields = ("code",)
    fields = ("code", "name", "is_staff", "bound_to", "permissions")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(BaseAdmin):
    """Keys of partners' programs. The text of a key is shown once, when it is made."""

    form = KeyForm
    list_display = ("name", "prefix", "role", "shown_scopes", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("role",)
    list_select_related = ("role",)
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    fields = ("name", "role", "scopes", "bound", "expires_at", "allowed_networks")
    actions = ("revoke", "rotate")

    @admin.display(description=gettext_lazy("scopes"))
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # The list and its actions need the right to change; a key that was given out is not edited.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: KeyForm, change: bool) -> None:
        key, secret = create_api_key(
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            role=form.cleaned_data["role"].pk,
            bindings=as_bindings(form.cleaned_data["bound"]),
            expires_at=form.cleaned_data["expires_at"],
            allowed_networks=form.cleaned_data["allowed_networks"],
            by=request.user,  # type: ignore[arg-type]
            at=timezone.now(),
        )
        obj.__dict__.update(key.__dict__)
        self._show(request, secret)

    @admin.action(description=gettext_lazy("Revoke now"), permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            keys.revoke(key=key, at=timezone.now())

    @admin.action(description=gettext_lazy("Rotate: a new key, the old one works for a day"), permissions=["add"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("role"):
            _fresh, secret = keys.rotate(key=key, by=request.user, at=timezone.now())  # type: ignore[arg-type]
            self._show(request, secret)

    def _show(self, request: HttpRequest, secret: str) -> None:
        messages.warning(request, _("Copy the key now, it is not shown again: %(secret)s") % {"secret": secret})
