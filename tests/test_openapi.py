"""The committed description is the one the code makes, and the API answers as it says."""

from pathlib import Path
from urllib.request import urlopen

import hypothesis
import schemathesis
from django.core.management import call_command
from django_tenants.utils import schema_context
from schemathesis.checks import CHECKS, load_all_checks

from tracker.tenants.models import Domain

PROJECT = Path(__file__).resolve().parent.parent
COMMITTED = PROJECT / "docs" / "openapi.yaml"
EXAMPLES = 6

# Data that fits the description may still name objects that are not there: that one check is left out.
load_all_checks()


def test_the_committed_description_is_the_one_the_code_makes(tmp_path):
    made = tmp_path / "openapi.yaml"

    call_command("spectacular", file=str(made), fail_on_warn=True, validate=True)

    assert made.read_text() == COMMITTED.read_text(), "run: python manage.py spectacular --file docs/openapi.yaml"


def test_every_operation_shows_an_example():
    import yaml

    description = yaml.safe_load(COMMITTED.read_text())
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
    schema = schemathesis.openapi.from_path(COMMITTED)
    headers = {"Authorization": api.defaults["HTTP_AUTHORIZATION"]}
    failures: list[str] = []
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 40

    for operation in operations:
        try:
            _try(operation, headers, site)
        except BaseExceptionGroup as group:
            failures += [f"{operation.label}: {one}"[:1500] for one in group.exceptions]
        except Exception as failure:
            failures.append(f"{operation.label}: {failure}"[:1500])

    assert failures == [], "\n\n".join(failures)


def _try(operation, headers, site) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy())
    def run(case) -> None:
        # Sparse answers leave out what the description calls required; tests/tracker/api/test_resources.py has them.
        case.query.pop("fields", None)
        response = case.call(headers=headers, base_url=site)
        case.validate_response(response, excluded_checks=[CHECKS.get_one("positive_data_acceptance")])

    run()
