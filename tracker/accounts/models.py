"""People of one tenant, what they may do, and the keys of their programs. All tables stand in the tenant's schema."""

import uuid
from datetime import datetime
from typing import ClassVar

import pghistory
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from tracker.lib.actors import Actor
from tracker.lib.ids import new_id


@pghistory.track()
class Role(models.Model):
    """What a kind of person may do. Permissions are data: administrators may change them.

    `permissions` holds codes such as "deals.change_campaign"; "*" means all.
    """

    class Code(models.TextChoices):
        ADMINISTRATOR = "administrator", _("administrator")
        SALES_MANAGER = "sales_manager", _("sales manager")
        SALESPERSON = "salesperson", _("salesperson")
        CREATOR = "creator", _("creator")
        ADVERTISER = "advertiser", _("advertiser")
        OPS = "ops", _("ops")

    code = models.CharField(max_length=32, primary_key=True)
    name = models.CharField(max_length=64)
    permissions = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    # Staff roles work in the admin; creators and advertisers only on their pages.
    is_staff = models.BooleanField(default=False)
    # The kind of object that people of this role are bound to and see nothing beyond; empty: not bound.
    bound_to = models.CharField(max_length=32, blank=True)

    class Meta:
        db_table = "roles"

    def __str__(self) -> str:
        return self.name

    def grants(self, permission: str) -> bool:
        """Return whether this role may do "app.act_thing". "*" grants all, "app.*" all of one app."""
        app_label = permission.partition(".")[0]
        return not {"*", f"{app_label}.*", permission}.isdisjoint(self.permissions)


class Principal:
    """What a person and a key have in common: a role, what it grants, and what they are bound to."""

    role: Role

    def has_role(self, *codes: str) -> bool:
        return self.role_id in codes  # type: ignore[attr-defined]

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.role.grants(perm)  # type: ignore[attr-defined]

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        granted = self.role.permissions
        active = self.is_active  # type: ignore[attr-defined]
        return active and ("*" in granted or any(perm.startswith(f"{app_label}.") for perm in granted))

    def bound_ids(self, kind: str) -> set[uuid.UUID] | None:
        """Return the ids of the objects of a kind that bound people see; None when the role is not bound to it.

        One query, kept for the life of this object. A creator without a binding sees nothing: the empty set.
        """
        if self.role.bound_to != kind:
            return None
        if not hasattr(self, "_bound_ids"):
            self._bound_ids = set(self.bindings.filter(kind=kind).values_list("object_id", flat=True))  # type: ignore[attr-defined]
        return self._bound_ids


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


@pghistory.track(exclude=["password", "last_login"])
class User(Principal, AbstractBaseUser):
    """A person who signs in to one tenant. The same address at another tenant is another person."""

    user_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail"))
    name = models.CharField(_("name"), max_length=120, blank=True)
    role = models.ForeignKey("accounts.Role", on_delete=models.PROTECT, related_name="users")
    is_active = models.BooleanField(_("active"), default=True)  # type: ignore[misc]
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        db_table = "users"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email

    def as_actor(self) -> Actor:
        return Actor(kind="user", id=str(self.pk), label=str(self))

    @property
    def is_staff(self) -> bool:
        return self.role.is_staff

    @property
    def is_superuser(self) -> bool:
        return self.role_id == Role.Code.ADMINISTRATOR


@pghistory.track(exclude=["key_hash", "last_used_at"])
class ApiKey(Principal, models.Model):
    """The key of a partner's program. Only its hash is kept; the prefix tells people which one it is.

    `scopes` narrow what the role grants; "*" is all that the role may do.
    """

    key_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    role = models.ForeignKey("accounts.Role", on_delete=models.PROTECT, related_name="keys")
    scopes = ArrayField(models.CharField(max_length=64), default=list)
    allowed_networks = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    created_at = models.DateTimeField()
    created_by = models.JSONField(default=dict)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    is_staff = False
    is_superuser = False
    is_authenticated = True
    is_anonymous = False

    class Meta:
        db_table = "api_keys"
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None

    def is_usable(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    def has_scope(self, scope: str) -> bool:
        """Return whether this key covers "area:read" or "area:write"; write of an area includes its reading."""
        area, _colon, act = scope.partition(":")
        wanted = {"*", scope, area} | ({f"{area}:write"} if act == "read" else set())
        return not wanted.isdisjoint(self.scopes)

    def as_actor(self) -> Actor:
        return Actor(kind="key", id=str(self.pk), label=self.name)


@pghistory.track()
class Binding(models.Model):
    """One object that a bound person or key may see: a creator's show, an advertiser's house."""

    binding_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, null=True, blank=True, related_name="bindings")
    key = models.ForeignKey("accounts.ApiKey", on_delete=models.CASCADE, null=True, blank=True, related_name="bindings")
    kind = models.CharField(max_length=32)
    object_id = models.UUIDField()

    class Meta:
        db_table = "bindings"
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "object_id"], name="user_bound_once"),
            models.UniqueConstraint(fields=["key", "kind", "object_id"], name="key_bound_once"),
            models.CheckConstraint(
                name="binding_of_user_or_key",
                condition=models.Q(user__isnull=False, key__isnull=True)
                | models.Q(user__isnull=True, key__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


@pghistory.track(exclude=["token_hash"])
class Invitation(models.Model):
    """A letter that lets one person choose a password and come in, once and for a few days."""

    invitation_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail"))
    name = models.CharField(_("name"), max_length=120, blank=True)
    role = models.ForeignKey("accounts.Role", on_delete=models.PROTECT, related_name="+")
    # [{"kind": "podcast", "object_id": "..."}]: what the person is bound to on arrival.
    bindings = models.JSONField(default=list, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.JSONField(default=dict)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "invitations"
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="one_open_invitation",
                condition=models.Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.email
