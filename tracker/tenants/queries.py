"""Reads over tenants. Tenants and domains stand in `public`, which every schema's path reaches."""

from django.db.models import QuerySet

from tracker.lib.errors import NotFound
from tracker.tenants.models import Tenant


def get_tenant_by_slug(slug: str) -> Tenant:
    """Return the tenant of this slug. Raises NotFound("tenant_not_found")."""
    tenant = Tenant.objects.filter(schema_name=slug).first()
    if tenant is None:
        raise NotFound("tenant_not_found", f"There is no tenant called {slug}.")
    return tenant


def active_tenants() -> QuerySet[Tenant]:
    """Return the tenants that work now, the platform's own included, by slug."""
    return Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("schema_name")
