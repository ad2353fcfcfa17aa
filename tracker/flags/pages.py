"""A page whose feature is switched off is not there, and neither is its entry in the menu."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tracker.flags.services import is_on, switched_on

View = Callable[..., HttpResponse]


def flag_required(flag: str) -> Callable[[View], View]:
    """Decorate a page: 404 while the feature is off here."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not is_on(flag):
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def features(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `features` holds the flags that are on, read once when a template first asks."""
    return {"features": SimpleLazyObject(switched_on)}
