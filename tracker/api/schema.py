"""The OpenAPI description: what every endpoint shares is said once, here."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

Problem = inline_serializer(
    name="Problem",
    fields={
        "type": serializers.CharField(),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "code": serializers.CharField(help_text="Stable; programs decide by it."),
        "detail": serializers.CharField(help_text="For people: what happened and what to do."),
    },
)

REFUSALS = {
    "400": "The request is not of the form that is described here.",
    "401": "No key, or one that is not valid here.",
    "403": "The feature is off, or the role or the key's scopes do not cover this.",
    "404": "There is no such object here.",
    "405": "This method is not served here.",
    "406": "Only JSON is served here.",
    "409": "Not from where the object stands now, or it clashes with another.",
    "412": "The object changed since it was read (If-Match).",
    "413": "The body is too large.",
    "415": "This kind of body is not taken here.",
    "422": "Well formed, but against a rule (`code` says which), or the Idempotency-Key was used for another body.",
    "429": "Too many requests; Retry-After says when to come back.",
    "503": "Not available just now; Retry-After says when to come back.",
}


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x20-\\x7e]+$"},
    OpenApiParameter.HEADER,
    description="The same key and request again, within 24 hours, gets the first answer and has no second effect.",
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The object's ETag as last read; 412 when it changed since."
)
FIELDS = OpenApiParameter("fields", str, description="comma separated: answer with these members alone")


# Something to read: what is trimmed away does not count, in any dialect of regular expressions.
NOT_BLANK = r"[^\s\x1c-\x1f\x85]"
# Something said: at least one letter or digit.
A_WORD = r"[^\W_]"
# Addresses as everybody writes them. Rarer ones (other alphabets, bare numbers) are taken as well.
WEB_ADDRESS = r"^https?://([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(:[0-9]{2,4})?(/[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?$"


class TrackerAutoSchema(AutoSchema):
    """What every operation shares: problem documents, Idempotency-Key, If-Match on writes, sparse fields on reads."""

    def get_override_parameters(self) -> list[Any]:
        if self.method == "GET":
            return [FIELDS]
        common = [IDEMPOTENCY_KEY] if self.method in {"POST", "PATCH"} else []
        # An object that stands in the address may be named in the state in which it was read.
        return [*common, IF_MATCH] if "{" in self.path and hasattr(self.view, "get_object") else common

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        """Add what a serializer says of its members together (`conditions`, JSON Schema): what JSON Schema can tell."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        tell = _tell_more if direction == "request" else _tell_less
        for name, field in serializer.fields.items():
            if name in schema.get("properties", {}):
                tell(field, schema["properties"][name])
        return {**schema, **getattr(serializer, "conditions", {})} if direction == "request" else schema

    def _get_request_body(self, direction: str = "request") -> Any:
        """Ask for a body wherever something in it is needed."""
        body = super()._get_request_body(direction)
        asked = self.get_request_serializer() if body else None
        forms = asked.values() if isinstance(asked, dict) else [asked]
        if any(getattr(form, "conditions", None) for form in forms):
            body["required"] = True
        return body

    def is_deprecated(self) -> bool:
        deprecation_of = getattr(self.view, "deprecation_of", None)
        return super().is_deprecated() or bool(deprecation_of and deprecation_of(self.method))

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status, words in REFUSALS.items():
            if status not in bodies:
                bodies[status] = self._get_response_for_code(
                    OpenApiResponse(Problem, description=words), status, media_types=["application/problem+json"]
                )
        return bodies


def _tell_more(field: Any, schema: dict[str, Any]) -> None:
    """Say of a text in a body what its field asks beyond its length: an address, or something to read."""
    if isinstance(field, serializers.ListField):
        _tell_more(field.child, schema.get("items", {}))
    if not isinstance(field, serializers.CharField):
        return
    inner = schema["oneOf"][0] if "oneOf" in schema else schema
    if inner.get("format") == "uri":
        del inner["format"]
        inner["pattern"] = WEB_ADDRESS
    elif not field.allow_blank and not {"format", "pattern", "enum", "$ref"} & set(inner):
        inner["pattern"] = NOT_BLANK


def _tell_less(field: Any, schema: dict[str, Any]) -> None:
    """Say of an address in an answer that it is a text: what people wrote may be empty, or no URI in every sign."""
    if isinstance(field, serializers.URLField):
        kept = schema.pop("oneOf", [{}])[0]
        schema.update(kept)
        schema.pop("format", None)
