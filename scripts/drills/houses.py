"""The tenants of the load drill, made in a process of its own: prints one JSON object, {slug: what a client needs}."""

import json
import os
import sys
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django_tenants.utils import tenant_context  # noqa: E402

from metrics.services import DayOfEpisode, record_metrics  # noqa: E402
from tests.factories import make_ad_unit, make_campaign, make_episode, make_podcast, make_sponsor  # noqa: E402
from tracker.accounts.services import create_api_key  # noqa: E402
from tracker.lib.actors import SYSTEM  # noqa: E402
from tracker.tenants.services import create_tenant  # noqa: E402

DEALS, EPISODES, DAYS = 6, 40, 30


def main() -> None:
    houses, role = int(sys.argv[1]), sys.argv[2]
    episodes = 2 if "small" in sys.argv[3:] else EPISODES
    call_command("migrate_tenants", stdout=sys.stderr)
    call_command("prepare_platform", stdout=sys.stderr)
    made = {slug: make_house(slug, episodes) for slug in (f"house_{n:03}" for n in range(houses))}
    call_command("grant_app_role", role, stdout=sys.stderr)
    print(json.dumps(made))


def make_house(slug: str, episodes_to_sell: int) -> dict[str, object]:
    """Make a tenant with a show, its figures of a month, deals and slots to sell."""
    tenant = create_tenant(slug=slug, name=f"House {slug}")
    now = datetime.now(UTC)
    drop = datetime.combine(now.date() + timedelta(days=10), time(6), tzinfo=UTC)
    with tenant_context(tenant):
        _key, secret = create_api_key(name="drill", scopes=["*"], role="administrator", by=SYSTEM, at=now)
        show = make_podcast(title=f"Show of {slug}")
        aired = make_episode(show, title="aired", drops_at=now - timedelta(days=40))
        days = [now.date() - timedelta(days=n) for n in range(1, DAYS + 1)]
        record_metrics(
            rows=[
                DayOfEpisode(day=day, episode_id=aired.pk, source="host", downloads=900 + n, ctr=Decimal("0.01"))
                for n, day in enumerate(days)
            ],
            at=now,
        )
        unit = make_ad_unit(show)
        episodes = [make_episode(show, drops_at=drop + timedelta(hours=n)).pk for n in range(episodes_to_sell)]
        sponsor = make_sponsor(name=f"Sponsor of {slug}")
        deals = [make_campaign(sponsor=sponsor, name=f"Deal of {slug} {n}").pk for n in range(DEALS)]
    return {
        "host": tenant.host,
        "key": secret,
        "podcast": str(show.pk),
        "sponsor": str(sponsor.pk),
        "unit": str(unit.pk),
        "aired": str(aired.pk),
        "drop": drop.date().isoformat(),
        "episodes": [str(pk) for pk in episodes],
        "deals": [str(pk) for pk in deals],
    }


if __name__ == "__main__":
    main()
