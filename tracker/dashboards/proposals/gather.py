"""Gathers a proposal from the database into the value that is printed. Reads only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Sum
from django.utils.translation import gettext as _

from bookings.document import clean
from bookings.models import AdUnit, OrderProfile
from bookings.pricing import price_by_cpm
from bookings.queries.documents import working_days_before
from bookings.queries.house import order_profile
from deals.models import Agency, Campaign, Contact
from matchmaking.models import Match
from matchmaking.profiles import SIGNALS
from matchmaking.queries import SIGNAL_NAMES
from matchmaking.taxonomy import country_names
from metrics.models import DailyRollup, Episode, Podcast
from metrics.queries import audience_summary
from tracker.dashboards.proposals.document import Person, PlanLine, Promises, ProposalDocument
from tracker.flags.services import is_on
from tracker.lib.dates import local_day
from tracker.tenants.context import current_tenant, tenant_zone

# Downloads are told as the mean of so many weeks.
WEEKS = 4


@dataclass(frozen=True)
class WantedLine:
    """A line as a salesperson asks for it: an ad unit, its days (both inclusive), impressions and CPM in cents."""

    unit: AdUnit
    first_day: date
    last_day: date
    impressions: int
    cpm_cents: int


@dataclass(frozen=True)
class Counted:
    """What a show is heard: the mean week by the source that counted most of the days, and its last day."""

    weekly: int
    source: str
    until: date


def document_of(
    deal: Campaign,
    lines: Sequence[WantedLine],
    *,
    number: str,
    version: int,
    promise: str,
    lead: str,
    stands_until: date,
    at: datetime,
) -> ProposalDocument:
    """Return the plan as a value: lines priced, shows described, the house's promises copied.

    As many statements for one line as for twenty.
    """
    profile, zone = order_profile(), tenant_zone()
    agency = deal.agency or deal.sponsor.agency
    shows = {line.unit.podcast_id: line.unit.podcast for line in lines}
    facts = Facts.read(deal, shows, at=at)
    first = min(line.first_day for line in lines)
    return ProposalDocument(
        number=number,
        version=version,
        promise=clean(promise),
        lead=clean(lead),
        publisher=clean(profile.legal_name or current_tenant().name),
        buyer=clean((agency or deal.sponsor).name),
        client=clean(deal.sponsor.name),
        campaign=clean(deal.name),
        currency=deal.currency,
        time_zone=str(zone),
        issued_on=local_day(at, zone).isoformat(),
        stands_until=stands_until.isoformat(),
        commission_permille=agency.commission_permille if agency else 0,
        prepared_for=_buyer(deal, agency),
        prepared_by=_seller(deal, profile),
        lines=tuple(_line(line, facts) for line in lines),
        promises=_promises(deal, profile, first),
        shows_represented=Podcast.objects.filter(is_archived=False).count(),
        shows_scored=Match.objects.filter(advertiser_id=deal.sponsor_id).count() if facts.is_scored else 0,
    )


@dataclass(frozen=True)
class Facts:
    """What is known of the shows of a plan, each by the show's key."""

    counted: Mapping[UUID, Counted]
    audience: Mapping[UUID, str]
    matches: Mapping[UUID, Match]
    drops: Mapping[UUID, list[date]]
    is_scored: bool

    @classmethod
    def read(cls, deal: Campaign, shows: Mapping[UUID, Podcast], *, at: datetime) -> "Facts":
        is_scored = is_on("ENABLE_MATCHMAKING")
        found = Match.objects.filter(advertiser_id=deal.sponsor_id, podcast__in=shows) if is_scored else ()
        return cls(
            counted=weekly_downloads(shows, today=at.date()),
            audience=_audience(shows),
            matches={match.podcast_id: match for match in found},
            drops=_planned(shows, at),
            is_scored=is_scored,
        )


