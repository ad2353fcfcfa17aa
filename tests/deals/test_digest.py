from datetime import UTC, datetime, timedelta

from django.core import mail

from deals.alerts import check_pipeline_alerts
from deals.digest import DigestRun, send_digests
from deals.models import DeskDigest
from tests.factories import make_campaign, make_sponsor, make_user
from tracker.automation.registry import job_named

# 07:00 in Berlin is a day of its own; acme counts its days in UTC.
MORNING = datetime(2026, 11, 20, 7, tzinfo=UTC)


def stuck(owner, name, *, stage="lead", days=9, **fields):
    since = MORNING - timedelta(days=days)
    return make_campaign(stage=stage, name=name, owner=owner, stage_changed_at=since, **{"next_step": "Call", **fields})


def test_an_owner_gets_one_letter_for_all_their_deals(tenant, mailoutbox):
    ines = make_user(role="salesperson", name="Ines Kovac", email="ines@acme.example")
    stuck(ines, "Slow lead", sponsor=make_sponsor(name="Harbor & Pine"), campaign_value=380_000)
    stuck(ines, "Stalled talk", stage="negotiation", days=16, next_step="")
    check_pipeline_alerts(at=MORNING)

    assert send_digests(at=MORNING) == DigestRun(sent=1, failed=0)

    letter = mailoutbox[0]
    assert (letter.to, letter.subject) == (["ines@acme.example"], "Acme Audio: 2 deals need a look")
    assert "Slow lead (Harbor & Pine, lead, €3,800)" in letter.body
    assert "9 days in lead; the limit is 7." in letter.body
    assert letter.body.index("Stalled talk") < letter.body.index("Slow lead")
    # Being stuck for 7 days is not repeated where 14 in negotiation says more.
    assert "16 days in negotiation" not in letter.body
    assert "Harbor &amp; Pine" in letter.alternatives[0][0]


def test_a_second_run_of_the_day_sends_nothing_again(tenant, mailoutbox):
    stuck(make_user(), "Slow lead")
    check_pipeline_alerts(at=MORNING)

    send_digests(at=MORNING)
    send_digests(at=MORNING + timedelta(hours=3))
    assert len(mailoutbox) == 1

    send_digests(at=MORNING + timedelta(days=1))
    assert len(mailoutbox) == 2


def test_nobody_is_written_to_without_need(tenant, mailoutbox):
    gone = make_user(is_active=False)
    stuck(gone, "Of somebody who left")
    stuck(None, "Of nobody")
    make_campaign(stage="lead", owner=make_user(), stage_changed_at=MORNING, next_step="Call")
    check_pipeline_alerts(at=MORNING)

    assert send_digests(at=MORNING) == DigestRun(sent=0, failed=0)
    assert mailoutbox == []


def test_a_letter_that_cannot_be_sent_is_tried_again(tenant, monkeypatch, mailoutbox):
    stuck(make_user(), "Slow lead")
    check_pipeline_alerts(at=MORNING)

    def refuse(*_args, **_kwargs):
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr(mail.EmailMultiAlternatives, "send", refuse)
        assert send_digests(at=MORNING) == DigestRun(sent=0, failed=1)
    assert not DeskDigest.objects.exists()

    assert send_digests(at=MORNING) == DigestRun(sent=1, failed=0)
    assert len(mailoutbox) == 1


def test_the_job_looks_before_it_writes(tenant, mailoutbox):
    stuck(make_user(), "Slow lead")

    result = job_named("desk-digest").run(at=MORNING)

    assert result.counts == {"sent": 1, "failed": 0}
    assert len(mailoutbox) == 1
