"""Sign-in, sign-out, passwords, second factor: allauth's pages, dressed by templates/account and templates/mfa."""

from django.urls import URLPattern, URLResolver, include, path

from tracker.accounts.views import accept_invitation

urlpatterns: list[URLPattern | URLResolver] = [
    path("invitation/<str:token>", accept_invitation, name="invitation-accept"),
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
]
