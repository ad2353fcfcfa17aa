"""What must not be so on a site that others reach."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def check_webhook_settings(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Refuse the two settings that are for integrators on their own machine."""
    errors = []
    if settings.WEBHOOK_ALLOW_LOOPBACK:
        errors.append(Error("WEBHOOK_ALLOW_LOOPBACK lets webhooks reach this machine: unset it.", id="events.E001"))
    if settings.WEBHOOK_RETRY_SCHEDULE != settings.WEBHOOK_DEFAULT_SCHEDULE:
        errors.append(Error("WEBHOOK_RETRY_SCHEDULE is not the one of three days: unset it.", id="events.E002"))
    return errors
