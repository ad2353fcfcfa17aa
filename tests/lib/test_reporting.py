"""What a Sentry is told, and what it is not."""

import sentry_sdk
from sentry_sdk.transport import Transport

from tracker.lib.reporting import report_errors_to


class Heard(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict] = []

    def capture_envelope(self, envelope) -> None:
        event = envelope.get_event()
        if event is not None:
            self.events.append(event)


def test_an_error_names_its_tenant_and_no_person_or_secret(tenant, administrator, client, login, monkeypatch):
    heard = Heard()
    report_errors_to("https://key@errors.example/1", transport=heard)
    login(client, administrator)
    monkeypatch.setattr("tracker.tenants.middleware._refuse_closed", _fail)
    client.raise_request_exception = False
    try:
        client.get("/accounts/login/?token=s3cret-token", headers={"authorization": "Bearer s3cret-key"})
    finally:
        sentry_sdk.get_client().close()
        sentry_sdk.init()

    assert len(heard.events) == 1
    said = str(heard.events)
    assert heard.events[0]["exception"]["values"][0]["type"] == "RuntimeError"
    assert "tenant" in heard.events[0]["tags"]
    for secret in (
        "s3cret-key",
        administrator.email,
        client.cookies["session"].value,
        "-".join(["password", "in", "a", "local"]),
    ):
        assert secret not in said


def _fail(*_arguments: object) -> None:
    secret = "-".join(["password", "in", "a", "local"])
    raise RuntimeError("broken" + secret[:0])
