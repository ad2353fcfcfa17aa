"""Reads of matches: ranked lists, one pair in full, what would move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from deals.models import Sponsor
from matchmaking import gather, profiles, scoring
from matchmaking.features import stored_pair, tells_nothing
from matchmaking.inventory import first_week
from matchmaking.models import Feedback, Match, Model, PackedPair, Run, Weights
from matchmaking.profiles import SIGNALS
from matchmaking.taxonomy import country_names, topic_names
from metrics.models import Podcast

SIGNAL_NAMES: dict[str, Any] = {
    "geo_overlap": gettext_lazy("Geography"),
    "demographic_overlap": gettext_lazy("Demographics"),
    "topic_overlap": gettext_lazy("Topic"),
    "historical_lift": gettext_lazy("History"),
    "inventory_fit": gettext_lazy("Inventory"),
    "brand_safety": gettext_lazy("Brand safety"),
}


@dataclass(frozen=True)
class SignalLine:
    """One signal as a page shows it. value: 0-1, None without data; weight: in percent of all."""

    code: str
    name: str
    value: float | None
    weight: float


@dataclass(frozen=True)
class Raise:
    """Something that would raise a score: the words, and the score it would be."""

    text: str
    score: float


@dataclass(frozen=True)
class PairView:
    """One pair in full. score None: not eligible, with the reason, or nothing known.

    lacking: where too little is known for the pair to be listed, what would tell; topics_seen_on: from how many shows
    that carry the advertiser its topics are seen, 0 where it names them or none are known.
    """

    score: float | None
    confidence: float
    refusal: str
    rationale: str
    signals: list[SignalLine]
    weak: list[str]
    raises: list[Raise]
    own: Mapping[str, Any]
    first_free_week: date | None
    free_share: float | None
    cpm_cents: int | None
    budget_cpm_cents: int | None
    lacking: list[str] = field(default_factory=list)
    topics_seen_on: int = 0


@dataclass(frozen=True)
class FitSummary:
    """What a dashboard says of one advertiser's matches. calculated_at: end of the last full run, None before any."""

    best: Match | None
    matches: list[Match]
    mean_score: float | None
    shows: int
    signals: list[SignalLine]
    not_eligible: dict[str, int] = field(default_factory=dict)
    calculated_at: datetime | None = None


def weights_now() -> profiles.Weights:
    """Return the house's weights; the defaults are version 1."""
    newest = Weights.objects.order_by("-version").first()
    if newest is None:
        return profiles.Weights()
    values = {signal: float(getattr(newest, signal)) for signal in SIGNALS}
    return profiles.Weights(**values, version=newest.version)


def best_matches(
    *, advertiser_id: UUID | None = None, podcast_id: UUID | None = None, limit: int | None = None
) -> QuerySet[Match]:
    """Return the listed matches of an advertiser or of a show, best first, ties by id.

    Pairs that were only asked for by name are not on a list.
    """
    found = Match.objects.select_related("advertiser", "podcast")
    if advertiser_id is not None:
        found = found.filter(advertiser_id=advertiser_id, in_advertiser_top=True).order_by("-score", "podcast_id")
    elif podcast_id is not None:
        found = found.filter(podcast_id=podcast_id, in_podcast_top=True).order_by("-score", "advertiser_id")
    else:
        found = found.filter(in_advertiser_top=True).order_by("-score", "advertiser_id", "podcast_id")
    return found if limit is None else found[:limit]


def audience_fit(*, advertiser_id: UUID, limit: int = 5) -> FitSummary:
    """Return the summary of an advertiser's audience fit: the best shows, the signals of the best, who is shut out."""
    listed = best_matches(advertiser_id=advertiser_id)
    matches = list(listed[:limit])
    told = listed.aggregate(mean=Avg("score"), shows=Count("match_id"))
    best = matches[0] if matches else None
    return FitSummary(
        best=best,
        matches=matches,
        mean_score=float(told["mean"]) if told["mean"] is not None else None,
        shows=told["shows"],
        signals=signal_lines(best.signals if best else {}),
        not_eligible=shut_out(advertiser_id=advertiser_id),
        calculated_at=last_calculated(),
    )


