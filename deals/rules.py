"""The rules of the pipeline as the product ships them; a house may change them. Pure. Source: DOMAIN, deals."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class StageSetting:
    """How a stage counts and ages. Days are whole days since the deal entered the stage; None: it does not age."""

    stage: str
    probability_percent: int
    expected_days: int | None = None
    alert_days: int | None = None
    stalled_days: int | None = None

    def age_tone(self, days: int) -> str:
        """Return "bad" from 1.5 times the expected days, "watch" past them, "" before."""
        if self.expected_days is None or days <= self.expected_days:
            return ""
        return "bad" if days * 2 >= self.expected_days * 3 else "watch"


DEFAULT_STAGES = {
    setting.stage: setting
    for setting in (
        StageSetting("lead", 10, expected_days=14, alert_days=7),
        StageSetting("qualified", 25, expected_days=14, alert_days=7),
        StageSetting("proposal", 50, expected_days=10, alert_days=7),
        StageSetting("negotiation", 75, expected_days=10, alert_days=7, stalled_days=14),
        StageSetting("won", 100),
        StageSetting("lost", 0),
    )
}

OPEN_STAGES = ("lead", "qualified", "proposal", "negotiation")
# The way forward; skipping along it is what force is for.
FORWARD = (*OPEN_STAGES, "won")


@dataclass(frozen=True)
class Guard:
    """Something a deal should have before it stands in one of `stages`. `level` is off, warn or block."""

    code: str
    stages: tuple[str, ...]
    message: Any
    level: str = "warn"


GUARDS = (
    Guard("value_missing", ("proposal", "negotiation", "won"), _("The deal has no value yet.")),
    Guard("close_missing", ("proposal", "negotiation"), _("The deal has no expected close yet.")),
    Guard("flight_missing", ("negotiation", "won"), _("The deal has no flight yet.")),
    Guard("contact_missing", ("proposal", "negotiation", "won"), _("The sponsor has no contact yet."), level="off"),
    Guard("credit_hold", ("negotiation", "won"), _("The credit of the sponsor or its agency is on hold.")),
    Guard("order_missing", ("won",), _("No insertion order was accepted yet."), level="off"),
)


def skips_forward(was: str, to: str) -> bool:
    """Return whether a move leaves out at least one stage on the way to won."""
    return was in OPEN_STAGES and to in FORWARD and FORWARD.index(to) > FORWARD.index(was) + 1
