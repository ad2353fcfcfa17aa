"""What the demo sells, to whom, and how far each deal has come. Days count back from the day it is made. Pure."""

from dataclasses import dataclass, field

from tracker.demo.ids import SHOWS

SCRUM, BAR, BERUFE, ZERODAY, ANOMALIEN, KOMPLEX, KIOSK, INSIDER, DATA, COUCH, FENSTER, TALES, UNMUTE, WEIRD = SHOWS

# (slug, name, e-mail, role). The slug is the user's name in demo_id("user", slug).
PEOPLE = (
    ("nora", "Nora Lindqvist", "admin@demo.example", "administrator"),
    ("lena", "Lena Vogt", "manager@demo.example", "sales_manager"),
    ("ines", "Ines Kovac", "sales@demo.example", "salesperson"),
    ("tom", "Tom Brandt", "tom@demo.example", "salesperson"),
    ("rosa", "Rosa Ott", "rosa@demo.example", "salesperson"),
    ("creator", "Dennis Becker", "creator@demo.example", "creator"),
    ("advertiser", "Mara Hale", "advertiser@demo.example", "advertiser"),
    ("ops", "Otto Lindgren", "ops@demo.example", "ops"),
)
CREATOR_SHOWS = (BAR, KIOSK)
ADVERTISER_SPONSOR = "Blinkist"

# Shows by name of their host, the weekday and local time of their drop (0 = Monday), and what Apple calls them.
RELEASES = {
    SCRUM: (0, "06:00", ("Technology", "Business:Management")),
    BAR: (2, "05:00", ("Technology", "News:Tech News")),
    BERUFE: (0, "07:00", ("Education:Courses", "Technology")),
    ZERODAY: (3, "18:00", ("Technology",)),
    ANOMALIEN: (4, "06:00", ("Technology", "History")),
    KOMPLEX: (1, "06:00", ("Technology",)),
    KIOSK: (1, "05:30", ("Technology",)),
    INSIDER: (3, "09:00", ("Technology", "News:Tech News")),
    DATA: (3, "06:00", ("Science", "Technology")),
    COUCH: (4, "17:00", ("Technology",)),
    FENSTER: (6, "20:00", ("Technology",)),
    TALES: (5, "08:00", ("History", "Technology")),
    UNMUTE: (2, "07:00", ("Technology", "Business:Careers")),
    WEIRD: (4, "20:00", ("Technology", "Education:How To")),
}

# Seconds, and the rate card in cents for 1,000 downloads, of each ad unit.
UNIT_TERMS = {
    "Pre-roll": (30, 2200),
    "Mid-roll 1": (60, 2800),
    "Mid-roll 2": (60, 2600),
    "Run of show": (30, 1900),
    "Post-roll": (30, 1400),
}

AGENCIES = (("Brass & Cable Media", 150), ("Kanal Neun", 120))

# Sponsor -> (kind of product, agency or "", whom it wants to reach). Rivals are sponsors of one kind.
SPONSORS = {
    "1Password": ("Password managers", "", {"countries": {"DE": 0.7, "AT": 0.15, "CH": 0.15}}),
    "Airtable": ("Databases and spreadsheets", "", {}),
    "Audible": ("Books and Audio Books", "", {"countries": {"DE": 0.8, "AT": 0.1, "CH": 0.1}}),
    "Babbel": ("Language Learning", "Kanal Neun", {"countries": {"DE": 0.9, "AT": 0.1}}),
    "Bitwarden": ("Password managers", "", {}),
    "Blinkist": ("Book summaries", "Brass & Cable Media", {"countries": {"DE": 0.85, "CH": 0.15}}),
    "Bose": ("Headphones", "Kanal Neun", {}),
    "Brilliant": ("Online Education", "", {}),
    "Cloudflare": ("Networks and hosting", "", {}),
    "Datadog": ("Monitoring", "Brass & Cable Media", {"countries": {"DE": 0.7, "AT": 0.2, "CH": 0.1}}),
    "Duolingo": ("Language Learning", "", {}),
    "Eight Sleep": ("Mattresses", "", {}),
    "GitHub": ("Developer tools", "", {"countries": {"DE": 0.6, "AT": 0.2, "CH": 0.2}}),
    "HelloFresh": ("Meal Kits", "Kanal Neun", {"countries": {"DE": 0.8, "AT": 0.2}}),
    "Huel": ("Meal replacements", "", {}),
    "Incogni": ("Data removal", "", {}),
    "Indeed": ("Employment Agencies", "Brass & Cable Media", {"countries": {"DE": 1.0}}),
    "Klarna": ("Payments", "", {}),
    "Linear": ("Issue trackers", "", {}),
    "Miro": ("Whiteboards", "", {}),
    "NordVPN": ("Virtual private networks", "Brass & Cable Media", {"countries": {"DE": 0.8, "AT": 0.1, "CH": 0.1}}),
    "Notion": ("Notes and wikis", "", {}),
    "Okta": ("Identity", "", {}),
    "PagerDuty": ("Incident response", "", {}),
    "Retool": ("Internal tools", "", {}),
    "Shopify": ("Online shops", "", {"countries": {"DE": 0.7, "AT": 0.15, "CH": 0.15}}),
    "Skillshare": ("Online Education", "", {}),
    "Squarespace": ("Website builders", "", {"countries": {"DE": 0.8, "CH": 0.2}}),
    "Stripe": ("Payments", "", {}),
    "Twilio": ("Messaging", "", {}),
    "Vanta": ("Compliance", "", {"countries": {"DE": 0.9, "AT": 0.1}}),
    "Zapier": ("Automation", "", {}),
}


