"""Objects as answers, by serializers that are made once: DRF makes every field of one anew for each answer."""

from functools import cache
from typing import Any

from rest_framework.serializers import BaseSerializer


class Telling:
    """What a view needs of a serializer that only tells: `data`, of one object or of each of many.

    For serializers that know nothing of the request; ours do not.
    """

    def __init__(self, serializer: type[BaseSerializer], found: Any, *, many: bool = False) -> None:
        self._told, self._found, self._many = _made_once(serializer), found, many

    @property
    def data(self) -> Any:
        if self._many:
            return [self._told.to_representation(one) for one in self._found]
        return self._told.to_representation(self._found)


@cache
def _made_once(serializer: type[BaseSerializer]) -> BaseSerializer:
    return serializer()
