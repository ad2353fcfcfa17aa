"""Figures and days as people read them: one spelling for pages, mails, tables and documents.

Separators follow the active language. Missing is never written as 0: every function takes None and says "unknown".
"""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format, get_format, number_format
from django.utils.translation import get_language, gettext, ngettext

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
EN_DASH = "\N{EN DASH}"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$", "AUD": "A$", "CAD": "C$"}

Number = int | float | Decimal


def unknown() -> str:
    return gettext("unknown")


def house_zone() -> ZoneInfo:
    """Return the time zone of the tenant whose schema is entered; UTC outside of any."""
    return ZoneInfo(getattr(getattr(connection, "tenant", None), "time_zone", None) or "UTC")


def house_currency() -> str:
    """Return the ISO currency of the tenant whose schema is entered; USD outside of any."""
    return getattr(getattr(connection, "tenant", None), "currency", None) or "USD"


def number(value: Number | None, decimals: int = 0) -> str:
    """Return 12840 as "12,840", with a real minus sign; halves round away from zero."""
    if value is None:
        return unknown()
    if isinstance(value, int) and decimals == 0:
        return f"{MINUS}{_grouped(-value)}" if value < 0 else _grouped(value)
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    text = number_format(abs(rounded), decimals, use_l10n=True, force_grouping=True)
    return f"{MINUS}{text}" if rounded < 0 else text


def _grouped(value: int) -> str:
    """12840 -> 12,840: most figures of a page are whole, and need no decimal arithmetic."""
    grouping, thousands, _decimals = _separators(get_language())
    if grouping != 3:
        return number_format(value, 0, use_l10n=True, force_grouping=True)
    return f"{value:,}" if thousands == "," else f"{value:,}".replace(",", thousands)


@lru_cache(maxsize=64)
def _separators(language: str | None) -> tuple[Any, str, str]:
    """How a language groups digits, and what it writes between groups and before decimals."""
    return get_format("NUMBER_GROUPING"), get_format("THOUSAND_SEPARATOR"), get_format("DECIMAL_SEPARATOR")


def short_number(value: Number | None) -> str:
    """Return 82300 as "82.3k" and 1290000 as "1.29M": for ranges and axes only, never for a figure in a table."""
    if value is None:
        return unknown()
    size = abs(Decimal(str(value)))
    if size >= 999_950:
        return _trimmed(Decimal(str(value)) / 1_000_000, 2) + "M"
    if size >= 1_000:
        return _trimmed(Decimal(str(value)) / 1_000, 1) + "k"
    return number(value)


def _trimmed(value: Decimal, decimals: int) -> str:
    return number(value, 0 if value == value.to_integral_value() else decimals)


def percent(share: Number | None, decimals: int = 1) -> str:
    """Return the share 0.857 as "85.7 %" (a no-break space before the sign)."""
    return unknown() if share is None else pct(Decimal(str(share)) * 100, decimals)


def pct(value: Number | None, decimals: int = 1) -> str:
    """Return the percent value 85.7 as "85.7 %" (a no-break space before the sign)."""
    return unknown() if value is None else f"{number(value, decimals)}{NBSP}%"


def change(share: Number | None) -> str:
    """Return the change 0.082 as "+8.2 %" and -0.036 as "−3.6 %"."""
    if share is None:
        return unknown()
    text = percent(share)
    return f"+{text}" if Decimal(str(share)) > 0 and not text.startswith("0.0") else text


def money(cents: int | None, currency: str = "", decimals: int = 2, iso: bool = False) -> str:
    """Return 45619 cents as "€456.19"; `iso` writes the code instead of the symbol, for pages with two currencies.

    currency defaults to the house's own. An unknown symbol is always written as its code, "CHF 12.00".
    """
    if cents is None:
        return unknown()
    currency = currency or house_currency()
    amount = _amount(abs(cents), decimals)
    sign = MINUS if cents < 0 else ""
    if iso or currency not in SYMBOLS:
        return f"{sign}{currency}{NBSP}{amount}"
    return f"{sign}{SYMBOLS[currency]}{amount}"


