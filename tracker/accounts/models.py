"""People of one tenant, what they may do, and the keys of their programs. All tables stand in the tenant's schema."""

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

    class Meta:
        db_table = "roles"

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


@pghistory.track()
class User(AbstractBaseUser):
    """A person who signs in to one tenant. The same address at another tenant is another person."""

    user_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail"))
    name = models.CharField(_("name"), max_length=120, blank=True)
    role = models.ForeignKey("accounts.Role", on_delete=models.PROTECT, related_name="users")
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    objects = UserManager()

    class Meta:
        db_table = "users"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

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

    def has_role(self, *codes: str) -> bool:
        return self.role_id in codes

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and ("*" in self.role.permissions or perm in self.role.permissions)

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        granted = self.role.permissions
        return self.is_active and ("*" in granted or any(perm.startswith(f"{app_label}.") for perm in granted))
