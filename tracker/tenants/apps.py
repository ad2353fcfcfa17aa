from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "tracker.tenants"
    label = "tenants"
    verbose_name = _("Tenants")

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in
        from django.db.models.signals import post_delete, post_save
        from django_structlog.celery.signals import bind_extra_task_metadata
        from django_structlog.signals import bind_extra_request_metadata

        from tracker.tenants.executor import teach_command
        from tracker.tenants.logs import name_tenant, name_tenant_of_task
        from tracker.tenants.middleware import bind_session
        from tracker.tenants.models import Domain, Tenant
        from tracker.tenants.routing import tenant_changed

        teach_command()
        # The one use of signals: whoever changes a tenant, from wherever, the map in memory must not outlive it.
        for model in (Tenant, Domain):
            post_save.connect(tenant_changed, sender=model, dispatch_uid=f"route-save-{model.__name__}")
            post_delete.connect(tenant_changed, sender=model, dispatch_uid=f"route-delete-{model.__name__}")
        bind_extra_request_metadata.connect(name_tenant, dispatch_uid="log-tenant")
        bind_extra_task_metadata.connect(name_tenant_of_task, dispatch_uid="log-tenant-of-task")
        user_logged_in.connect(bind_session, dispatch_uid="bind-session")
