"""ETag and If-Match: whoever read an object may say which state of it they mean to change."""

import hashlib
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer


class Stale(APIException):
    """412: the object is not any more what the caller read."""

    status_code = 412
    default_code = "stale"
    default_detail = "The object changed since you read it. Read it again, then decide."


def etag_of(data: Any) -> str:
    """Return the strong ETag of a representation."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def matches(header: str, etag: str) -> bool:
    """Return whether an If-Match or If-None-Match header names this ETag."""
    return header.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in header.split(",")}
