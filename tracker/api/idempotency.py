"""Idempotency-Key: the same request again gets the first answer again, and has had one effect.

The key's row, the effect and the answer are one transaction. A twin that comes at the same time waits for the
row of the first and then reads its answer; after a crash neither row nor effect is there, and the retry is the first.
A refusal takes back the row with whatever had been written, and is then kept by itself, unless a twin was first
meanwhile: then its answer is the first one.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.api.models import IdempotentAnswer
from tracker.lib.errors import DomainError
from tracker.lib.problems import problem_response

HEADER = "Idempotency-Key"
METHODS = frozenset({"POST", "PATCH"})
KEPT_FOR = timedelta(hours=24)
# Answers that say nothing about the request itself: a retry is a first try.
NOT_KEPT = frozenset({401, 403, 429, 500, 502, 503, 504})
HEADERS_KEPT = ("Location", "ETag")

# Every write with a key asks this first: written out, so that nothing has to be put together for it.
_FIRST = """
INSERT INTO idempotent_answers (answer_id, caller, key, request_hash, content_type, headers, body, made_at)
VALUES (%s, %s, %s, %s, '', '{}', '', %s) ON CONFLICT (caller, key) DO NOTHING RETURNING answer_id
"""
_KEEP = "UPDATE idempotent_answers SET status = %s, content_type = %s, headers = %s, body = %s WHERE answer_id = %s"

Handler = Callable[[], HttpResponse]


def answered_once(
    *, request: Request, at: datetime, handle: Handler, refuse: Callable[[Exception], Any]
) -> HttpResponse:
    """Return the answer of `handle`, or the one that the same key got before.

    `refuse` turns what `handle` raises into an answer; what it cannot turn takes the key back with the effect.
    Raises DomainError("bad_idempotency_key").
    """
    key = request.headers[HEADER]
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise DomainError(
            "bad_idempotency_key", _("An Idempotency-Key is 1 to 255 printable ASCII characters."), status=400
        )
    mine = IdempotentAnswer(caller=_caller(request), key=key, request_hash=_digest(request), made_at=at)
    try:
        return _answered_first(mine, handle)
    except Exception as error:
        refusal = refuse(error)
    if refusal.status_code in NOT_KEPT or refusal.streaming:
        return refusal
    return _answered_first(mine, lambda: refusal)


def forget_old_answers(*, at: datetime) -> int:
    """Delete the answers that nobody may ask for any more. Returns how many went."""
    return IdempotentAnswer.objects.filter(made_at__lt=at - KEPT_FOR).delete()[0]


@transaction.atomic
def _answered_first(mine: IdempotentAnswer, handle: Handler) -> HttpResponse:
    """Return the answer of `handle` and keep it, or the one that was kept before; what `handle` raises undoes both."""
    while not _is_first(mine):
        kept = IdempotentAnswer.objects.filter(caller=mine.caller, key=mine.key).first()
        if kept and kept.made_at >= mine.made_at - KEPT_FOR:
            return _again(kept, mine.request_hash)
        if kept:
            kept.delete()
    response = handle()
    if response.status_code in NOT_KEPT or response.streaming:
        mine.delete()
    else:
        _keep(mine, response)
    return response


def _is_first(mine: IdempotentAnswer) -> bool:
    """Write the row of a key, or tell that it is there already; waits for a twin that is being answered."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [mine.pk, mine.caller, mine.key, mine.request_hash, mine.made_at])
        return cursor.fetchone() is not None


def _again(kept: IdempotentAnswer, digest: str) -> HttpResponse:
    if kept.request_hash != digest:
        detail = _("This Idempotency-Key was used for another request. Take a fresh key for each request.")
        return problem_response(status=422, code="idempotency_key_reused", detail=detail)
    response = HttpResponse(kept.body, status=kept.status, content_type=kept.content_type)
    for name, value in kept.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response


def _keep(mine: IdempotentAnswer, response: HttpResponse) -> None:
    if isinstance(response, Response):
        body = JSONRenderer().render(response.data).decode() if response.data is not None else ""
        content_type = "application/json"
    else:
        body, content_type = response.content.decode(), response["Content-Type"]
    headers = {name: response[name] for name in HEADERS_KEPT if name in response}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [response.status_code, content_type, json.dumps(headers), body, mine.pk])


def _caller(request: Request) -> str:
    actor = request.user.as_actor()
    return f"{actor.kind}:{actor.id}"


def _digest(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if (request.content_type or "").startswith("multipart/"):
        for name, values in sorted(request.data.lists()):
            for value in values:
                digest.update(f"\n{name}=".encode())
                if hasattr(value, "chunks"):
                    digest.update(f"{value.name}:".encode("utf-8", "replace"))
                    for chunk in value.chunks():
                        digest.update(chunk)
                    value.seek(0)
                else:
                    digest.update(str(value).encode("utf-8", "replace"))
    else:
        digest.update(request._request.body)
    return digest.hexdigest()