def _amount(cents: int, decimals: int) -> str:
    if isinstance(cents, int) and decimals == 2:
        return f"{_grouped(cents // 100)}{_separators(get_language())[2]}{cents % 100:02}"
    return number(Decimal(cents) / 100, decimals)


def money_whole(cents: int | None, currency: str = "", iso: bool = False) -> str:
    """Return 1335658 cents as "€13,357": for key figures and the pipeline only; tables keep the cents."""
    return money(cents, currency, decimals=0, iso=iso)


def local(moment: date | datetime) -> date | datetime:
    """Return an instant in the house's zone; a plain day is a day everywhere."""
    return timezone.localtime(moment, house_zone()) if isinstance(moment, datetime) else moment


def today() -> date:
    """Return the house's own calendar day."""
    return timezone.localdate(timezone=house_zone())


def day(value: date | datetime | None, *, year: bool | None = None, weekday: bool = False) -> str:
    """Return "20 Nov", or "20 Nov 2026" when it is another year than today's; `year` forces it, `weekday` adds it."""
    if value is None:
        return unknown()
    value = local(value)
    with_year = value.year != today().year if year is None else year
    pattern = ("D " if weekday else "") + "j M" + (" Y" if with_year else "")
    return _in_words(value.date() if isinstance(value, datetime) else value, pattern, get_language())


@lru_cache(maxsize=4096)
def _in_words(day: date, pattern: str, language: str | None) -> str:
    """A page names the same few days again and again."""
    return date_format(day, pattern)


def stamp(value: date | datetime) -> str:
    """Return the day, or the instant in the house's zone, as machines read it: 2026-11-20T09:40+01:00."""
    if isinstance(value, datetime):
        return timezone.localtime(value, house_zone()).isoformat(timespec="minutes")
    return value.isoformat()


def day_range(first: date, last: date, *, year: bool | None = None) -> str:
    """Return "28 Oct – 25 Dec", "1 – 30 Nov" or "20 Nov"; both days are inside. `year` as in `day`."""
    if first == last:
        return day(first, year=year)
    if first.year != last.year:
        return f"{day(first, year=True)} {EN_DASH} {day(last, year=True)}"
    end = day(last, year=year)
    if first.month == last.month:
        return f"{first.day} {EN_DASH} {end}"
    return f"{day(first, year=False)} {EN_DASH} {end}"


def clock(moment: datetime | None) -> str:
    """Return "09:40" in the house's zone."""
    return unknown() if moment is None else date_format(local(moment), "H:i")


def instant(moment: datetime | None, *, year: bool | None = None) -> str:
    """Return "21 Nov, 09:40" in the house's zone."""
    return unknown() if moment is None else f"{day(moment, year=year)}, {clock(moment)}"


def span(length: timedelta) -> str:
    """Return "2 d 17 h", "6 h 38 min", "45 min" or "0.9 s": two units at most, rounded down."""
    seconds = abs(length.total_seconds())
    if seconds < 60:
        return f"{number(seconds, 1)} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return _two(days, gettext("d"), hours % 24, gettext("h"))
    if hours:
        return _two(hours, gettext("h"), minutes % 60, gettext("min"))
    return f"{minutes} {gettext('min')}"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def days_away(value: date) -> str:
    """Return "in 4 days", "today" or "2 days late", seen from the house's today."""
    days = (value - today()).days
    if days == 0:
        return gettext("today")
    if days > 0:
        return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": days}
    return ngettext("%(days)s day late", "%(days)s days late", -days) % {"days": -days}


def zone_name() -> str:
    """Return the house's zone as people say it: "Dublin time" for Europe/Dublin, "UTC" for UTC."""
    key = house_zone().key
    if "/" not in key:
        return key
    return gettext("%(city)s time") % {"city": key.rsplit("/", 1)[1].replace("_", " ")}
