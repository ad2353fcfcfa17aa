"""Proof that spots ran as ordered: due days, uploads, verdicts, and the cases that a bad read opens."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import PurePath

from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.delivery.inputs import zone_of
from bookings.delivery.policy import delivery_policy
from bookings.makegoods.services import open_makegood
from bookings.models import Aircheck, IOBooking
from bookings.pacing import split_goal
from metrics.models import Episode
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.dates import local_day
from tracker.lib.errors import Conflict, DomainError

LARGEST_FILE = 25 * 1024 * 1024
# What a phone records and a browser plays.
SOUND = {".mp3", ".m4a", ".aac", ".wav", ".ogg", ".oga", ".opus", ".webm", ".mp4", ".mov", ".flac"}
_SIGNATURES = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9", b"RIFF", b"OggS", b"fLaC")
_MATROSKA = b"\x1a\x45\xdf\xa3"

Verdict = Aircheck.Verdict


@dataclass(frozen=True)
class SpotToProve:
    """A read that is out: its proof, or None while nobody sent any. `due_on` is a local day of the order's zone."""

    booking: IOBooking
    episode: Episode | None
    aired_on: date
    due_on: date
    aircheck: Aircheck | None

    def is_overdue(self, today: date) -> bool:
        return (self.aircheck is None or not self.aircheck.has_proof) and today > self.due_on


def spots_to_prove(lines: Iterable[IOBooking], *, at: datetime) -> list[SpotToProve]:
    """Return the reads of some lines that are out, newest first, with their proof. Three statements.

    A baked-in line is read in each of its episodes; a dynamic one is proved once, from its first day on.
    Lines come with order, ad_unit and episode.
    """
    lines = list(lines)
    days = timedelta(days=delivery_policy().proof_days)
    proofs = {(proof.booking_id, proof.episode_id): proof for proof in Aircheck.objects.filter(booking__in=lines)}
    whole = [line for line in lines if line.episode_id is None and line.ad_unit.delivery == "baked_in"]
    dropped = Episode.objects.filter(
        podcast__in={line.ad_unit.podcast_id for line in whole}, drops_at__lte=at, is_published=True
    )
    if whole:
        dropped = dropped.filter(drops_at__gte=min(line.flight_start for line in whole))
    by_show: dict[object, list[Episode]] = {}
    for episode in dropped.order_by("drops_at") if whole else ():
        by_show.setdefault(episode.podcast_id, []).append(episode)
    spots = []
    for line in lines:
        for read_in, aired in _reads_out(line, by_show.get(line.ad_unit.podcast_id, []), at):
            proof = proofs.get((line.pk, read_in.pk if read_in else None))
            aired_on = local_day(aired, zone_of(line))
            spots.append(SpotToProve(line, read_in, aired_on, proof.due_on if proof else aired_on + days, proof))
    return sorted(spots, key=lambda spot: (spot.aired_on, str(spot.booking.pk)), reverse=True)


@transaction.atomic
def submit_proof(
    *,
    booking: IOBooking,
    episode: Episode | None,
    by: HasActor | Actor,
    at: datetime,
    file: File | None = None,
    link: str = "",
    offset_seconds: int | None = None,
    length_seconds: int | None = None,
) -> Aircheck:
    """Keep a clip or a link as the proof of one read; a new one replaces what was sent before and is judged anew.

    Emits aircheck.submitted. Raises DomainError("proof_missing"), DomainError("not_a_sound_file"),
    DomainError("file_too_large"), DomainError("not_a_spot") for an episode that does not carry the line,
    Conflict("already_approved").
    """
    if file is None and not link.strip():
        raise DomainError("proof_missing", _("Choose a file, or paste a link."), field="file")
    link = _checked_link(link)
    if file is not None:
        _check_sound(file)
    spot = _spot_of(booking, episode, at)
    IOBooking.objects.select_for_update().get(pk=booking.pk)
    proof = Aircheck.objects.filter(booking=booking, episode=episode).first()
    if proof is not None and proof.verdict == Verdict.APPROVED:
        raise Conflict("already_approved", _("The proof of this read is approved already."))
    proof = proof or Aircheck(booking=booking, episode=episode, due_on=spot.due_on)
    proof.link, proof.offset_seconds, proof.length_seconds = link, offset_seconds, length_seconds
    proof.submitted_at, proof.submitted_by = at, actor_of(by).as_json()
    proof.verdict, proof.verdict_reason, proof.judged_at = Verdict.WAITING, "", None
    if file is not None:
        # The name on disk is ours and cannot be guessed; the sender's name is only shown.
        proof.file_name = PurePath(file.name or "").name[:200]
        proof.file.save(f"{secrets.token_urlsafe(16)}{PurePath(file.name or '').suffix.lower()}", file, save=False)
    proof.save()
    emit("aircheck.submitted", subject=proof, by=by, at=at, data=_told(proof))
    return proof


