"""What there is to sell on a show, and what of it is taken."""

from datetime import UTC, datetime
from uuid import UUID

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id

# The drop of an episode without a date: a moment no flight reaches, the same for all, so the episode is taken once.
UNDATED_DROP = datetime(9999, 12, 31, tzinfo=UTC)
_SLOT_NUMBER_BITS = 62


def slot_number(episode_id: UUID) -> int:
    """Return the number under which an episode stands in a range of claims: the random tail of its key.

    A trigger on `episodes` computes the same number in SQL (migration 0003).
    """
    return episode_id.int & ((1 << _SLOT_NUMBER_BITS) - 1)


@pghistory.track()
class AdUnit(models.Model):
    """A place for an ad on a show: position, length, who reads it, how it is delivered."""

    class Position(models.TextChoices):
        PRE = "pre", _("pre-roll")
        MID = "mid", _("mid-roll")
        POST = "post", _("post-roll")

    class ReadType(models.TextChoices):
        HOST_READ = "host_read", _("host-read")
        PRODUCER_READ = "producer_read", _("producer-read")
        PRODUCED = "produced", _("produced spot")

    class Delivery(models.TextChoices):
        BAKED_IN = "baked_in", _("baked-in")
        DYNAMIC = "dynamic", _("dynamic")

    ad_unit_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.PROTECT, related_name="ad_units")
    name = models.CharField(max_length=120)
    position = models.CharField(max_length=4, choices=Position)
    # Several insertions of one position in an episode are several ad units: mid-roll 1, mid-roll 2.
    index = models.PositiveSmallIntegerField(default=1)
    duration_seconds = models.PositiveIntegerField()
    read_type = models.CharField(max_length=16, choices=ReadType, default=ReadType.HOST_READ)
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.BAKED_IN)
    # A shared dynamic unit is limited by impressions; an exclusive one by time.
    is_shared = models.BooleanField(_("shared by impressions"), default=False)
    # What a shared unit can deliver in a day; empty: forecast from the show's last 28 complete days.
    impressions_per_day = models.PositiveIntegerField(_("impressions a day"), null=True, blank=True)
    rate_cpm_cents = models.PositiveIntegerField(_("rate card CPM, cents"), null=True, blank=True)
    lead_days = models.PositiveSmallIntegerField(_("lead time, days"), default=0)
    min_flight_days = models.PositiveSmallIntegerField(null=True, blank=True)
    max_flight_days = models.PositiveSmallIntegerField(null=True, blank=True)
    is_active = models.BooleanField(_("for sale"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "ad_units"
        verbose_name = _("ad unit")
        verbose_name_plural = _("ad units")
        constraints = [
            models.UniqueConstraint(fields=["podcast", "name"], name="ad_unit_name_once"),
            models.CheckConstraint(
                name="ad_unit_shared_only_dynamic", condition=Q(is_shared=False) | Q(delivery="dynamic")
            ),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class SlotClaim(models.Model):
    """A piece of inventory that is taken: by a booking that holds or has it, or by a block of the show's own.

    `episodes` is the range of slot numbers taken (one number for one episode, see `slot_number`; unbounded for every
    episode), `during` the time: the flight of a dynamic line; for a baked-in line the moment at which its episode
    drops, or the flight when it takes every episode that drops in it. Two claims of one exclusive unit that meet in
    both are refused by the database, so a slot cannot be sold twice. A claim that ends is deleted; cancelled and
    expired bookings have none.
    Source: RELIABILITY, decided 2.
    """

    claim_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ad_unit = models.ForeignKey("bookings.AdUnit", on_delete=models.CASCADE, related_name="claims")
    booking = models.OneToOneField(
        "bookings.IOBooking", on_delete=models.CASCADE, null=True, blank=True, related_name="claim"
    )
    episodes = BigIntegerRangeField()
    during = DateTimeRangeField()
    is_shared = models.BooleanField(default=False)
    blocked_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "slot_claims"
        verbose_name = _("slot taken")
        verbose_name_plural = _("slots taken")
        constraints = [
            ExclusionConstraint(
                name="slot_not_taken_twice",
                expressions=[
                    ("ad_unit", RangeOperators.EQUAL),
                    ("episodes", RangeOperators.OVERLAPS),
                    ("during", RangeOperators.OVERLAPS),
                ],
                condition=Q(is_shared=False),
            ),
            models.CheckConstraint(
                name="slot_claim_booked_or_blocked",
                condition=Q(booking__isnull=False) ^ ~Q(blocked_reason=""),
            ),
        ]
