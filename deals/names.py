"""One sponsor, many spellings: a name without what people spell differently. Pure."""

import re
import unicodedata

# Words that say what kind of company it is, not which one.
LEGAL_FORMS = frozenset(
    (
        *("ab", "ag", "bv", "co", "company", "corp", "corporation", "eg", "ev", "gbr", "gmbh", "group", "holding"),
        *("inc", "incorporated", "kg", "kgaa", "limited", "llc", "llp", "ltd", "mbh", "nv", "ohg", "oy", "plc"),
        *("pte", "pty", "sa", "sarl", "sas", "se", "sl", "spa", "srl", "the", "ug"),
    )
)


def name_key(name: str) -> str:
    """Return what stays of a company's name when case, accents, punctuation, spaces and its legal form are put aside.

    "Acme Foods" and "ACME-Foods Inc." give the same key. A name of nothing but legal forms keeps them.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.findall(r"\w+", letters.replace("'", "").replace("’", "").replace("&", " and "))
    telling = [word for word in words if word not in LEGAL_FORMS and word != "and"]
    return "".join(telling or words)[:200]
