"""A Django with one view and nothing else, for gunicorn: what benchmarks/api.py sets the API against."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path


def view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "scheduled", "booked_impressions": 240_000})


settings.configure(SECRET_KEY="bare", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], LOGGING_CONFIG=None)
urlpatterns = [path("bare", view)]
application = get_wsgi_application()
