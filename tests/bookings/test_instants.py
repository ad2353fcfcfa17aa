"""An instant given with any offset comes back as the same instant, and counts as such; one without is refused."""

import json
from datetime import datetime, timedelta

import pytest

from tests.factories import make_ad_unit, make_campaign


@pytest.mark.parametrize(
    "start",
    [
        "2031-01-11T00:00:00Z",
        "2031-01-11T09:00:00+14:00",
        "2031-01-11T02:30:00+10:30",
        "2031-01-10T12:00:00-12:00",
        "2031-01-11T05:45:00+05:45",
        "2031-01-10T20:30:00-03:30",
        # The nights in which clocks go forward and back in Berlin and New York.
        "2031-03-30T03:00:00+02:00",
        "2031-10-26T02:30:00+01:00",
        "2031-10-26T02:30:00+02:00",
        "2031-03-09T03:00:00-04:00",
        "2031-11-02T01:30:00-05:00",
    ],
)
def test_an_instant_with_an_offset_comes_back_as_the_same_instant(api, tenant, switch_on_all, start):
    wanted = datetime.fromisoformat(start)
    end = wanted + timedelta(days=28)
    body = {
        "campaign_id": str(make_campaign().pk),
        "ad_unit_id": str(make_ad_unit().pk),
        "flight_start": start,
        "flight_end": end.isoformat(),
        "booked_impressions": 1000,
        "booked_cpm_cents": 2500,
    }

    made = api.post("/api/v1/io", json.dumps(body), content_type="application/json")
    read = api.get(f"/api/v1/io/{made.json()['io_id']}").json()

    assert made.status_code == 201, made.json()
    assert datetime.fromisoformat(read["flight_start"]) == wanted
    assert datetime.fromisoformat(read["flight_end"]) == end
    assert datetime.fromisoformat(read["flight_start"]).tzinfo is not None


@pytest.mark.parametrize("start", ["2031-01-11T00:00:00", "2031-01-11 09:30"])
def test_an_instant_without_an_offset_is_refused(api, tenant, switch_on_all, start):
    body = {
        "campaign_id": str(make_campaign().pk),
        "ad_unit_id": str(make_ad_unit().pk),
        "flight_start": start,
        "flight_end": "2031-02-11T00:00:00Z",
        "booked_impressions": 1000,
        "booked_cpm_cents": 2500,
    }

    refused = api.post("/api/v1/io", json.dumps(body), content_type="application/json")

    assert refused.status_code == 400
    assert "flight_start" in json.dumps(refused.json())