# Beside which subjects a sponsor never stands, and whose bills the house looks at twice.
BLOCKED = {"Babbel": ["Politics"], "HelloFresh": ["Politics", "Religion"], "Duolingo": ["Politics"]}
CREDIT = {"Klarna": "watch", "Skillshare": "hold"}
# The deal that has a proposal already, and the goal that stands in it in the client's words.
PROPOSED_DEAL = "notion-team-wikis"
PROPOSED_GOAL = "Notion wants teams to open one place for what they know, before they open a chat."


@dataclass(frozen=True)
class PlannedDeal:
    """A deal: `path` lists the days ago at which it entered each stage of its way, the first being lead."""

    slug: str
    name: str
    sponsor: str
    owner: str
    euros: int
    path: tuple[tuple[str, int], ...]
    shows: tuple[str, ...]
    source: str = "inbound"
    next_step: str = ""
    next_in: int | None = None
    close_in: int | None = None
    flight: tuple[int, int] | None = None
    impressions: int | None = None
    reason: str = ""
    lost_to: str = ""
    currency: str = "EUR"
    notes: tuple[tuple[str, str, int], ...] = field(default=())


def _way(to: str, entered: int, *, pace: int = 6) -> tuple[tuple[str, int], ...]:
    """Return the straight way to a stage that was entered so many days ago, `pace` days a stage before."""
    order = ["lead", "qualified", "proposal", "negotiation", "won"]
    if to == "lost":
        return (("lead", entered + 2 * pace), ("qualified", entered + pace), ("lost", entered))
    steps = order[: order.index(to) + 1]
    return tuple((stage, entered + pace * (len(steps) - 1 - place)) for place, stage in enumerate(steps))


