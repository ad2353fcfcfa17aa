"""JSON as the standard has it: no NaN, no half characters, no name twice, no tower of brackets."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 20


class StrictJSONParser(JSONParser):
    """Refuse with 400 what Python would take and no other reader understands."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        encoding = (parser_context or {}).get("encoding") or "utf-8"
        try:
            text = codecs.getreader("utf-8" if encoding.lower() == "utf-8" else encoding)(stream).read()
            body = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_twins)
            _check(body, DEEPEST)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except (ValueError, LookupError) as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error
        return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return body


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth - 1)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("it holds a NUL character")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("it holds half a character (a lone surrogate)")
