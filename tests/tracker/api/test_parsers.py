"""JSON as the standard has it, or a 400."""

import pytest

from tests.factories import make_campaign


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"stage": NaN}',
        b'{"stage": Infinity}',
        b'{"stage": "\\ud800"}',
        b'{"stage": "a\\u0000b"}',
        b'{"stage": "won", "stage": "lost"}',
        b"[" * 100_000,
        b'{"a":' * 30 + b"1" + b"}" * 30,
        b'["a list"]',
        b'"text"',
        b"null",
        b"1e999",
        b"9" * 5000,
    ],
    ids=range(15),
)
def test_a_body_that_is_not_json_or_not_an_object_is_a_400(api, switch_on_all, body):
    deal = make_campaign()

    answer = api.generic("PATCH", f"/api/v1/deals/{deal.pk}/stage", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"])
def test_another_kind_of_body_is_a_415(api, switch_on_all, kind):
    deal = make_campaign()

    answer = api.generic("PATCH", f"/api/v1/deals/{deal.pk}/stage", b"stage=won", content_type=kind)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_unknown_charset_is_a_400(api, switch_on_all):
    deal = make_campaign()

    answer = api.generic(
        "PATCH", f"/api/v1/deals/{deal.pk}/stage", b"{}", content_type="application/json; charset=klingon"
    )

    assert answer.status_code == 400