DEALS = (
    # --- leads
    PlannedDeal("linear-cycles", "Cycles, host-read", "Linear", "tom", 3800, _way("lead", 3), (BAR, KIOSK),
                next_step="First call", next_in=3, close_in=40, flight=(45, 100)),
    PlannedDeal("huel-desk-lunch", "Desk lunch test", "Huel", "ines", 950, _way("lead", 6), (KIOSK,),
                next_step="Send rate card", next_in=2, close_in=35),
    PlannedDeal("duolingo-new-year", "New year, 12 weeks", "Duolingo", "tom", 5200, _way("lead", 11),
                (SCRUM, BERUFE, KOMPLEX, TALES), source="outbound", next_step="Intro by agency", next_in=4, close_in=30,
                flight=(40, 124)),
    PlannedDeal("klarna-student-tariff", "Trainee accounts", "Klarna", "ines", 2400, _way("lead", 22),
                (BERUFE, UNMUTE), source="outbound", close_in=20),
    PlannedDeal("okta-launch", "Workforce launch", "Okta", "rosa", 1250, _way("lead", 2), (INSIDER,),
                source="referral", next_step="Call back", next_in=5, close_in=60),
    # --- qualified
    PlannedDeal("skillshare-evenings", "Evening classes", "Skillshare", "rosa", 3100, _way("qualified", 5),
                (BERUFE, BAR, UNMUTE), next_step="Audience profile", next_in=3, close_in=25, flight=(30, 86),
                impressions=90000),
    PlannedDeal("bitwarden-teams", "Teams plan", "Bitwarden", "tom", 4600, _way("qualified", 9),
                (ZERODAY, INSIDER, SCRUM), source="referral", next_step="Budget check", next_in=6, close_in=28),
    PlannedDeal("stripe-billing", "Billing for makers", "Stripe", "ines", 6400, _way("qualified", 22), (SCRUM, KIOSK),
                source="outbound", next_step="Compliance answer", next_in=-2, close_in=-3),
    PlannedDeal("twilio-usd", "Messaging API, US budget", "Twilio", "rosa", 2800, _way("qualified", 4), (BAR,),
                next_step="Confirm currency of the order", next_in=11, close_in=33, currency="USD"),
    # --- proposal
    PlannedDeal("notion-team-wikis", "Team wikis, host-read", "Notion", "rosa", 5750, _way("proposal", 6),
                (SCRUM, BAR, KIOSK), source="renewal", next_step="Walk through the plan", next_in=3, close_in=14,
                flight=(21, 76), impressions=180000,
                notes=(("mail", "Sent the media plan with three shows; asked for a price without pre-rolls.", 5),)),
    PlannedDeal("retool-internal-tools", "Internal tools series", "Retool", "tom", 8400, _way("proposal", 4),
                (SCRUM, BAR, KOMPLEX), next_step="Revised dates", next_in=4, close_in=18, flight=(28, 90)),
    PlannedDeal("pagerduty-on-call", "On call, Advent", "PagerDuty", "ines", 1400, _way("proposal", 12),
                (KIOSK, TALES), source="referral", next_step="Chase answer", next_in=2, close_in=9),
    PlannedDeal("miro-planning-season", "Planning season", "Miro", "tom", 4300, _way("proposal", 8), (SCRUM, UNMUTE),
                next_step="Send avails", next_in=5, close_in=21, flight=(35, 62)),
    # --- negotiation
    PlannedDeal("github-renewal", "Renewal, first quarter", "GitHub", "rosa", 3600, _way("negotiation", 5),
                (KIOSK, BAR), source="renewal", next_step="Terms to legal", next_in=3, close_in=8, flight=(42, 126),
                impressions=120000),
    PlannedDeal("vanta-relaunch", "Audit season relaunch", "Vanta", "ines", 7200, _way("negotiation", 16),
                (INSIDER, ZERODAY, SCRUM, BAR), source="outbound", next_step="Rate decision", next_in=2, close_in=5,
                flight=(30, 86)),
    PlannedDeal("incogni-frames", "Data removal, host-read", "Incogni", "tom", 1850, _way("negotiation", 3), (ZERODAY,),
                next_step="Countersign", next_in=4, close_in=6, flight=(24, 51)),
    PlannedDeal("audible-audiobook-month", "Audiobook month", "Audible", "lena", 4900, _way("negotiation", 2),
                (TALES, ANOMALIEN, SCRUM), source="renewal", next_step="Sign the order", next_in=5, close_in=7,
                flight=(30, 57), impressions=150000),
    # --- won: with bookings (see LINES), then the four left for sample files and first steps
    PlannedDeal("nordvpn-winter", "Winter privacy", "NordVPN", "ines", 0, _way("won", 62), (SCRUM, ZERODAY),
                source="renewal", flight=(-49, 6)),
    PlannedDeal("blinkist-autumn", "Autumn summaries", "Blinkist", "tom", 0, _way("won", 55), (BAR, KOMPLEX),
                flight=(-42, 13)),
    PlannedDeal("datadog-observability", "Observability mid-rolls", "Datadog", "rosa", 0, _way("won", 48), (KIOSK, BAR),
                source="referral", flight=(-35, 20)),
    PlannedDeal("shopify-makers", "Makers, run of show", "Shopify", "ines", 0, _way("won", 40), (BERUFE, SCRUM),
                source="outbound", flight=(-28, 27)),
    PlannedDeal("squarespace-portfolio", "Portfolio launch", "Squarespace", "rosa", 0, _way("won", 130), (BAR, BERUFE),
                flight=(-112, -71)),
    PlannedDeal("1password-spring", "Passkeys", "1Password", "tom", 0, _way("won", 120), (INSIDER, ANOMALIEN),
                source="renewal", flight=(-105, -64)),
    PlannedDeal("cloudflare-edge", "At the edge", "Cloudflare", "ines", 0, _way("won", 12), (KIOSK, DATA, COUCH),
                flight=(14, 69)),
    PlannedDeal("indeed-careers", "Careers in the new year", "Indeed", "rosa", 0, _way("won", 9), (BERUFE, UNMUTE),
                source="referral", flight=(21, 62)),
    PlannedDeal("babbel-spring-courses", "Spring courses", "Babbel", "ines", 6200, _way("won", 20), (SCRUM, BERUFE),
                flight=(30, 100)),
    PlannedDeal("hellofresh-new-year", "New year boxes", "HelloFresh", "tom", 5400, _way("won", 16), (BAR, ANOMALIEN),
                flight=(30, 100)),
    PlannedDeal("bose-headphones-launch", "Headphones launch", "Bose", "rosa", 7100, _way("won", 10),
                (ZERODAY, KOMPLEX, INSIDER), flight=(30, 100)),
    PlannedDeal("eight-sleep-sleep-weeks", "Sleep weeks", "Eight Sleep", "ines", 2600, _way("won", 6), (UNMUTE, WEIRD),
                flight=(30, 100)),
    # --- lost
    PlannedDeal("airtable-winter", "Winter launch", "Airtable", "ines", 4800, _way("lost", 5), (SCRUM, KIOSK),
                reason="Price", lost_to="Heise media"),
    PlannedDeal("brilliant-reset", "Autumn reset", "Brilliant", "tom", 2200, _way("lost", 13), (DATA, BERUFE),
                source="outbound", reason="Budget cut"),
    PlannedDeal("zapier-plan", "Developer plan", "Zapier", "rosa", 1650, _way("lost", 29), (KIOSK,),
                reason="Chose a rival", lost_to="A YouTube network"),
    PlannedDeal("klarna-summer", "Summer test", "Klarna", "tom", 1900, _way("lost", 70), (KOMPLEX,), reason="Price"),
)  # fmt: skip


