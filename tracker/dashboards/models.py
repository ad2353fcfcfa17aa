"""Who gets the weekly mail, and who got it: nothing of the dashboards themselves is stored."""

import pghistory
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


@pghistory.track()
class MailPlan(models.Model):
    """Whether this house sends its creators and advertisers their week by mail, and when. No row: it does not."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    plan_id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    is_on = models.BooleanField(_("on"), default=False)
    weekday = models.PositiveSmallIntegerField(choices=Weekday, default=Weekday.MONDAY)
    hour = models.PositiveSmallIntegerField(
        default=7, validators=[MaxValueValidator(23)], help_text=_("from this hour on, in the house's own time zone")
    )

    class Meta:
        db_table = "weekly_mail_plan"
        verbose_name = _("weekly mail")
        verbose_name_plural = _("weekly mail")
        constraints = [
            models.CheckConstraint(name="one_mail_plan", condition=models.Q(plan_id=1)),
            models.CheckConstraint(name="mail_plan_in_a_week", condition=models.Q(weekday__lt=7, hour__lt=24)),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()}, {self.hour}:00" if self.is_on else str(_("off"))


@pghistory.track()
class MailStop(models.Model):
    """Somebody who does not want the weekly mail any more."""

    user = models.OneToOneField(
        "accounts.User", on_delete=models.CASCADE, primary_key=True, related_name="weekly_mail_stop"
    )
    stopped_at = models.DateTimeField()

    class Meta:
        db_table = "weekly_mail_stops"

    def __str__(self) -> str:
        return str(self.user_id)


class WeeklyMail(models.Model):
    """One mail to one person for one week (its Monday). It is written with the mail, so that no week comes twice."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="weekly_mails")
    week = models.DateField()
    sent_at = models.DateTimeField()

    class Meta:
        db_table = "weekly_mails"
        constraints = [models.UniqueConstraint(fields=["user", "week"], name="weekly_mail_once_a_week")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.week}"