def weekly_downloads(podcast_ids: Iterable[UUID], *, today: date) -> dict[UUID, Counted]:
    """Return what each show is heard a week: the mean of its last four weeks before `today` (UTC), of one source.

    The source that counted on most of the days is taken, sources are never added. A show nobody counted is missing.
    Source: DOMAIN, measuring.
    """
    rows = (
        DailyRollup.objects.filter(
            podcast_id__in=list(podcast_ids),
            day__gte=today - timedelta(weeks=WEEKS),
            day__lt=today,
            downloads__isnull=False,
        )
        .order_by()
        .values("podcast_id", "source")
        .annotate(total=Sum("downloads"), days=Count("day", distinct=True), until=Max("day"))
    )
    best: dict[UUID, dict] = {}
    for row in rows:
        known = best.get(row["podcast_id"])
        if known is None or (row["days"], row["total"], row["source"]) > (
            *(known["days"], known["total"], known["source"]),
        ):
            best[row["podcast_id"]] = row
    return {
        key: Counted(round(int(row["total"]) * 7 / row["days"]), row["source"], row["until"])
        for key, row in best.items()
    }


def _audience(shows: Mapping[UUID, Podcast]) -> dict[UUID, str]:
    """Return where most listeners of each show are: "58 % in Germany"."""
    found = {}
    for key, dimensions in audience_summary(podcast_ids=shows).items():
        countries = dimensions.get("country")
        if countries and countries.shares:
            country, share = max(countries.shares.items(), key=lambda pair: pair[1])
            place = country_names().get(country, country)
            found[key] = _("%(percent)s %% in %(place)s") % {"percent": round(share * 100), "place": place}
    return found


def _planned(shows: Mapping[UUID, Podcast], at: datetime) -> dict[UUID, list[date]]:
    zone = tenant_zone()
    drops: defaultdict[UUID, list[date]] = defaultdict(list)
    coming = Episode.objects.filter(podcast__in=shows, drops_at__gt=at).values_list("podcast_id", "drops_at")
    for podcast_id, drop in coming:
        drops[podcast_id].append(local_day(drop, zone))
    return drops


def _line(line: WantedLine, facts: Facts) -> PlanLine:
    unit, show = line.unit, line.unit.podcast
    counted, match = facts.counted.get(show.pk), facts.matches.get(show.pk)
    drops = facts.drops.get(show.pk, [])
    is_baked_in = unit.delivery == AdUnit.Delivery.BAKED_IN
    return PlanLine(
        podcast=clean(show.title),
        language=show.language,
        host=clean(show.host_name),
        subject=clean(", ".join(category.replace(":", ", ") for category in show.categories[:2])),
        unit=clean(unit.name),
        position=str(unit.get_position_display()),
        duration_seconds=unit.duration_seconds,
        read_type=str(unit.get_read_type_display()),
        delivery=str(unit.get_delivery_display()),
        is_host_read=unit.read_type == AdUnit.ReadType.HOST_READ,
        episodes=sum(line.first_day <= day <= line.last_day for day in drops) if is_baked_in else None,
        first_day=line.first_day.isoformat(),
        last_day=line.last_day.isoformat(),
        impressions=line.impressions,
        cpm_cents=line.cpm_cents,
        gross_cents=price_by_cpm(cpm_cents=line.cpm_cents, impressions=line.impressions),
        weekly_downloads=counted.weekly if counted else None,
        source=counted.source if counted else "",
        counted_until=counted.until.isoformat() if counted else "",
        audience=facts.audience.get(show.pk, ""),
        score=str(match.score) if match else "",
        rationale=clean(match.rationale) if match else "",
        missing_signals=tuple(str(SIGNAL_NAMES[code]) for code in SIGNALS if code not in match.signals)
        if match
        else (),
    )


def _buyer(deal: Campaign, agency: Agency | None) -> Person:
    people = Contact.objects.filter(agency=agency) if agency else Contact.objects.filter(sponsor_id=deal.sponsor_id)
    person = people.order_by("name", "contact_id").first()
    house = clean((agency or deal.sponsor).name)
    return Person(clean(person.name), house, person.email) if person else Person(house)


def _seller(deal: Campaign, profile: OrderProfile) -> Person:
    if deal.owner is None:
        return Person(clean(profile.contact_name or current_tenant().name), "", profile.order_email)
    return Person(clean(str(deal.owner)), _("Partnerships"), deal.owner.email)


def _promises(deal: Campaign, profile: OrderProfile, first: date) -> Promises:
    return Promises(
        measurement_of_record=clean(profile.measurement_of_record),
        guarantee_days=profile.guarantee_days,
        notice_days=profile.cancellation_notice_days,
        payment_days=profile.payment_days,
        materials_days=profile.materials_days,
        materials_due=working_days_before(first, profile.materials_days).isoformat(),
        separation=profile.separation,
        category=clean(deal.sponsor.category),
    )
