"""Each type of event has a JSON Schema, published and kept; what is emitted fits it (tests/event_schemas.py)."""

import ast
import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from jsonschema import Draft202012Validator

from bookings.models import Makegood
from tests.event_schemas import faults_of
from tests.factories import make_campaign
from tests.sources import nodes_of, product_files
from tracker.events.models import Event
from tracker.events.schemas import all_described, describe
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM

PROJECT = Path(__file__).resolve().parents[3]
PUBLISHED = PROJECT / "docs" / "event-schemas.json"
TYPE = re.compile(r"[a-z_]+\.[a-z_]+")


def emitted_types() -> set[str]:
    """Every type that the product's code names: text that looks like one of a known kind, in files that emit."""
    kinds = {one.type.partition(".")[0] for one in all_described()}
    found = {f"makegood.{status}" for status in Makegood.Status.values}
    for path in product_files(that_say="emit("):
        nodes = list(nodes_of(path))
        calls = [one for one in nodes if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "emit"]
        arguments = [one for call in calls for one in ast.walk(call.args[0]) if isinstance(one, ast.Constant)]
        found |= {one.value for one in arguments if isinstance(one.value, str) and TYPE.fullmatch(one.value)}
        texts = {one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        if calls:
            found |= {one for one in texts if TYPE.fullmatch(one) and one.partition(".")[0] in kinds}
    return found


def test_every_type_that_the_product_emits_is_described():
    emitted = emitted_types()

    assert {"deal.stage_changed", "io.booked", "copy.approved"} <= emitted
    assert emitted - {one.type for one in all_described()} == set()


@pytest.mark.parametrize("one", all_described(), ids=lambda one: one.type)
def test_a_schema_is_one_and_is_told_in_the_docs(one):
    Draft202012Validator.check_schema(one.schema())

    words = (PROJECT / "docs" / "events.md").read_text()
    is_step = one.type.startswith("makegood.")
    assert f"`{one.type}`" in words or is_step


def test_the_published_file_is_what_the_code_says(capsys):
    call_command("event_schemas")

    assert capsys.readouterr().out == PUBLISHED.read_text(), "run: manage.py event_schemas > docs/event-schemas.json"


def test_schemas_are_read_over_the_api_by_whoever_hears_events(api, api_of, tenant):
    listed = api.get("/api/v1/events/schemas").json()["schemas"]
    moved = next(one for one in listed if one["type"] == "deal.stage_changed")

    schema = api.get(moved["address"]).json()

    assert [one["type"] for one in listed] == [one.type for one in all_described()]
    assert schema == json.loads(PUBLISHED.read_text())["deal.stage_changed"]
    assert schema["properties"]["data"]["properties"]["to"]["enum"][-1] == "lost"
    assert api.get("/api/v1/events/schemas/no.such").json()["code"] == "not_found"
    assert api_of(tenant, role="creator", scopes=["events:read"]).get(moved["address"]).status_code == 200
    assert api_of(tenant, scopes=["deals"]).get(moved["address"]).status_code == 403


def test_a_partner_can_validate_the_feed_with_what_is_published(api):
    deal = make_campaign()
    data = {"campaign_id": str(deal.pk), "from": "lead", "to": "qualified", "reason": "", "forced": False}
    emit("deal.stage_changed", subject=deal, by=SYSTEM, at=timezone.now(), data={**data, "warnings": []})

    (payload,) = api.get("/api/v1/events").json()["results"]

    validator = Draft202012Validator(api.get("/api/v1/events/schemas/deal.stage_changed").json())
    assert list(validator.iter_errors(payload)) == []
    assert list(validator.iter_errors({**payload, "later_member": 1})) == []
    assert list(validator.iter_errors({**payload, "data": {**data, "to": "elsewhere"}})) != []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"other": 1}, "Additional properties"),
        ({}, "is a required property"),
        ({"id": "x"}, "is not a 'uuid'"),
        ({"id": 7}, "is not of type 'string'"),
    ],
)
def test_what_does_not_fit_is_named(data, words):
    event = Event(type="agency.added", subject_type="deals.agency", subject_id="1", at=timezone.now(), seq=1)
    event.data = {"agency_id" if name == "id" else name: value for name, value in data.items()} | {"name": "A"}

    assert any(words in fault for fault in faults_of(event))


def test_no_type_is_described_twice():
    with pytest.raises(ValueError, match="twice"):
        describe("deal.opened", "again")
