"""Cards: one set of numbers behind a page, a JSON answer, a CSV, a printed sheet and a mail alike."""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Table
from tracker.dashboards.version import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Card:
    """name: as in the contract and in addresses; load: one read of the domain; template: how a page draws it.

    as_json turns what was loaded into JSON primitives (None: not part of the API), as_table into rows for CSV and the
    table view. flag: the feature without which the card is not there. width: the grid class, "" for the whole row.
    has_chart: whether it draws a chart, whose numbers stand in a table behind its table button. made_of: every table
    (or part of one) that its JSON is made of, so that it is kept until one of them changes; () if it is not kept.
    """

    name: str
    title: Any
    template: str
    load: Callable[[Scope], Any]
    as_table: Callable[[Any], Table] | None = None
    as_json: Callable[[Any], Any] | None = None
    width: str = ""
    flag: str = ""
    has_chart: bool = False
    made_of: Sequence[Source] = ()


@dataclass(frozen=True)
class Loaded:
    """A card with its numbers; `report` names the log line of one that failed."""

    card: Card
    data: Any = None
    report: str = ""

    @property
    def table(self) -> Table | None:
        """The numbers behind a chart, for the page; other cards show theirs as they are."""
        return self.card.as_table(self.data) if self.card.as_table and self.card.has_chart and not self.report else None


def load_all(cards: Sequence[Card], scope: Scope) -> list[Loaded]:
    """Load cards for a page. One that fails is logged and shown as failed; the others stand."""
    return [_load(card, scope) for card in cards]


def _load(card: Card, scope: Scope) -> Loaded:
    try:
        return Loaded(card, card.load(scope))
    except Exception:
        report = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}"
        log.exception("card_failed", extra={"card": card.name, "report": report})
        return Loaded(card, report=report)


def by_name(cards: Sequence[Card], name: str) -> Card | None:
    return next((card for card in cards if card.name == name), None)