@dataclass(frozen=True)
class PlannedLine:
    """A booking of a won deal: a unit of a show for whole weeks from a Monday, `pace` being delivered over promised."""

    name: str
    deal: str
    show: str
    unit: str
    first_week: int
    weeks: int
    pace: float
    cpm_cents: int
    code: str = ""
    ends: str = ""


LINES = (
    PlannedLine("nordvpn-winter/1", "nordvpn-winter", SCRUM, "Mid-roll 1", -7, 8, 1.0, 2800, "SCRUM20"),
    PlannedLine("nordvpn-winter/2", "nordvpn-winter", ZERODAY, "Mid-roll 1", -7, 8, 0.86, 2600, "ZERODAY20"),
    PlannedLine("blinkist-autumn/1", "blinkist-autumn", BAR, "Mid-roll 1", -6, 8, 1.04, 2700, "BAR25"),
    PlannedLine("blinkist-autumn/2", "blinkist-autumn", KOMPLEX, "Pre-roll", -6, 8, 1.22, 2200, "KOMPLEX25"),
    PlannedLine("datadog-observability/1", "datadog-observability", KIOSK, "Mid-roll 1", -5, 8, 0.97, 3000, "KIOSK"),
    PlannedLine("datadog-observability/2", "datadog-observability", BAR, "Mid-roll 2", -5, 8, 0.9, 2600, "BAR"),
    PlannedLine("shopify-makers/1", "shopify-makers", BERUFE, "Run of show", -4, 8, 1.02, 1900, "AZUBI"),
    PlannedLine("shopify-makers/2", "shopify-makers", SCRUM, "Run of show", -4, 8, 0.92, 1900, "SPRINT"),
    PlannedLine("squarespace-portfolio/1", "squarespace-portfolio", BAR, "Pre-roll", -16, 6, 1.08, 2200, "BAR10",
                ends="completed"),
    PlannedLine("squarespace-portfolio/2", "squarespace-portfolio", BERUFE, "Mid-roll 1", -16, 6, 0.79, 2800, "BERUF10",
                ends="makegood"),
    PlannedLine("1password-spring/1", "1password-spring", INSIDER, "Mid-roll 1", -15, 6, 0.83, 2800, "INSIDER",
                ends="makegood"),
    PlannedLine("1password-spring/2", "1password-spring", ANOMALIEN, "Mid-roll 1", -15, 6, 1.03, 2800, "ANOMALIE",
                ends="completed"),
    PlannedLine("cloudflare-edge/1", "cloudflare-edge", KIOSK, "Mid-roll 2", 3, 8, 1.0, 2700, "EDGE"),
    PlannedLine("cloudflare-edge/2", "cloudflare-edge", DATA, "Mid-roll 1", 3, 8, 1.0, 2800, "EDGEDATA"),
    PlannedLine("cloudflare-edge/3", "cloudflare-edge", COUCH, "Mid-roll 1", 3, 8, 1.0, 2600, "EDGENET", ends="held"),
    PlannedLine("indeed-careers/1", "indeed-careers", BERUFE, "Mid-roll 2", 4, 6, 1.0, 2600, "TRAUMJOB"),
    PlannedLine("indeed-careers/2", "indeed-careers", UNMUTE, "Mid-roll 1", 4, 6, 1.0, 2800, "UNMUTE", ends="draft"),
)  # fmt: skip

# What each person means to win this quarter, in euros.
GOALS = {"ines": 12000, "tom": 11000, "rosa": 12500, "lena": 6000}