@transaction.atomic
def judge_proof(
    *,
    booking: IOBooking,
    episode: Episode | None,
    verdict: str,
    by: HasActor | Actor,
    at: datetime,
    reason: str = "",
    owed_impressions: int | None = None,
) -> Aircheck:
    """Say what a read was found to be. A fault needs its reason and opens a case for that read's goal.

    `owed_impressions` sets another size of case. The same verdict again changes nothing. Emits aircheck.judged.
    Raises DomainError("unknown_verdict"), DomainError("reason_required"), Conflict("proof_missing") for approving
    a read that nobody proved.
    """
    if verdict not in Aircheck.FAULTS and verdict != Verdict.APPROVED:
        raise DomainError("unknown_verdict", _("There is no verdict “%(verdict)s”.") % {"verdict": verdict})
    if verdict in Aircheck.FAULTS and not reason.strip():
        raise DomainError("reason_required", _("Say what is wrong with the read."), field="reason")
    spot = _spot_of(booking, episode, at)
    IOBooking.objects.select_for_update().get(pk=booking.pk)
    proof = Aircheck.objects.filter(booking=booking, episode=episode).first()
    if proof is not None and proof.verdict == verdict:
        return proof
    if verdict == Verdict.APPROVED and (proof is None or not proof.has_proof):
        raise Conflict("proof_missing", _("There is no proof to approve yet."))
    proof = proof or Aircheck(booking=booking, episode=episode, due_on=spot.due_on)
    proof.verdict, proof.verdict_reason = verdict, reason.strip()[:500]
    proof.judged_at, proof.judged_by = at, actor_of(by).as_json()
    proof.save()
    emit("aircheck.judged", subject=proof, by=by, at=at, data=_told(proof))
    if verdict in Aircheck.FAULTS and booking.makegood_of_id is None:
        open_makegood(
            booking=booking,
            reason=verdict,
            episode=episode,
            owed_impressions=owed_impressions,
            by=by,
            at=at,
            note=proof.verdict_reason,
            spot_goal=_goal_of(booking, episode),
        )
    return proof


def remind_of_proofs(*, at: datetime) -> int:
    """Tell, once a day, of reads whose proof is overdue, so that their creators hear of it. Emits aircheck.overdue."""
    since = at - timedelta(days=120)
    running = IOBooking.objects.filter(
        status__in=["active", "makegood", "completed"], flight_start__lte=at, flight_end__gte=since
    ).select_related("order", "ad_unit", "episode")
    told = 0
    for spot in spots_to_prove(running, at=at):
        today = local_day(at, zone_of(spot.booking))
        if not spot.is_overdue(today):
            continue
        with transaction.atomic():
            proof, _made = Aircheck.objects.get_or_create(
                booking=spot.booking, episode=spot.episode, defaults={"due_on": spot.due_on}
            )
            if proof.reminded_on == today or proof.verdict != Verdict.WAITING:
                continue
            Aircheck.objects.filter(pk=proof.pk).update(reminded_on=today)
            job = Actor(kind="job", id="settle-makegoods", label="The pacing job")
            emit("aircheck.overdue", subject=proof, by=job, at=at, data=_told(proof))
            told += 1
    return told


def _reads_out(line: IOBooking, episodes: list[Episode], at: datetime) -> Iterable[tuple[Episode | None, datetime]]:
    if line.ad_unit.delivery == "dynamic":
        return [(line.episode, line.flight_start)] if line.flight_start <= at else []
    if line.episode is not None:
        drops_at = line.episode.drops_at or line.flight_start
        return [(line.episode, drops_at)] if drops_at <= at and line.episode.is_published else []
    return [
        (episode, episode.drops_at)
        for episode in episodes
        if episode.drops_at is not None and line.flight_start <= episode.drops_at < line.flight_end
    ]


def _spot_of(booking: IOBooking, episode: Episode | None, at: datetime) -> SpotToProve:
    line = IOBooking.objects.select_related("order", "ad_unit", "episode").get(pk=booking.pk)
    wanted = episode.pk if episode else None
    for spot in spots_to_prove([line], at=at):
        if (spot.episode.pk if spot.episode else None) == wanted:
            return spot
    raise DomainError("not_a_spot", _("This line has no read in that episode that is out yet."), field="episode")


def _goal_of(booking: IOBooking, episode: Episode | None) -> int:
    """What was promised on one read: the whole line, or the episode's part of it."""
    if episode is None or booking.episode_id is not None:
        return booking.booked_impressions
    episodes = Episode.objects.filter(
        podcast=episode.podcast_id, drops_at__gte=booking.flight_start, drops_at__lt=booking.flight_end
    ).order_by("drops_at", "pk")
    days = [one.pk for one in episodes]
    return int(split_goal(booking.booked_impressions, len(days))[days.index(episode.pk)])


def _checked_link(link: str) -> str:
    link = link.strip()
    if link and not link.lower().startswith("https://"):
        raise DomainError("link_not_https", _("A link to proof starts with https://."), field="link")
    if len(link) > 500:
        raise DomainError("link_too_long", _("A link has 500 characters at most."), field="link")
    return link


def _check_sound(file: File) -> None:
    if file.size > LARGEST_FILE:
        message = _("A clip may have %(most)s MiB; this file has %(size)s.")
        words = {"most": LARGEST_FILE // 2**20, "size": f"{file.size / 2**20:.1f}"}
        raise DomainError("file_too_large", message % words, field="file")
    head = file.read(16)
    file.seek(0)
    is_sound = head.startswith((*_SIGNATURES, _MATROSKA)) or head[4:8] == b"ftyp"
    if PurePath(file.name or "").suffix.lower() not in SOUND or not is_sound:
        message = _("This is not a sound or video file. Send %(kinds)s.")
        kinds = ", ".join(sorted(suffix.lstrip(".") for suffix in SOUND))
        raise DomainError("not_a_sound_file", message % {"kinds": kinds}, field="file")


def _told(proof: Aircheck) -> dict[str, str | None]:
    return {
        "aircheck_id": str(proof.pk),
        "io_id": str(proof.booking_id),
        "episode_id": str(proof.episode_id) if proof.episode_id else None,
        "verdict": str(proof.verdict),
        "due_on": proof.due_on.isoformat(),
    }
