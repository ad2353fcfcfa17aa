"""One weekly mail to one person."""

from celery import shared_task
from django.utils import timezone

from tracker.accounts.models import User
from tracker.dashboards.mails.services import send_week


@shared_task
def send_weekly_mail(user_id: str) -> None:
    """Send somebody their week; the row of the mail keeps it from going twice."""
    user = User.objects.select_related("role").filter(pk=user_id, is_active=True).first()
    if user is not None:
        send_week(user=user, at=timezone.now())
