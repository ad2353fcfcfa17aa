"""What the platform's admin asks for and the owner of the database does: making, exporting and erasing tenants."""

from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import tenant_context

from tracker.accounts.invitations import invite
from tracker.accounts.mail import send_invitation
from tracker.accounts.models import Role, User
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict
from tracker.tenants.backups import EXPORTS, export_tenant
from tracker.tenants.erasure import due_for_erasure, erase
from tracker.tenants.queries import get_tenant_by_slug
from tracker.tenants.services import provision
from tracker.tenants.tasks import public_task


@public_task
def provision_requested(slug: str) -> None:
    """Make a tenant that the platform's admin asked for, and invite its first administrator by mail."""
    tenant = provision(tenant=get_tenant_by_slug(slug))
    if not tenant.admin_email:
        return
    with tenant_context(tenant):
        if User.objects.filter(role=Role.Code.ADMINISTRATOR).exists():
            return
        try:
            invitation, token = invite(
                email=tenant.admin_email, role=Role.Code.ADMINISTRATOR, by=SYSTEM, at=timezone.now()
            )
        except Conflict:
            return  # a second run of this task: the letter was sent by the first
        send_invitation(address=tenant.address, invitation=invitation, token=token, house=tenant.name)


@public_task
def export_requested(slug: str) -> None:
    """Write an archive of a tenant where the platform's admin finds it."""
    at = timezone.now()
    export_tenant(tenant=get_tenant_by_slug(slug), archive=exports_of(slug) / f"{slug}-{at:%Y%m%dT%H%M%SZ}.tar", at=at)


@public_task
def erase_due() -> None:
    """Erase the tenants whose grace period is over."""
    at = timezone.now()
    for tenant in due_for_erasure(at=at):
        erase(tenant=tenant, at=at)


def exports_of(slug: str) -> Path:
    """Return the folder of a tenant's archives; it goes with the tenant."""
    return Path(settings.MEDIA_ROOT) / EXPORTS / slug
