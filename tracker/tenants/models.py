"""The houses that use the product. These tables stand in `public`; everything else of a tenant stands in its schema."""

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from tracker.lib.states import Stateful

SLUG = RegexValidator(r"^[a-z][a-z0-9_]{2,40}$", _("Use 3 to 41 small letters, digits or _, starting with a letter."))
# Names of schemas that are not a tenant's, of hosts, and of the folders beside those of tenants below MEDIA_ROOT.
RESERVED_SLUGS = frozenset(
    {"public", "pg_catalog", "pg_toast", "information_schema", "www", "api", "admin", "static", "clicks", "exports"}
)


class Tenant(Stateful, TenantMixin):
    """A sales house or network: one schema, one set of people, one currency, one time zone."""

    class Status(models.TextChoices):
        PROVISIONING = "provisioning", _("being made")
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")
        FAILED = "failed", _("failed")
        DELETING = "deleting", _("being deleted")

    TRANSITIONS = {
        Status.PROVISIONING: {Status.ACTIVE, Status.FAILED, Status.DELETING},
        Status.ACTIVE: {Status.SUSPENDED, Status.DELETING},
        Status.SUSPENDED: {Status.ACTIVE, Status.DELETING},
        Status.FAILED: {Status.PROVISIONING, Status.DELETING},
        Status.DELETING: {Status.SUSPENDED},
    }

    # Schemas are made by the provisioning job, never inside a request, and dropped only by the deletion job.
    auto_create_schema = False
    auto_drop_schema = False

    name = models.CharField(max_length=120)
    status = models.CharField(max_length=20, choices=Status, default=Status.PROVISIONING)
    status_note = models.TextField(blank=True)
    is_platform = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, default="USD")
    time_zone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=16, default="en")
    # Who is invited as the first administrator, when a task of the platform makes the tenant.
    admin_email = models.EmailField(_("first administrator"), blank=True)
    # Empty: for ever. Totals of a day are kept whatever stands here.
    detail_kept_months = models.PositiveSmallIntegerField(
        _("months of detail"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Daily figures by app, country and the like are added up to months after this many months. Empty: never."
        ),
    )
    # Set with the status "being deleted": until then it can be kept after all.
    erase_after = models.DateTimeField(_("erased after"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "tenants"
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        constraints = [
            models.UniqueConstraint("is_platform", name="one_platform_tenant", condition=models.Q(is_platform=True)),
            models.CheckConstraint(
                name="tenant_deleting_has_its_day",
                condition=models.Q(status="deleting") ^ models.Q(erase_after__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def slug(self) -> str:
        return self.schema_name

    @property
    def host(self) -> str:
        """The tenant's own host below the bare one; host names know no underscore."""
        if self.is_platform:
            return settings.SITE_HOST
        return f"{self.schema_name.replace('_', '-')}.{settings.SITE_HOST}"

    @property
    def address(self) -> str:
        """The address that people follow, with scheme and port, without a slash at its end."""
        usual = {"http": "80", "https": "443"}[settings.SITE_SCHEME]
        port = "" if settings.SITE_PORT in ("", usual) else f":{settings.SITE_PORT}"
        return f"{settings.SITE_SCHEME}://{self.host}{port}"


class Blueprint(models.Model):
    """The statements that gave the last new tenant its tables, for the migrations with this digest."""

    fingerprint = models.CharField(max_length=64, primary_key=True)
    statements = models.JSONField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "schema_blueprints"

    def __str__(self) -> str:
        return self.fingerprint[:12]


class Domain(DomainMixin):
    """A host name that leads to a tenant."""

    class Meta:
        db_table = "domains"
        verbose_name = _("host name")
        verbose_name_plural = _("host names")

    def __str__(self) -> str:
        return self.domain
