"""Names of countries as hosts write them -> ISO codes, by which audiences are compared. Pure."""

from functools import lru_cache
from importlib import resources

# What the table of the time zone data calls otherwise.
_ALSO = {
    "united states of america": "US",
    "usa": "US",
    "united kingdom": "GB",
    "uk": "GB",
    "great britain": "GB",
    "south korea": "KR",
    "republic of korea": "KR",
    "north korea": "KP",
    "czechia": "CZ",
    "russian federation": "RU",
    "viet nam": "VN",
    "türkiye": "TR",
    "turkiye": "TR",
    "hong kong sar": "HK",
    "taiwan, province of china": "TW",
    "côte d'ivoire": "CI",
    "ivory coast": "CI",
    "congo": "CG",
    "deutschland": "DE",
    "österreich": "AT",
    "schweiz": "CH",
    "niederlande": "NL",
    "frankreich": "FR",
    "vereinigte staaten": "US",
    "vereinigtes königreich": "GB",
    "the netherlands": "NL",
    "bosnia and herzegovina": "BA",
    "trinidad and tobago": "TT",
    "united arab emirates": "AE",
    "myanmar": "MM",
    "palestine": "PS",
    "curaçao": "CW",
    "réunion": "RE",
    "åland islands": "AX",
}


def country_code(name: str) -> str:
    """Return the ISO code of a country's name or code; a name that nobody knows stays as it is."""
    text = name.strip()
    if len(text) == 2 and text.upper() in _codes().values():
        return text.upper()
    return _codes().get(text.lower(), text)


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    table = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t", 1) for line in table.splitlines() if line and not line.startswith("#"))
    return {name.lower().replace(" & ", " and "): code for code, name in rows} | _ALSO
