"""A field of a JSON body takes what its description says: a number is no text, and a text no number.

Django REST framework would turn one into the other. Forms and addresses hold nothing but text, so theirs is read as
ever.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from rest_framework import serializers
from rest_framework.utils.html import is_html_input

# What JSON gives for each; 3.0 is an integer there too.
TAKEN: dict[type[serializers.Field], tuple[type, ...]] = {
    serializers.CharField: (str,),
    serializers.IntegerField: (int, float),
    serializers.BooleanField: (bool,),
}


def take_described_types_only() -> None:
    """Teach the library's fields, and so all that are made of them."""
    for field, types in TAKEN.items():
        if not hasattr(field.to_internal_value, "__wrapped__"):
            field.to_internal_value = _only(types, field.to_internal_value)  # type: ignore[method-assign]


def _only(types: tuple[type, ...], read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def to_internal_value(field: serializers.Field, data: Any) -> Any:
        body = getattr(field.root, "initial_data", None)
        if not isinstance(data, types) and body is not None and not is_html_input(body):
            field.fail("invalid", input=data)
        return read(field, data)

    return to_internal_value