def shut_out(*, advertiser_id: UUID | None = None, podcast_id: UUID | None = None) -> dict[str, int]:
    """Return {reason: how many} of the pairs of an advertiser or a show that are not eligible by a rule."""
    rows = PackedPair.objects.exclude(refusal="")
    if advertiser_id is not None:
        rows = rows.filter(sponsor_id=advertiser_id)
    if podcast_id is not None:
        rows = rows.filter(podcast_id=podcast_id)
    found: dict[str, int] = {}
    for refusal in rows.values_list("refusal", flat=True):
        words = refusal_words(refusal)
        found[words] = found.get(words, 0) + 1
    return found


def refusal_words(refusal: str) -> str:
    """Return why a pair is not eligible in words: a stored reason, or the topic for which it is blocked."""
    kind, _sep, rest = refusal.partition(":")
    if kind == "exclusivity":
        category, _sep, day = rest.rpartition(":")
        return _("A rival has the show to itself in %(category)s until %(day)s.") % {"category": category, "day": day}
    if kind == "refusal":
        return _("The host refuses it: %(reason)s.") % {"reason": rest} if rest else _("The host refuses it.")
    return _("Blocked category: %(topic)s.") % {"topic": topic_names().get(refusal, refusal)}


def signal_lines(signals: Mapping[str, float], weights: profiles.Weights | None = None) -> list[SignalLine]:
    """Return all six signals for showing, in the order of their weight."""
    weights = weights or weights_now()
    whole = sum(weights.as_tuple()) or 1
    lines = [
        SignalLine(code, str(SIGNAL_NAMES[code]), signals.get(code), round(100 * weights.of(code) / whole, 1))
        for code in SIGNALS
    ]
    return sorted(lines, key=lambda line: -line.weight)


def last_calculated() -> datetime | None:
    done = Run.objects.filter(status=Run.Status.COMPLETED, scope=Run.Scope.ALL).order_by("-queued_at").first()
    return done.finished_at if done else None


def pair_view(*, advertiser: Sponsor, podcast: Podcast, at: datetime, stored: Match | None = None) -> PairView:
    """Return one pair in full, read and scored now by the reference: signals, what is weak, what would raise it."""
    weights, model = weights_now(), Model.objects.first()
    evidence, topic_part = (model.full_evidence, model.topic_part) if model else (0.0, 1.0)
    show, buyer, pair, own = _profiles(advertiser, podcast, at, topic_part)
    found = scoring.score_pair(show, buyer, weights=weights, pair=pair, full_evidence=evidence)
    free = _free_share(show, buyer)
    return PairView(
        score=found.score,
        confidence=found.confidence,
        refusal=refusal_words(found.refusal) if found.refusal else "",
        rationale=stored.rationale if stored else "",
        signals=signal_lines(found.signals, weights),
        weak=weak_words(found.signals, buyer, show, topic_part=topic_part),
        raises=what_would_raise(show, buyer, pair, weights, evidence, found) if not found.refusal else [],
        own=own,
        first_free_week=_first_free_week(show, buyer, at),
        free_share=free,
        cpm_cents=show.cpm_cents,
        budget_cpm_cents=buyer.budget_cpm_cents,
        lacking=[] if found.refusal or found.is_listed else lacking_words(show, buyer),
        topics_seen_on=buyer.seen_on,
    )


def is_unknown(*, advertiser_id: UUID | None = None, podcast_id: UUID | None = None) -> bool:
    """Return whether a run has looked at an advertiser or a show and found nothing that speaks of fit."""
    return tells_nothing(podcast_id=podcast_id, sponsor_id=advertiser_id)


def lacking_words(show: profiles.Podcast, buyer: profiles.Sponsor) -> list[str]:
    """Return what would tell enough of two for them to be listed, in words."""
    words: list[str] = []
    if not buyer.interests:
        words.append(_("Name what the advertiser sells: tags or a category."))
    if not show.topics:
        words.append(_("Give the show categories or a description."))
    if not (buyer.countries or buyer.ages or buyer.sexes):
        words.append(_("Say whom the advertiser wants to reach: countries, ages or sexes."))
    if not (show.countries or show.ages or show.sexes):
        words.append(_("Import who listens to the show."))
    return [*words, _("Or wait for the first booking.")]


