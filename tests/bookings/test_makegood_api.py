"""Offers, proof, counts and billing over the API: who may, what comes of it, and what is refused."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.makegoods.services import open_makegood
from bookings.models import Aircheck, IOBooking, Makegood, MakegoodEntry, MakegoodOffer
from tests.bookings.deliveries import make_episode, make_line, make_show, measure
from tests.factories import NOON, make_ad_unit, make_booking
from tracker.lib.actors import SYSTEM

OFFERS = "/api/v1/makegoods/offers"


@pytest.fixture(autouse=True)
def _on(switch_on_all):
    return None


@pytest.fixture
def case(tenant) -> Makegood:
    """500 are owed of a dynamic line, whose unit is free from tonight on."""
    line = make_booking(ad_unit=make_ad_unit(delivery="dynamic"))
    return open_makegood(booking=line, reason="by_hand", owed_impressions=500, by=SYSTEM, at=NOON)


@pytest.fixture
def sponsor_of(tenant, api_of):
    """A key of the sponsor of a case, or of the creator of its show."""

    def make(case: Makegood, role: str = "advertiser"):
        line = case.booking
        own = (
            {"sponsor": [line.campaign.sponsor_id]} if role == "advertiser" else {"podcast": [line.ad_unit.podcast_id]}
        )
        return api_of(tenant, role=role, bindings=own)

    return make


def post(client, path: str, body=None, **headers: str):
    return client.post(path, json.dumps(body or {}), content_type="application/json", headers=headers)


def offered(api, case: Makegood, **more) -> dict:
    slots = api.get(f"/api/v1/makegoods/{case.pk}/slots").json()["slots"]
    answer = post(api, OFFERS, {"makegood_id": str(case.pk), "slots": [slots[0]["slot"]], **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def status_of(case: Makegood) -> str:
    return Makegood.objects.get(pk=case.pk).status


def test_free_slots_come_ranked_each_with_its_reason(api, case):
    told = api.get(f"/api/v1/makegoods/{case.pk}/slots").json()

    assert told["unsettled_impressions"] == 500
    assert 1 <= len(told["slots"]) <= 6
    assert all(slot["reason"] and slot["fit"] in ("covers_all", "covers_part", "ask_first") for slot in told["slots"])
    assert told["slots"][0]["ad_unit_id"] == str(case.booking.ad_unit_id)


def test_an_offer_is_made_of_free_slots_and_its_link_is_told_once(api, client, case):
    made = offered(api, case, message="With our apologies")

    read = api.get(f"{OFFERS}/{made['offer_id']}").json()
    assert (read["status"], read["message"], len(read["options"])) == ("waiting", "With our apologies", 1)
    assert "link" not in read
    assert "With our apologies" in client.get(urlsplit(made["link"]).path).text
    assert status_of(case) == "offered"


def test_a_slot_that_is_gone_cannot_be_offered(api, case):
    answer = post(api, OFFERS, {"makegood_id": str(case.pk), "slots": ["taken"]})

    assert (answer.status_code, answer.json()["code"], answer.json()["slots"]) == (409, "slot_not_free", ["taken"])
    assert not MakegoodOffer.objects.exists()


def test_the_sponsors_key_accepts_and_the_replacement_is_booked_once(api, case, sponsor_of):
    made = offered(api, case)
    option = made["options"][0]["option_id"]
    sponsor = sponsor_of(case)

    tag = sponsor.get(f"{OFFERS}/{made['offer_id']}")["ETag"]
    stale = post(sponsor, f"{OFFERS}/{made['offer_id']}/accept", {"option_id": option}, **{"if-match": '"old"'})
    first = post(sponsor, f"{OFFERS}/{made['offer_id']}/accept", {"option_id": option}, **{"if-match": tag})
    again = post(sponsor, f"{OFFERS}/{made['offer_id']}/accept", {"option_id": option})
    late = post(sponsor, f"{OFFERS}/{made['offer_id']}/decline")

    assert [one.status_code for one in (stale, first, again, late)] == [412, 200, 200, 409]
    assert (first.json()["status"], first.json()["answered_by"]) == ("accepted", "test")
    replacement = IOBooking.objects.get(makegood_of=case.booking)
    assert first.json()["replacement_io_id"] == again.json()["replacement_io_id"] == str(replacement.pk)
    assert (replacement.gross_cents, replacement.booked_impressions, status_of(case)) == (0, 500, "scheduled")


def test_the_sponsors_key_declines_and_a_credit_ends_the_case(api, case, sponsor_of):
    made = offered(api, case)

    said = post(sponsor_of(case), f"{OFFERS}/{made['offer_id']}/decline", {"name": "Lena Abt", "note": "wrong month"})
    credit = post(api, f"/api/v1/makegoods/{case.pk}/credit", {"reason": "declined"})

    assert (said.json()["status"], said.json()["answered_by"]) == ("declined", "Lena Abt")
    # 500 x 25.00 / 1000 = 12.50
    assert (credit.json()["status"], credit.json()["credited_cents"]) == ("credited", 1_250)
    entries = api.get(f"/api/v1/makegoods/{case.pk}/entries").json()["entries"]
    assert [(one["bucket"], one["impressions"]) for one in entries] == [
        *(("owed", 500), ("offered", 500), ("offered", -500), ("credited", 500)),
    ]


def test_an_offer_is_taken_back_and_the_case_can_be_waived(api, client, case):
    made = offered(api, case)

    for _ in range(2):
        taken = post(api, f"{OFFERS}/{made['offer_id']}/withdraw")
        assert (taken.status_code, taken.json()["status"]) == (200, "withdrawn")

    assert status_of(case) == "opened"
    assert MakegoodEntry.objects.filter(bucket="offered").count() == 2
    assert post(api, f"/api/v1/makegoods/{case.pk}/waive").status_code == 400
    waived = post(api, f"/api/v1/makegoods/{case.pk}/waive", {"reason": "a friend of the house"}).json()
    assert (waived["status"], waived["waived_impressions"]) == ("waived", 500)


def test_an_offer_that_was_answered_is_not_taken_back(api, case, sponsor_of):
    made = offered(api, case)
    post(sponsor_of(case), f"{OFFERS}/{made['offer_id']}/decline")

    answer = post(api, f"{OFFERS}/{made['offer_id']}/withdraw")

    assert (answer.status_code, answer.json()["code"]) == (409, "offer_answered")


def test_what_an_opened_case_owes_is_corrected_with_a_reason(api, case):
    path = f"/api/v1/makegoods/{case.pk}"

    bare = api.patch(path, {"owed_impressions": 400}, content_type="application/json")
    said = api.patch(path, {"owed_impressions": 400, "reason": "recounted"}, content_type="application/json")

    assert (bare.status_code, said.status_code, said.json()["owed_impressions"]) == (400, 200, 400)


def test_a_bound_key_sees_the_offers_of_its_own_and_does_no_more_than_its_part(api, case, sponsor_of, tenant, api_of):
    made = offered(api, case)
    url = f"{OFFERS}/{made['offer_id']}"
    sponsor, creator = sponsor_of(case), sponsor_of(case, "creator")
    strangers = [api_of(tenant, role=role, bindings={}) for role in ("advertiser", "creator")]

    assert [one.get(url).status_code for one in (sponsor, creator, *strangers)] == [200, 200, 404, 404]
    assert [len(one.get(OFFERS).json()["results"]) for one in (sponsor, creator, *strangers)] == [1, 1, 0, 0]
    for caller in (creator, api):
        refused = post(caller, f"{url}/accept", {"option_id": made["options"][0]["option_id"]})
        assert (refused.status_code, refused.json()["code"]) == (403, "sponsors_only")
    for caller in (sponsor, creator):
        assert post(caller, f"{url}/withdraw").status_code == 403
        assert post(caller, OFFERS, {"makegood_id": str(case.pk), "slots": ["x"]}).status_code == 403
        assert caller.get(f"/api/v1/makegoods/{case.pk}/slots").status_code == 403
        assert caller.get("/api/v1/billing-lines").status_code == 403
    assert post(strangers[0], f"{url}/accept", {"option_id": made["options"][0]["option_id"]}).status_code == 404
    assert status_of(case) == "offered"


def test_another_tenants_case_cannot_be_offered_for(api, other_tenant):
    with tenant_context(other_tenant):
        line = make_booking(ad_unit=make_ad_unit(delivery="dynamic"))
        theirs = open_makegood(booking=line, reason="by_hand", owed_impressions=500, by=SYSTEM, at=NOON)

    answer = post(api, OFFERS, {"makegood_id": str(theirs.pk), "slots": ["x"]})

    assert (answer.status_code, answer.json()["field"]) == (404, "makegood_id")


# --- proof, counts, billing -------------------------------------------------------------------------------------------
@pytest.fixture
def closed_line(tenant) -> IOBooking:
    """A dynamic line of ten days that is over; the host counted 9,000, a third party 8,400."""
    show = make_show()
    start = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
    episode = make_episode(show, start - timedelta(days=60))
    measure(episode, [900] * 20, first=start.date())
    measure(episode, [840] * 20, first=start.date(), source="earprint")
    order = {"commission_permille": 150}
    return make_line(show=show, start=start, end=start + timedelta(days=10), order=order, status="completed")


def test_proof_counts_and_a_bill_over_the_api_alone(api, tenant, api_of, closed_line):
    line = f"/api/v1/io/{closed_line.pk}"
    creator = api_of(tenant, role="creator", bindings={"podcast": [closed_line.ad_unit.podcast_id]})

    compared = api.get(f"{line}/reconciliation").json()
    waits = api.get(f"{line}/bill").json()
    early = post(api, f"{line}/bill")
    read = creator.get(f"{line}/reads").json()["reads"]
    sent = post(creator, f"{line}/proofs", {"link": "https://clips.example/1.mp3", "length_seconds": 60})
    judged = post(api, f"{line}/verdicts", {"verdict": "approved"})
    agreed = post(api, f"{line}/agreed-counts", {"impressions": 8_700, "reason": "met in the middle"})
    released = [post(api, f"{line}/bill").json() for _ in range(2)]

    assert [(one["source"], one["impressions"]) for one in compared["counts"]] == [
        ("podtrail", 9_000),
        ("earprint", 8_400),
    ]
    # (8,400 - 9,000) / 9,000 = -6.67 %
    assert (round(compared["counts"][1]["difference_pct"], 2), compared["counts"][1]["band"]) == (-6.67, "noticeable")
    assert len(waits["waits_for"]) == 2
    assert (early.status_code, early.json()["code"]) == (409, "bill_waits")
    assert [one["proof"] for one in read] == [None]
    assert (sent.status_code, judged.json()["verdict"], agreed.status_code) == (201, "approved", 201)
    # 8,700 x 25.00 / 1000 = 217.50; 15 % of that is 32.625, rounded half up to 32.63.
    assert released[0] == released[1]
    assert [released[0][name] for name in ("gross_cents", "commission_cents", "net_cents")] == [21_750, 3_263, 18_487]
    listed = api.get(f"/api/v1/billing-lines?io_id={closed_line.pk}").json()["results"]
    assert listed == [released[0]]
    again = post(api, f"{line}/agreed-counts", {"impressions": 1, "reason": "no"})
    assert (again.status_code, again.json()["code"]) == (409, "already_billed")


def test_a_clip_is_sent_as_a_file_and_read_back(api, closed_line):
    line, sound = f"/api/v1/io/{closed_line.pk}", b"ID3" + bytes(40)

    sent = api.post(f"{line}/proofs", {"file": SimpleUploadedFile("read.mp3", sound)}).json()
    text = api.post(f"{line}/proofs", {"file": SimpleUploadedFile("read.mp3", b"words")})
    none = api.post(f"{line}/proofs", {"length_seconds": "60"})
    back = api.get(f"{line}/proofs/{sent['aircheck_id']}/file")

    assert (sent["has_file"], sent["file_name"], sent["verdict"]) == (True, "read.mp3", "waiting")
    assert b"".join(back.streaming_content) == sound
    assert [(one.status_code, one.json()["code"]) for one in (text, none)] == [
        (422, "not_a_sound_file"),
        (422, "proof_missing"),
    ]


def test_a_fault_needs_its_reason_and_opens_a_case(api, closed_line):
    line = f"/api/v1/io/{closed_line.pk}"
    tag = api.get(line)["ETag"]

    bare = post(api, f"{line}/verdicts", {"verdict": "stale"})
    old = post(api, f"{line}/verdicts", {"verdict": "stale", "reason": "last month's offer"}, **{"if-match": '"9"'})
    said = post(api, f"{line}/verdicts", {"verdict": "stale", "reason": "last month's offer"}, **{"if-match": tag})

    assert [one.status_code for one in (bare, old, said)] == [422, 412, 200]
    assert (Aircheck.objects.get().verdict, Makegood.objects.get().reason) == ("stale", "stale")


def test_proof_is_not_sent_by_a_sponsor_and_another_shows_line_is_not_there(tenant, api_of, closed_line):
    line = f"/api/v1/io/{closed_line.pk}"
    sponsor = api_of(tenant, role="advertiser", bindings={"sponsor": [closed_line.campaign.sponsor_id]})
    stranger = api_of(tenant, role="creator", bindings={"podcast": [make_show().pk]})
    body = {"link": "https://clips.example/1.mp3"}

    assert post(sponsor, f"{line}/proofs", body).status_code == 403
    assert post(stranger, f"{line}/proofs", body).status_code == 404
    for path in ("reconciliation", "bill"):
        assert [one.get(f"{line}/{path}").status_code for one in (sponsor, stranger)] == [403, 403]
    assert not Aircheck.objects.exists()
