"""Every event that any test emits is held against its published JSON Schema."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache

import pytest
from django.db.models.signals import post_save
from jsonschema import Draft202012Validator, FormatChecker

from tracker.events.models import Event
from tracker.events.schemas import described
from tracker.events.signing import payload_of

FORMATS = FormatChecker(formats=["uuid"])


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(text: object) -> bool:
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_day(text: object) -> bool:
    return not isinstance(text, str) or bool(date.fromisoformat(text))


@cache
def validator_of(type: str) -> Draft202012Validator:
    """Return the validator of a type, stricter than what is published: a member that nobody described is an error."""
    found = described(type)
    assert found is not None, f"{type} has no schema: describe it in the app's event_schemas.py"
    schema = found.schema()
    schema["additionalProperties"] = False
    schema["properties"]["data"]["additionalProperties"] = False
    return Draft202012Validator(schema, format_checker=FORMATS)


def faults_of(event: Event) -> list[str]:
    """Return what of an event's payload its schema does not allow."""
    return [
        f"{'/'.join(map(str, one.path))}: {one.message}"
        for one in validator_of(event.type).iter_errors(payload_of(event))
    ]


@pytest.fixture(autouse=True)
def _events_are_as_described() -> Iterator[None]:
    """Types that only a test knows (thing.done) have no schema and are let through; test_schemas.py finds the rest."""

    def hold(instance: Event, created: bool, **_signal: object) -> None:
        if created and described(instance.type) is not None:
            assert faults_of(instance) == [], f"{instance.type}: {faults_of(instance)}"

    post_save.connect(hold, sender=Event, weak=False)
    yield
    post_save.disconnect(hold, sender=Event)
