"""Sign-in, sign-out, passwords, second factor: allauth's pages, dressed by templates/account and templates/mfa."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
]
