"""Deadlines of makegoods and proofs by mail: one letter a person and day."""

from datetime import date, timedelta

import pytest

from bookings.delivery.digest import DigestRun, send_digests
from bookings.makegoods.services import credit_makegood, open_makegood, propose_makegood
from bookings.models import Aircheck, DeliveryDigest
from tests.bookings.deliveries import NOW, make_line, make_show, make_sponsor, nov
from tests.factories import make_user
from tracker.automation.registry import job_named
from tracker.lib.actors import SYSTEM

TODAY = date(2026, 11, 21)


@pytest.fixture
def ines(tenant):
    return make_user(role="salesperson", name="Ines Kovac", email="ines@acme.example")


def owned_line(owner, **fields):
    line = make_line(**fields)
    line.campaign.owner = owner
    line.campaign.save()
    return line


def case_due(line, days: int, **fields):
    fields = {"reason": "by_hand", "owed_impressions": 3_000, **fields}
    return open_makegood(booking=line, by=SYSTEM, at=NOW, due_on=TODAY + timedelta(days=days), **fields)


def test_an_owner_gets_one_letter_for_all_their_deadlines(ines, mailoutbox):
    salt = owned_line(ines, sponsor=make_sponsor(name="Fennel & Sons"), show=make_show(title="The Salt Road"))
    case_due(salt, -2)
    case_due(owned_line(ines), 3)
    case_due(owned_line(ines), 4)
    warned = owned_line(ines)
    propose_makegood(booking=warned, owed_impressions=500, due_on=TODAY, by=SYSTEM, at=NOW)

    assert send_digests(at=NOW) == DigestRun(sent=1, failed=0, items=3)

    (letter,) = mailoutbox
    assert (letter.to, letter.subject) == (["ines@acme.example"], "Acme Audio: 3 deadlines need you")
    # What is overdue stands first; 3,000 x 25.00 / 1000 = 75.00.
    assert letter.body.index("OVERDUE Fennel & Sons, The Salt Road") < letter.body.index("tell the sponsor until")
    assert "3,000 downloads owed (€75.00), opened: settle until 19 Nov" in letter.body
    assert f"/bookings/{salt.pk}#mk" in letter.body
    assert "Fennel &amp; Sons" in letter.alternatives[0][0]


def test_a_second_run_of_the_day_sends_nothing_again(ines, mailoutbox):
    case_due(owned_line(ines), 0)

    for hours in (0, 3, 24):
        send_digests(at=NOW + timedelta(hours=hours))

    assert len(mailoutbox) == 2
    assert DeliveryDigest.objects.count() == 2


def test_a_deal_without_an_owner_is_told_to_the_sales_managers(tenant, mailoutbox):
    make_user(role="sales_manager", email="desk@acme.example")
    make_user(role="sales_manager", email="gone@acme.example", is_active=False)
    case_due(make_line(), 1)

    send_digests(at=NOW)

    assert [letter.to for letter in mailoutbox] == [["desk@acme.example"]]


def test_a_missing_proof_is_told_to_the_creators_of_the_show(ines, mailoutbox):
    line = owned_line(ines)
    make_user(role="creator", email="host@acme.example", bindings={"podcast": [line.ad_unit.podcast_id]})
    make_user(role="creator", email="other@acme.example", bindings={"podcast": [make_show().pk]})
    Aircheck.objects.create(booking=line, due_on=TODAY - timedelta(days=1))
    Aircheck.objects.create(booking=owned_line(ines), due_on=TODAY - timedelta(days=2))
    Aircheck.objects.create(booking=make_line(), due_on=TODAY)

    send_digests(at=NOW)

    # A show without creators is told to the owner of the deal; what is due today is not late yet.
    assert sorted(letter.to[0] for letter in mailoutbox) == ["host@acme.example", "ines@acme.example"]
    host = next(letter for letter in mailoutbox if letter.to == ["host@acme.example"])
    assert "was due on 20 Nov" in host.body
    assert f"/bookings/{line.pk}/proof" in host.body


def test_what_is_settled_or_runs_by_itself_is_not_told(ines, mailoutbox):
    credit_makegood(case=case_due(owned_line(ines), -5), by=SYSTEM, at=NOW)
    line = owned_line(ines)
    scheduled = case_due(line, -5)
    type(scheduled).objects.filter(pk=scheduled.pk).update(
        status="scheduled",
        offered_impressions=3_000,
        replacement=make_line(makegood_of=line, start=nov(25), gross_cents=0),
    )

    assert send_digests(at=NOW) == DigestRun(sent=0, failed=0, items=0)
    assert not mailoutbox


def test_a_letter_that_cannot_be_sent_is_tried_again(ines, mailoutbox, monkeypatch):
    case_due(owned_line(ines), 0)
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMultiAlternatives.send", lambda self: (_ for _ in ()).throw(OSError()))
        assert send_digests(at=NOW) == DigestRun(sent=0, failed=1, items=0)

    assert send_digests(at=NOW) == DigestRun(sent=1, failed=0, items=1)


def test_the_letters_are_a_job_of_the_morning(ines, mailoutbox):
    case_due(owned_line(ines), 0)

    assert job_named("delivery-digest").run(at=NOW).counts == {"sent": 1, "items": 1, "failed": 0}
