"""A page whose feature is switched off is not there, and neither is its entry in the menu."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tracker.flags.services import switched_on

View = Callable[..., HttpResponse]


def flag_required(flag: str) -> Callable[[View], View]:
    """Decorate a page: 404 while the feature is off here."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if flag not in features_of(request):
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def features_of(request: HttpRequest) -> frozenset[str]:
    """Return the flags that are on here, read once for a request: guard, cards, menu and templates all ask."""
    if not hasattr(request, "features_on"):
        request.features_on = switched_on()  # type: ignore[attr-defined]
    return request.features_on  # type: ignore[attr-defined]


def features(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `features` holds the flags that are on, read when a template first asks."""
    return {"features": SimpleLazyObject(lambda: features_of(request))}
