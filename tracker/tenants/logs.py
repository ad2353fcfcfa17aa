"""Every line of a request names its tenant and the address that spoke to us."""

from typing import Any

import structlog
from django.http import HttpRequest

from tracker.lib.addresses import client_address


def name_tenant(*, request: HttpRequest, **_signal: Any) -> None:
    """Receive `bind_extra_request_metadata`."""
    tenant = getattr(request, "tenant", None)
    structlog.contextvars.bind_contextvars(tenant=tenant.slug if tenant else None, ip=client_address(request))
