"""The tenants of the load drill, made in a process of its own: prints one JSON object, {slug: what a client needs}."""

import argparse
import json
import os
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django_tenants.utils import tenant_context  # noqa: E402

from metrics.services import DayOfEpisode, record_metrics, refresh_metrics_daily  # noqa: E402
from tests.factories import make_ad_unit, make_campaign, make_episode, make_podcast, make_sponsor  # noqa: E402
from tracker.accounts.services import create_api_key  # noqa: E402
from tracker.lib.actors import SYSTEM  # noqa: E402
from tracker.tenants.services import create_tenant  # noqa: E402

DEALS, EPISODES, DAYS, YEAR = 6, 40, 30, 365


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("houses", type=int)
    parser.add_argument("role")
    parser.add_argument("--facts", type=int, default=0, help="daily figures of older episodes, over all houses")
    parser.add_argument("--small", action="store_true", help="two episodes to sell instead of forty")
    given = parser.parse_args()
    older = given.facts // given.houses // YEAR
    call_command("migrate_tenants", stdout=sys.stderr)
    call_command("prepare_platform", stdout=sys.stderr)
    slugs = [f"house_{n:03}" for n in range(given.houses)]
    made = {slug: make_house(slug, to_sell=2 if given.small else EPISODES, older=older) for slug in slugs}
    call_command("grant_app_role", given.role, stdout=sys.stderr)
    print(json.dumps(made))


def make_house(slug: str, *, to_sell: int, older: int) -> dict[str, object]:
    """Make a tenant with a show, its figures (a month, and a year of each older episode), deals and slots to sell."""
    tenant = create_tenant(slug=slug, name=f"House {slug}")
    now = datetime.now(UTC)
    drop = datetime.combine(now.date() + timedelta(days=10), time(6), tzinfo=UTC)
    with tenant_context(tenant):
        _key, secret = create_api_key(name="drill", scopes=["*"], role="administrator", by=SYSTEM, at=now)
        show = make_podcast(title=f"Show of {slug}")
        aired = make_episode(show, title="aired", drops_at=now - timedelta(days=40))
        reported = figures(aired.pk, DAYS, now.date())
        of_past = []
        for n in range(older):
            one = make_episode(show, title=f"older {n}", drops_at=now - timedelta(days=YEAR + n))
            of_past.append(str(one.pk))
            reported += figures(one.pk, YEAR, now.date())
        record_metrics(rows=reported, at=now)
        refresh_metrics_daily(by=SYSTEM, at=now)
        unit = make_ad_unit(show)
        episodes = [make_episode(show, drops_at=drop + timedelta(hours=n)).pk for n in range(to_sell)]
        sponsor = make_sponsor(name=f"Sponsor of {slug}")
        deals = [make_campaign(sponsor=sponsor, name=f"Deal of {slug} {n}").pk for n in range(DEALS)]
    return {
        "host": tenant.host,
        "key": secret,
        "podcast": str(show.pk),
        "sponsor": str(sponsor.pk),
        "unit": str(unit.pk),
        "aired": str(aired.pk),
        "older": of_past,
        "drop": drop.date().isoformat(),
        "episodes": [str(pk) for pk in episodes],
        "deals": [str(pk) for pk in deals],
    }


def figures(episode: UUID, days: int, today: date) -> list[DayOfEpisode]:
    """Return what a host reports of one episode for the last days."""
    return [
        DayOfEpisode(
            day=today - timedelta(days=n), episode_id=episode, source="host", downloads=900 + n, ctr=Decimal("0.01")
        )
        for n in range(1, days + 1)
    ]


if __name__ == "__main__":
    main()
