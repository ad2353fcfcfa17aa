"""Errors to a Sentry, where one is named: with the tenant and the request's id, without people, bodies or secrets."""

from typing import Any

import structlog
from django.db import connection

KEPT_OF_A_REQUEST = {"method", "url"}


def report_errors_to(dsn: str, *, transport: Any = None) -> None:
    """Send unhandled errors of web and worker to this address."""
    # Loaded where it is wanted: it would cost the start of every command.
    import sentry_sdk
    from sentry_sdk.integrations.logging import ignore_logger

    # The log line of a failed request says the same once more, with the address as it was typed.
    ignore_logger("django_structlog.middlewares.request")
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        before_send=_without_people,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=0.0,
    )


def _without_people(event: Any, hint: dict[str, Any]) -> Any:
    event.setdefault("tags", {})["tenant"] = getattr(connection, "schema_name", "public")
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        event["tags"]["request_id"] = request_id
    if "request" in event:
        event["request"] = {key: value for key, value in event["request"].items() if key in KEPT_OF_A_REQUEST}
    event.pop("user", None)
    event.pop("breadcrumbs", None)
    return event