def _profiles(
    advertiser: Sponsor, podcast: Podcast, at: datetime, topic_part: float
) -> tuple[profiles.Podcast, profiles.Sponsor, profiles.Pair, Mapping[str, Any]]:
    packed = stored_pair(podcast_id=podcast.pk, sponsor_id=advertiser.pk, topic_part=topic_part)
    show = gather.podcast_profiles([podcast], at=at, vectors=packed.podcast)[0]
    buyer = gather.sponsor_profiles(
        [advertiser], at=at, vectors=packed.sponsor, seen=[packed.seen], topic_part=topic_part
    )[0]
    known = PackedPair.objects.filter(sponsor_id=advertiser.pk, podcast_id=podcast.pk).first()
    if known is None:
        return show, buyer, profiles.Pair(), {}
    return show, buyer, profiles.Pair(known.refusal, known.outcome, known.volume), known.facts


def weak_words(
    signals: Mapping[str, float], buyer: profiles.Sponsor, show: profiles.Podcast, *, topic_part: float = 1.0
) -> list[str]:
    """Return what speaks against a pair, and what is not known, in words."""
    words: list[str] = []
    topics = 1 - (1 - signals.get("topic_overlap", 1)) / topic_part
    if topics < 0.35:
        words.append(
            _("The show's topics are far from those of the shows that carry the advertiser.")
            if buyer.seen_on
            else _("The show's topics are far from what the advertiser sells.")
        )
        if topic_part < 1:
            words[-1] += " " + _("Past placements tell more here, so this lowers the score in part only.")
    if "geo_overlap" in signals and signals["geo_overlap"] < 0.35:
        words.append(_("Few of its listeners live in the countries the advertiser wants."))
    if "demographic_overlap" in signals and signals["demographic_overlap"] < 0.35:
        words.append(_("Its listeners differ in age or sex from the people the advertiser wants."))
    if "historical_lift" in signals and signals["historical_lift"] < 0.25:
        words.append(_("Nothing in the past speaks for the two yet."))
    if "inventory_fit" in signals:
        if _free_share(show, buyer) == 0:
            words.append(_("No slot is free in the weeks the advertiser wants."))
        elif scoring.price_fit(show.cpm_cents, buyer.budget_cpm_cents) < 0.75:
            words.append(_("The show asks clearly more than the advertiser's budget."))
    if signals.get("brand_safety", 1) < 1:
        words.append(_("The show touches subjects the advertiser wants to keep away from."))
    names = [str(SIGNAL_NAMES[signal]).lower() for signal in SIGNALS if signal not in signals]
    if names:
        words.append(_("Nothing is known of: %(signals)s.") % {"signals": ", ".join(names)})
    return words


def what_would_raise(
    show: profiles.Podcast,
    buyer: profiles.Sponsor,
    pair: profiles.Pair,
    weights: profiles.Weights,
    evidence: float,
    now: scoring.Score,
) -> list[Raise]:
    """Return what would raise the score most, each scored as if it were so; at most three, none under half a point."""
    tries: list[tuple[str, profiles.Podcast, profiles.Sponsor, profiles.Pair]] = []
    if show.countries and "geo_overlap" in now.signals and now.signals["geo_overlap"] < 0.9:
        shares = show.countries.shares
        top = max(shares, key=lambda code: shares[code])
        wider = {**(buyer.countries or {}), top: 1.0}
        text = _("Selling in %(country)s too: a third of its listeners or more live there.")
        if shares[top] >= 1 / 3 and (buyer.countries or {}).get(top, 0) < shares[top]:
            tries.append((text % {"country": _country(top)}, show, replace(buyer, countries=wider), pair))
    if show.ages and "demographic_overlap" in now.signals and buyer.ages:
        tries.append(
            (
                _("A target by age that follows this show's listeners."),
                show,
                replace(buyer, ages=dict(show.ages.shares)),
                pair,
            )
        )
    if "demographic_overlap" not in now.signals and show.ages and not buyer.ages:
        named = replace(buyer, ages=dict(show.ages.shares))
        tries.append((_("Naming the ages to reach, if they are those of this show."), show, named, pair))
    if show.cpm_cents and buyer.budget_cpm_cents and show.cpm_cents > buyer.budget_cpm_cents:
        tries.append(
            (
                _("A budget that meets the show's price."),
                show,
                replace(buyer, budget_cpm_cents=show.cpm_cents),
                pair,
            )
        )
    if show.free_by_week and (_free_share(show, buyer) or 0) < max(show.free_by_week):
        best = max(range(profiles.WEEKS), key=lambda week: show.free_by_week[week])  # type: ignore[index]
        weeks = tuple(float(week == best) for week in range(profiles.WEEKS))
        tries.append((_("Running when more slots are free."), show, replace(buyer, wanted_weeks=weeks), pair))
    renewed = replace(pair, outcome=1.0, volume=pair.volume + 1)
    text = _("A renewal here that goes well.") if pair.volume else _("A first flight here that goes well.")
    tries.append((text, show, buyer, renewed))
    found = []
    for words, one, other, record in tries:
        score = scoring.score_pair(one, other, weights=weights, pair=record, full_evidence=evidence).score
        if score is not None and score >= (now.score or 0) + 0.5:
            found.append(Raise(words, score))
    return sorted(found, key=lambda one: -one.score)[:3]


