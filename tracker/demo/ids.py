"""The fixed ids of the demo tenant, so that sample files and printed commands fit every demo ever made.

An id is uuid5 of an address that names the thing. Names never change once they stand here: `samples/*.csv` and the
README carry ids made from them.
"""

from uuid import NAMESPACE_URL, UUID, uuid5

SLUG = "demo"

# Slugs of the demo's shows, from tracker/demo/data/shows.json. Every one drops an episode a week.
SHOWS = (
    "mein-scrum-ist-kaputt",
    "programmier-bar",
    "it-berufe-podcast",
    "0d-zeroday",
    "digitale-anomalien",
    "einfach-komplex",
    "engineering-kiosk",
    "security-insider",
    "data-science-deep-dive",
    "devcouch",
    "wartungsfenster",
    "technik-tales",
    "unmute-it",
    "autoweird",
)

# Episodes are numbered 1 to PLANNED_EPISODES in each show: 1 to PUBLISHED_EPISODES are out (the highest dropped within
# the week before the demo was made), the rest is planned, one a week.
PUBLISHED_EPISODES = 26
PLANNED_EPISODES = 38

# Ad units of each show: (name, position, delivery). The demo itself books every one but the free one below.
AD_UNITS = (
    ("Pre-roll", "pre", "baked_in"),
    ("Mid-roll 1", "mid", "baked_in"),
    ("Mid-roll 2", "mid", "baked_in"),
    ("Run of show", "mid", "dynamic"),
    ("Post-roll", "post", "dynamic"),
)

# The dynamic, exclusive unit of each show that the demo leaves free at all times, for sample files and first steps.
# Sample files take the first ten shows, the printed commands of the README the last four.
FREE_UNIT = "Post-roll"

# Won deals that the demo leaves without bookings; no other booking of the demo is by a rival of their sponsors.
SAMPLE_DEALS = ("babbel-spring-courses", "hellofresh-new-year", "bose-headphones-launch")

# The deal that the README's commands book for, and the one that they move (it stands in negotiation).
README_BOOKING_DEAL = "eight-sleep-sleep-weeks"
README_MOVING_DEAL = "audible-audiobook-month"

# What the demo's metrics come from. The first is the measurement of record of its orders; sample files use a third.
SOURCES = ("host", "op3")
SAMPLE_SOURCE = "spotify"


def demo_id(kind: str, name: str) -> UUID:
    """Return the id of a thing of the demo tenant.

    kind and name: podcast SLUG · episode SLUG/NUMBER · ad-unit SLUG/UNIT NAME · sponsor NAME · agency NAME ·
    deal SLUG · booking DEAL SLUG/LINE · user ROLE. For example demo_id("episode", "devcouch/26").
    """
    return uuid5(NAMESPACE_URL, f"https://tracker.example/demo/{kind}/{name}")
