"""The committed description is the one the code makes, and the API answers as it says."""

import itertools
import json
import os
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import hypothesis
import jsonschema_rs
import schemathesis
import yaml
from django.core.management import call_command
from django_tenants.utils import schema_context
from drf_spectacular import validation
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import ignored_auth

from tests.factories import NOON
from tests.tracker.api.resources import RESOURCES
from tracker.events.models import Delivery, Event
from tracker.tenants.models import Domain

PROJECT = Path(__file__).resolve().parent.parent
COMMITTED = PROJECT / "docs" / "openapi.yaml"
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
# Of each operation. More of them on a quiet evening: SCHEMATHESIS_EXAMPLES=20 pytest tests/test_openapi.py
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "4"))

# 400 says that a request is not of the described form, so no request that is may get it. What a house may refuse all
# the same has statuses of its own: not there, not now, not any more, against a rule.
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"allow-x00": False},
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": ["400", "403", "404", "405", "406", "409", "412", "415", "422"]
            },
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "304", "401", "403", "404", "409", "412", "422", "429", "503"]
            },
        },
    }
)


def test_the_committed_description_is_the_one_the_code_makes(tmp_path):
    made = tmp_path / "openapi.yaml"

    call_command("spectacular", file=str(made), fail_on_warn=True)

    assert made.read_text() == COMMITTED.read_text(), "run: python manage.py spectacular --file docs/openapi.yaml"


def test_the_committed_description_is_valid_openapi():
    """By the rules that `spectacular --validate` holds it to, read by a validator a hundred times as fast."""
    rules = json.loads((Path(validation.__file__).parent / "openapi_3_1_schema.json").read_text())
    description = json.loads(json.dumps(described(), default=str))
    validator = jsonschema_rs.validator_for(rules)

    assert [str(error) for error in validator.iter_errors(description)] == []
    description["paths"]["/api/v1/deals"]["get"]["responses"] = "none"
    assert not validator.is_valid(description)


def test_every_operation_shows_an_example():
    description = described()
    bare = [
        f"{method} {path} {status}"
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        for status, body in [*operation["responses"].items(), ("request", operation.get("requestBody", {}))]
        if status[0] in "2r"
        for media in body.get("content", {}).values()
        if not {"example", "examples"} & set(media)
    ]

    assert description["openapi"].startswith("3.1")
    assert bare == []


def test_the_interactive_page_takes_nothing_from_other_hosts(client):
    page = client.get("/api/docs")

    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://www.w3.org", "")
    assert "'unsafe-inline'" not in page["Content-Security-Policy"]


def test_no_input_crashes_the_api_and_every_answer_is_described(live_site, api, switch_on_all):
    with schema_context("public"):
        Domain.objects.create(domain="127.0.0.1", tenant=live_site.tenant, is_primary=False)
    site = f"http://127.0.0.1:{live_site.port}"
    with urlopen(f"{site}/api/schema", timeout=60) as answer:  # the first request also loads the site
        assert answer.read().decode() == COMMITTED.read_text()
    schema = schemathesis.openapi.from_dict(described(), config=CONFIG)
    headers = {"Authorization": api.defaults["HTTP_AUTHORIZATION"]}
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 40

    there = ids_of_what_is_there()
    bodies = [one for one in operations if one.body]
    failures = [told for one in operations for told in failures_of(one, headers, site, there)]
    # Anew: what stands already where a body wants it is a 200 that changes nothing, whatever else the body says.
    there = ids_of_what_is_there()
    failures += [told for one in bodies for told in failures_of(one, headers, site, there, mode=NEGATIVE)]

    assert failures == [], "\n\n".join(failures)
    # These checks can fail: a description that takes any text for a status is found out.
    wrong = described()
    del wrong["components"]["schemas"]["PatchedMoveRequest"]["properties"]["status"]["pattern"]
    # Keys that were used above would hide it behind the refusal of a key that is used again.
    told = wrong["paths"]["/api/v1/io/{io_id}/status"]["patch"]
    told["parameters"] = [one for one in told["parameters"] if one["in"] == "path"]
    move = schemathesis.openapi.from_dict(wrong, config=CONFIG)["/api/v1/io/{io_id}/status"]["PATCH"]
    assert any("Schema-valid request rejected" in one for one in failures_of(move, headers, site, there))


def described() -> dict[str, Any]:
    return yaml.load(COMMITTED.read_text(), Loader=yaml.CSafeLoader)


def ids_of_what_is_there() -> dict[str, str]:
    """One of each resource, by the name of the id in an address or a body."""
    made = {one.path: one.make() for one in RESOURCES if one.has_objects}
    ids = {one.key: str(getattr(made[one.path], "pk", made[one.path])) for one in RESOURCES if one.has_objects}
    event = Event.objects.get(event_id=ids["id"])
    told = Delivery.objects.create(event=event, listener="endpoint:x", subject_key="x", next_attempt_at=NOON)
    return {**ids, "sponsor_id": ids["advertiser_id"], "event_id": ids["id"], "delivery_id": str(told.pk)}


def failures_of(operation, headers: dict[str, str], site: str, ids: dict[str, str], mode=POSITIVE) -> list[str]:
    """What schemathesis finds in an operation by all its checks: asked for what nobody has, and for what is there.

    In negative mode only bodies that break the description are sent: the key is ours, and wrong addresses are nobody's.
    """
    told: list[str] = []
    turns = itertools.count()

    @hypothesis.settings(
        max_examples=EXAMPLES if mode is POSITIVE else EXAMPLES // 2,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def run(case) -> None:
        # Sparse answers leave out what the description calls required; tests/tracker/api/test_resources.py has them.
        case.query.pop("fields", None)
        if mode is NEGATIVE and not case.meta.is_negative_at(ParameterLocation.BODY):
            return
        turn = next(turns)
        if turn % 2 or mode is NEGATIVE:
            case.path_parameters = {name: ids.get(name, value) for name, value in case.path_parameters.items()}
            if isinstance(case.body, dict) and mode is POSITIVE:
                case.body = {name: ids.get(name, value) for name, value in case.body.items()}
        response = case.call(headers=headers, base_url=site, timeout=60)
        try:
            # Whether a key is asked for hangs on the operation, not on what it is sent: tried once with each.
            case.validate_response(response, excluded_checks=[ignored_auth] if turn or mode is NEGATIVE else [])
        except (Exception, BaseExceptionGroup) as failure:
            found = failure.exceptions if isinstance(failure, BaseExceptionGroup) else [failure]
            sent = f"{case.formatted_path} {case.query} {case.headers} {case.body}"[:600]
            got = f"{response.status_code} {response.text[:300]}"
            told.extend(f"{operation.label}: {one}\nsent {sent}\ngot {got}" for one in found)

    run()
    return told
