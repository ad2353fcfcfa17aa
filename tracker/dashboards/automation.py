"""The named jobs of the dashboards."""

from datetime import datetime

from tracker.automation.registry import JobResult, job
from tracker.dashboards.mails.services import is_due, people_due
from tracker.dashboards.models import MailPlan
from tracker.dashboards.tasks import send_weekly_mail
from tracker.tenants.tasks import enqueue


@job("weekly-mails", flag="ENABLE_NEW_DASHBOARD_CARDS")
def weekly_mails(*, at: datetime) -> JobResult:
    """Ask for the mail of everybody who is due. It looks every hour, so that a lost message is asked for again."""
    if not is_due(plan=MailPlan.objects.first(), at=at):
        return JobResult("It is not the hour of the weekly mail, or the house has not switched it on.", {"asked": 0})
    people = people_due(at=at)
    for user_id in people:
        enqueue(send_weekly_mail, str(user_id))
    return JobResult(f"{len(people)} weekly mails asked for.", {"asked": len(people)})
