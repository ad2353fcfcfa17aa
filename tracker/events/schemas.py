"""What each type of event says: a JSON Schema for each, published over the API and in docs/event-schemas.json.

Each app describes its own in `<app>/event_schemas.py`, loaded when the product starts:

    describe("thing.done", "a thing was done", thing_id=ID, **optional(note=TEXT))
"""

from dataclasses import dataclass
from typing import Any

from tracker.events.signing import PAYLOAD_VERSION

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "format": "uuid"}
INSTANT: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
CENTS: Schema = {"type": "integer", "description": "integer cents"}

_known: dict[str, "Described"] = {}


@dataclass(frozen=True)
class Described:
    """One type of event: when it is told, and the members of its data; those that are not needed may be missing."""

    type: str
    told_when: str
    members: dict[str, Schema]
    needed: list[str]

    def schema(self) -> Schema:
        """Return the JSON Schema of the whole payload, as a webhook's body and the feed carry it.

        Members may be added within a version, so a reader must not refuse those it does not know.
        """
        data = {"type": "object", "properties": self.members, "required": self.needed}
        return {
            "$schema": DRAFT,
            "$id": f"urn:event:{self.type}:v{PAYLOAD_VERSION}",
            "title": self.type,
            "description": self.told_when,
            "type": "object",
            "properties": {**_ENVELOPE, "type": {"const": self.type}, "data": data},
            "required": [*_ENVELOPE, "type", "data"],
        }


def maybe(schema: Schema) -> Schema:
    """Return the schema of a member that may also be null: unknown, or none."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def one_of(*words: str) -> Schema:
    return {"enum": list(words)}


def optional(**members: Schema) -> dict[str, Schema]:
    """Return members that an event may leave out."""
    return {name: {**schema, "x-optional": True} for name, schema in members.items()}


def describe(type: str, told_when: str, /, **members: Schema) -> None:
    """Describe the data of a type of event. Raises ValueError for one that is described already."""
    if type in _known:
        raise ValueError(f"{type} is described twice.")
    needed = [name for name, schema in members.items() if "x-optional" not in schema]
    plain = {name: {key: value for key, value in one.items() if key != "x-optional"} for name, one in members.items()}
    _known[type] = Described(type=type, told_when=told_when, members=plain, needed=needed)


def described(type: str) -> Described | None:
    return _known.get(type)


def all_described() -> list[Described]:
    """Return every type that is described, by name."""
    return [_known[type] for type in sorted(_known)]


_ENVELOPE: dict[str, Schema] = {
    "id": {**ID, "description": "the same on every try: keep those that you have seen"},
    "version": {"const": PAYLOAD_VERSION},
    "sequence": {"type": "integer", "minimum": 1, "description": "grows with time within a tenant"},
    "timestamp": INSTANT,
    "subject": {
        "type": "object",
        "properties": {"type": TEXT, "id": TEXT},
        "required": ["type", "id"],
        "description": "what it happened to; events of one subject come in order",
    },
    "actor": {"type": "object", "properties": {"kind": TEXT, "label": TEXT}, "required": ["kind", "label"]},
}
