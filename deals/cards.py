"""A card of the board as HTML. One template string, filled in: a board has hundreds of cards."""

from functools import cache

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from deals.board import Card
from deals.rules import FORWARD
from tracker.lib import ui, words

# Every gap is filled with escaped text or with markup of our own.
_CARD = (
    '<article class="deal" tabindex="0" data-deal="{id}" data-version="{version}" data-stage="{stage}"'
    ' data-moves="{moves}" data-exceptions="{exceptions}" data-name="{name}">'
    '<span class="deal-sponsor">{sponsor}</span>'
    '<h3 class="deal-name"><a href="{url}">{name}</a></h3>'
    '<p class="deal-line"><span class="deal-value">{value}</span>{shows}<span class="push{tone}">{age}</span></p>'
    "{foot}{buttons}</article>"
)
_BUTTON = '<button type="button" class="deal-step" data-to="{to}" aria-label="{label}">{glyph}</button>'


class CardWriter:
    """Writes cards for one page: what is the same on all of them is worked out once."""

    def __init__(self) -> None:
        self._clock, self._left, self._right = ui.icon("clock"), ui.icon("left"), ui.icon("right")
        self._address = reverse("desk:deal", args=["00000000-0000-0000-0000-000000000000"])
        self._no_step, self._back, self._on = _("No next step"), _("Move %(deal)s back"), _("Move %(deal)s on")
        self._days = _("%(days)s d")
        # Days, owners and counts repeat from card to card, and each costs more than looking it up.
        self._day = cache(lambda day: escape(words.day(day)))
        self._avatar = cache(
            lambda name: f'<span class="avatar push" title="{escape(name)}">{escape(ui.initials(name))}</span>'
        )
        self._shows = cache(
            lambda count: escape(ngettext("%(count)s show", "%(count)s shows", count) % {"count": count})
        )

    def write(self, card: Card) -> SafeString:
        name = escape(card.name)
        return mark_safe(  # noqa: S308 (every value is escaped here)
            _CARD.format(
                id=card.campaign_id,
                version=card.version,
                stage=card.stage,
                moves=" ".join(card.moves),
                exceptions=" ".join(card.exceptions),
                name=name,
                sponsor=escape(card.sponsor),
                url=self._address.replace("00000000-0000-0000-0000-000000000000", str(card.campaign_id)),
                value=escape(words.money_whole(card.value_cents, card.currency)),
                shows=f"<span>{self._shows(card.shows)}</span>" if card.shows else "",
                tone=f" strong tone-{card.tone}" if card.tone else "",
                age=self._age(card),
                foot=self._foot(card),
                buttons=self._buttons(card, name),
            )
        )

    def _age(self, card: Card) -> str:
        if card.closed_on is not None:
            return self._day(card.closed_on)
        return f"{self._clock} {escape(self._days % {'days': card.days})}"

    def _foot(self, card: Card) -> str:
        owner = ""
        if card.owner:
            owner = self._avatar(card.owner)
        if card.stage == "won":
            return f'<p class="deal-line"><span></span>{owner}</p>' if owner else ""
        if card.stage == "lost":
            return f'<p class="deal-line"><span>{escape(card.lost_reason)}</span>{owner}</p>'
        if not card.next_step:
            return f'<p class="deal-line"><span class="tone-watch">{escape(self._no_step)}</span>{owner}</p>'
        step: str = escape(card.next_step)
        if card.next_step_on:
            step = f"{self._day(card.next_step_on)} · {step}"
        late = ' class="tone-bad"' if card.is_next_late else ""
        return f'<p class="deal-line"><span{late}>{step}</span>{owner}</p>'

    def _buttons(self, card: Card, name: str) -> str:
        """The stage before and the stage after; lost and exceptions are for the hand and the deal's own page."""
        place = FORWARD.index(card.stage) if card.stage in FORWARD else None
        back = next((to for to in card.moves if place is None or (to in FORWARD and FORWARD.index(to) < place)), "")
        on = next((to for to in card.moves if place is not None and to in FORWARD and FORWARD.index(to) > place), "")
        buttons = ""
        if back:
            buttons += _BUTTON.format(to=back, label=escape(self._back) % {"deal": name}, glyph=self._left)
        if on:
            buttons += _BUTTON.format(to=on, label=escape(self._on) % {"deal": name}, glyph=self._right)
        return f'<div class="deal-moves">{buttons}</div>' if buttons else ""
