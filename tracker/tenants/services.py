"""Every write about tenants: making one, opening it, closing it."""

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django_tenants.utils import get_public_schema_name, schema_context

from tracker.accounts.models import Role, User
from tracker.accounts.roles import ensure_roles
from tracker.accounts.services import create_user
from tracker.lib.errors import Conflict, DomainError
from tracker.tenants.blueprints import recorded, replay
from tracker.tenants.models import RESERVED_SLUGS, SLUG, Domain, Tenant
from tracker.tenants.rights import grant_rights
from tracker.tenants.routing import is_migrated
from tracker.tenants.wholeness import missing_in

PLATFORM_SLUG = "platform"


def create_tenant(
    *,
    slug: str,
    name: str,
    currency: str = "USD",
    time_zone: str = "UTC",
    admin_email: str = "",
    admin_password: str | None = None,
    is_platform: bool = False,
) -> Tenant:
    """Make a tenant whole and at once: its row and host, its schema by migrations, its roles, its first administrator.

    The demo, the tests and the command line use this; the platform's admin asks for the tenant and lets a task make it.
    Runs in `public` and outside a transaction. Raises what `request_tenant` and `provision` raise.
    """
    tenant = request_tenant(slug=slug, name=name, currency=currency, time_zone=time_zone, is_platform=is_platform)
    return provision(tenant=tenant, admin_email=admin_email, admin_password=admin_password)


def ensure_platform(*, admin_email: str = "", admin_password: str | None = None) -> Tenant:
    """Return the platform's own tenant, which owns the bare host and its admin; make it when it is not there yet."""
    tenant = Tenant.objects.filter(is_platform=True).first()
    if tenant is None:
        tenant = request_tenant(slug=PLATFORM_SLUG, name="Platform", is_platform=True)
    return provision(tenant=tenant, admin_email=admin_email, admin_password=admin_password)


def request_tenant(
    *,
    slug: str,
    name: str,
    currency: str = "USD",
    time_zone: str = "UTC",
    is_platform: bool = False,
    admin_email: str = "",
) -> Tenant:
    """Write down that a tenant is wanted, with its host. Its schema is made by `provision`.

    Raises DomainError("bad_slug"), ("bad_time_zone"), ("bad_currency") and Conflict("slug_taken").
    """
    check_slug(slug, is_platform=is_platform)
    if time_zone not in available_timezones():
        raise DomainError("bad_time_zone", _("There is no time zone called %(zone)s.") % {"zone": time_zone})
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise DomainError("bad_currency", _("A currency is three capital letters, such as USD."))
    tenant = Tenant(
        schema_name=slug,
        name=name,
        currency=currency,
        time_zone=time_zone,
        is_platform=is_platform,
        admin_email=admin_email,
    )
    with schema_context(get_public_schema_name()):
        try:
            with transaction.atomic():
                tenant.save()
                Domain.objects.create(domain=tenant.host, tenant=tenant, is_primary=True)
        except (IntegrityError, ValidationError) as error:
            raise Conflict("slug_taken", _("There is a tenant called %(slug)s already.") % {"slug": slug}) from error
    return tenant


def provision(*, tenant: Tenant, admin_email: str = "", admin_password: str | None = None) -> Tenant:
    """Give a tenant its schema, roles and first administrator, and open it. Repeatable: what is there stays.

    A step that fails leaves the tenant `failed` with the reason, and the exception goes on to the caller.
    """
    with schema_context(get_public_schema_name()):
        if tenant.status == Tenant.Status.FAILED:
            _set_status(tenant, Tenant.Status.PROVISIONING)
        try:
            _make_schema(tenant.schema_name)
            _fill_schema(tenant.schema_name)
            _check_complete(tenant.schema_name)
            grant_rights(tenant.schema_name)
            with schema_context(tenant.schema_name), transaction.atomic():
                ensure_roles()
                if admin_email and admin_password:
                    _ensure_administrator(admin_email, admin_password)
        except Exception as error:
            _set_status(tenant, Tenant.Status.FAILED, note=f"{type(error).__name__}: {error}"[:2000])
            raise
        if tenant.status == Tenant.Status.PROVISIONING:
            _set_status(tenant, Tenant.Status.ACTIVE)
    return tenant


def migrate_tenant(schema: str) -> None:
    """Bring one tenant's schema to the migrations of this code."""
    call_command("migrate_schemas", schema_name=schema, tenant=True, interactive=False, verbosity=0)


def set_tenant_status(*, tenant: Tenant, to: Tenant.Status, note: str = "") -> Tenant:
    """Suspend or reopen a tenant. Raises Conflict("invalid_transition"), Conflict("being_deleted")."""
    with schema_context(get_public_schema_name()), transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if Tenant.Status.DELETING in (tenant.status, to):
            detail = _("%(name)s is being deleted. Keep it after all first.") % {"name": tenant}
            raise Conflict("being_deleted", detail)
        if tenant.status != to:
            _set_status(tenant, to, note=note)
    return tenant


def _ensure_administrator(email: str, password: str) -> None:
    if not User.objects.filter(email__iexact=email).exists():
        create_user(email=email, role=Role.Code.ADMINISTRATOR, password=password)


def _set_status(tenant: Tenant, to: Tenant.Status, *, note: str = "") -> None:
    tenant.move_to(to)
    tenant.status_note = note
    tenant.save(update_fields=["status", "status_note"])


def check_slug(slug: str, *, is_platform: bool = False) -> None:
    """Refuse what cannot be a tenant's slug with DomainError("bad_slug")."""
    try:
        SLUG(slug)
    except ValidationError as error:
        raise DomainError("bad_slug", " ".join(error.messages)) from error
    if slug in RESERVED_SLUGS or slug.startswith("pg_") or (slug == PLATFORM_SLUG) != is_platform:
        raise DomainError("bad_slug", _("%(slug)s is a reserved name. Choose another.") % {"slug": slug})


def _make_schema(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(schema)}")


def _fill_schema(schema: str) -> None:
    if not replay(schema):
        with recorded(schema):
            migrate_tenant(schema)


def _check_complete(schema: str) -> None:
    """Refuse to open a schema that lacks something: a missing table would silently be read from `public`."""
    missing = missing_in(schema)
    if missing or not is_migrated(schema):
        raise RuntimeError(f"Schema {schema} is incomplete; missing: {', '.join(missing) or 'migrations'}.")