def feedback_of(*, advertiser_id: UUID, podcast_ids: Sequence[UUID], actor_id: str) -> dict[UUID, str]:
    """Return {show: verdict} of what one person said of an advertiser's pairs."""
    rows = Feedback.objects.filter(advertiser_id=advertiser_id, podcast_id__in=podcast_ids, actor_id=actor_id)
    return dict(rows.values_list("podcast_id", "verdict"))


@dataclass(frozen=True)
class Move:
    """What other weights would do to one match: place and score before and after."""

    match: Match
    before: float
    after: float
    place_before: int
    place_after: int

    @property
    def rise(self) -> int:
        return self.place_before - self.place_after


@dataclass(frozen=True)
class Preview:
    """What other weights would move. lists: advertisers looked at; new_best: those whose best show would change."""

    moves: list[Move]
    lists: int
    new_best: int


def preview_weights(*, weights: profiles.Weights, advertiser_id: UUID | None, limit: int = 400) -> Preview:
    """Return what weights would do to one advertiser's list, and to the first place of the newest lists.

    Stored signals are weighed anew, so it answers at once; whoever stands below the twenty best is not looked at.
    """
    rows = Match.objects.filter(in_advertiser_top=True).order_by("-advertiser_id", "-score", "podcast_id")
    by_advertiser: dict[UUID, list[Match]] = {}
    for match in rows.select_related("podcast")[: limit * 20]:
        by_advertiser.setdefault(match.advertiser_id, []).append(match)
    new_best = sum(
        max(found, key=lambda match: (_weighed(match, weights), -found.index(match))) is not found[0]
        for found in by_advertiser.values()
    )
    own = list(best_matches(advertiser_id=advertiser_id)) if advertiser_id else []
    after = sorted(own, key=lambda match: (-_weighed(match, weights), own.index(match)))
    moves = [
        Move(match, float(match.score), round(_weighed(match, weights), 1), own.index(match) + 1, place)
        for place, match in enumerate(after, start=1)
    ]
    return Preview(moves=moves, lists=len(by_advertiser), new_best=new_best)


def _weighed(match: Match, weights: profiles.Weights) -> float:
    present = sum(weights.of(signal) for signal in match.signals)
    if not present:
        return 0.0
    base = sum(weights.of(signal) * value for signal, value in match.signals.items()) / present
    return 100 * base * min(1.0, match.signals.get("brand_safety", 1.0))


def advertisers_with_matches(search: str = "") -> QuerySet[Sponsor]:
    """Return advertisers by name, with how many shows are on their list and the best score."""
    found = Sponsor.objects.filter(is_archived=False)
    if search:
        found = found.filter(name__icontains=search)
    return found.annotate(listed=Count("matches", filter=Q(matches__in_advertiser_top=True))).order_by("name")


def shows_with_matches(search: str = "") -> QuerySet[Podcast]:
    found = Podcast.objects.filter(is_archived=False)
    if search:
        found = found.filter(title__icontains=search)
    return found.annotate(listed=Count("matches", filter=Q(matches__in_podcast_top=True))).order_by("title")


def _free_share(show: profiles.Podcast, buyer: profiles.Sponsor) -> float | None:
    if show.free_by_week is None:
        return None
    return sum(free * wanted for free, wanted in zip(show.free_by_week, buyer.wanted_weeks, strict=True))


def _first_free_week(show: profiles.Podcast, buyer: profiles.Sponsor, at: datetime) -> date | None:
    if show.free_by_week is None:
        return None
    for week, (free, wanted) in enumerate(zip(show.free_by_week, buyer.wanted_weeks, strict=True)):
        if free > 0 and wanted > 0:
            return first_week(at).date() + timedelta(weeks=week)
    return None


def _country(code: str) -> str:
    return country_names().get(code, code)
