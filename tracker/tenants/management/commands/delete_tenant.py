"""Delete a tenant: close it now, erase it after a grace period; or keep it after all."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tracker.lib.errors import DomainError
from tracker.tenants.erasure import GRACE_DAYS, erase, keep_after_all, schedule_deletion
from tracker.tenants.models import Tenant
from tracker.tenants.queries import get_tenant_by_slug


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = (
        "Close a tenant now and erase it after a grace period: schema, files, cache, queue, host names. --keep takes "
        "that back while the period lasts. A worker erases what is due every hour; --now erases at once what is due."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--confirm", default="", help="the slug once more")
        parser.add_argument("--days", type=int, default=GRACE_DAYS, help=f"of grace, default {GRACE_DAYS}")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--keep", action="store_true", help="take the deletion back")
        what.add_argument("--now", action="store_true", help="erase it at once, if its grace period is over")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenant = get_tenant_by_slug(options["slug"])
            if options["keep"]:
                keep_after_all(tenant=tenant)
                self.stdout.write(f"{tenant.slug} is kept, suspended: open it with suspend_tenant --reopen.")
                return
            self._delete(tenant, options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def _delete(self, tenant: Tenant, options: dict[str, Any]) -> None:
        if options["confirm"] != tenant.slug:
            raise CommandError(f"Say it twice: --confirm {tenant.slug}. Take an export first (export_tenant).")
        tenant = schedule_deletion(tenant=tenant, at=timezone.now(), days=options["days"])
        self.stdout.write(f"{tenant.slug} is closed; {tenant.status_note}.")
        if options["now"]:
            gone = erase(tenant=tenant, at=timezone.now())
            self.stdout.write("Erased: schema, host names, " + ", ".join(f"{n} {what}" for what, n in gone.items()))
