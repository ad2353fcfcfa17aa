"""A card of the board as HTML. Text put together by hand: a board has hundreds of cards, and each costs time."""

from collections.abc import Callable
from functools import cache
from html import escape

from django.urls import reverse
from django.utils import formats
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from deals.board import Card
from deals.rules import FORWARD
from tracker.lib import ui, words

_ANY_DEAL = "00000000-0000-0000-0000-000000000000"


class CardWriter:
    """Writes cards for one page: what is the same on all of them is worked out once.

    Every value is escaped here, by html.escape: it does what Django's does to plain text, at a third of its time.
    """

    def __init__(self) -> None:
        self._clock, self._left, self._right = (str(ui.icon(name)) for name in ("clock", "left", "right"))
        self._before, self._after = reverse("desk:deal", args=[_ANY_DEAL]).split(_ANY_DEAL)
        self._no_step, self._back, self._on = _("No next step"), _("Move %(deal)s back"), _("Move %(deal)s on")
        self._days = escape(_("%(days)s d"))
        # Days, owners, counts and stages repeat from card to card, and each costs more than looking it up.
        self._day = cache(lambda day: escape(words.day(day)))
        self._avatar = cache(
            lambda name: f'<span class="avatar push" title="{escape(name)}">{escape(ui.initials(name))}</span>'
        )
        self._shows = cache(_shows)
        self._money = cache(_money_writer)
        self._steps = cache(_steps)

    def write(self, card: Card) -> SafeString:
        name = escape(card.name)
        shows = self._shows(card.shows) if card.shows else ""
        tone = f" strong tone-{card.tone}" if card.tone else ""
        value = self._money(card.currency)(card.value_cents)
        return mark_safe(  # noqa: S308 (every value is escaped here)
            f'<article class="deal" tabindex="0" data-deal="{card.campaign_id}" data-version="{card.version}"'
            f' data-stage="{card.stage}" data-moves="{" ".join(card.moves)}"'
            f' data-exceptions="{" ".join(card.exceptions)}" data-name="{name}">'
            f'<span class="deal-sponsor">{escape(card.sponsor)}</span>'
            f'<h3 class="deal-name"><a href="{self._before}{card.campaign_id}{self._after}">{name}</a></h3>'
            f'<p class="deal-line"><span class="deal-value">{value}</span>{shows}'
            f'<span class="push{tone}">{self._age(card)}</span></p>{self._foot(card)}'
            f"{self._buttons(card, name)}</article>"
        )

    def _age(self, card: Card) -> str:
        if card.closed_on is not None:
            return self._day(card.closed_on)
        return f"{self._clock} {self._days % {'days': card.days}}"

    def _foot(self, card: Card) -> str:
        owner = self._avatar(card.owner) if card.owner else ""
        if card.stage == "won":
            return f'<p class="deal-line"><span></span>{owner}</p>' if owner else ""
        if card.stage == "lost":
            return f'<p class="deal-line"><span>{escape(card.lost_reason)}</span>{owner}</p>'
        if not card.next_step:
            return f'<p class="deal-line"><span class="tone-watch">{escape(self._no_step)}</span>{owner}</p>'
        step = escape(card.next_step)
        if card.next_step_on:
            step = f"{self._day(card.next_step_on)} · {step}"
        late = ' class="tone-bad"' if card.is_next_late else ""
        return f'<p class="deal-line"><span{late}>{step}</span>{owner}</p>'

    def _buttons(self, card: Card, name: str) -> str:
        """The stage before and the stage after; lost and exceptions are for the hand and the deal's own page."""
        back, on = self._steps(card.stage, tuple(card.moves))
        buttons = _button(back, self._back, name, self._left) if back else ""
        if on:
            buttons += _button(on, self._on, name, self._right)
        return f'<div class="deal-moves">{buttons}</div>' if buttons else ""


def _button(to: str, label: str, name: str, glyph: str) -> str:
    """Return the button of one step; `name` is escaped already."""
    return (
        f'<button type="button" class="deal-step" data-to="{to}" aria-label="{escape(label) % {"deal": name}}">'
        f"{glyph}</button>"
    )


def _shows(count: int) -> str:
    shown = ngettext("%(count)s show", "%(count)s shows", count) % {"count": count}
    return f"<span>{escape(shown)}</span>"


def _steps(stage: str, moves: tuple[str, ...]) -> tuple[str, str]:
    """Return the stages that lie one step back and one step on, "" where there is none."""
    if stage not in FORWARD:
        return (moves[0] if moves else "", "")
    place = FORWARD.index(stage)
    known = [to for to in moves if to in FORWARD]
    back = next((to for to in known if FORWARD.index(to) < place), "")
    return back, next((to for to in known if FORWARD.index(to) > place), "")


def _money_writer(currency: str) -> Callable[[int], str]:
    """Return what writes whole amounts of a currency as words.money_whole does, asking for the locale once.

    Amounts are cents and not negative; a locale that does not group by threes is left to words.money_whole.
    """
    before, zero, after = words.money_whole(0, currency).partition("0")
    if formats.get_format("NUMBER_GROUPING") != 3 or not zero:
        return lambda cents: escape(words.money_whole(cents, currency))
    comma = formats.get_format("THOUSAND_SEPARATOR")
    before, after, comma = escape(before), escape(after), escape(comma)
    return lambda cents: f"{before}{f'{(cents + 50) // 100:,}'.replace(',', comma)}{after}"
