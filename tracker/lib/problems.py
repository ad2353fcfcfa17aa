"""Problem documents (RFC 9457): how the API says no, also where no view was reached."""

from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


def problem_body(*, status: int, code: str, detail: str, **details: Any) -> dict[str, Any]:
    """Return the members of a problem document. `code` is stable and meant for programs, `detail` for people."""
    return {
        "type": f"urn:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **details,
    }


def problem_response(*, status: int, code: str, detail: str, **details: Any) -> JsonResponse:
    body = problem_body(status=status, code=code, detail=detail, **details)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
