"""Making a tenant that was asked for in the platform's admin."""

from django.utils import timezone
from django_tenants.utils import tenant_context

from tracker.accounts.invitations import invite
from tracker.accounts.mail import send_invitation
from tracker.accounts.models import Role, User
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict
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
