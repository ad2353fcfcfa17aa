"""What stands in a log: who and what, never a secret, and one line for each event whatever people type."""

import json
import logging

from tests.factories import PASSWORD


def test_a_line_break_cannot_forge_a_line(log, client):
    forged = 'x\n{"level": "info", "event": "forged"}\r\n'

    logging.getLogger("tracker").warning("They said %s", forged)
    client.get("/accounts/login/", headers={"user-agent": forged})

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert len(lines) >= 2
    assert not [line for line in lines if line.get("event") == "forged"]


def test_passwords_keys_and_cookies_are_in_no_line(log, client, salesperson, api, switch_on_all):
    client.post("/accounts/login/", {"login": salesperson.email, "password": PASSWORD})
    client.post("/accounts/login/", {"login": salesperson.email, "password": "a wrong one, typed once"})
    key = api.post(
        "/api/v1/keys", {"name": "k", "scopes": ["deals:read"], "role": "salesperson"}, content_type="application/json"
    )
    hook = api.post(
        "/api/v1/webhooks",
        {"url": "https://example.com/hook", "event_types": ["deal.stage_changed"]},
        content_type="application/json",
    )

    written = log.getvalue()
    secrets = [PASSWORD, "a wrong one, typed once", api.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")]
    secrets += [cookie.value for cookie in client.cookies.values()]
    secrets += [value for answer in (key, hook) for name, value in answer.json().items() if name in ("key", "secret")]
    assert '"tenant": "acme"' in written
    assert [secret for secret in secrets if secret and secret in written] == []
