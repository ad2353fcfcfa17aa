"""Pages of this app: accepting an invitation. Sign-in and passwords are allauth's."""

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from tracker.accounts.invitations import accept, open_invitation
from tracker.lib.errors import DomainError, NotFound

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class AcceptForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=120)
    password = forms.CharField(
        label=_("A password"), max_length=128, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


@never_cache
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Let an invited person choose a name and a password, and sign them in."""
    now = timezone.now()
    try:
        invitation = open_invitation(token=token, at=now)
    except NotFound as gone:
        return render(request, "account/invitation_gone.html", {"message": gone.message}, status=404)
    form = AcceptForm(request.POST or None, initial={"name": invitation.name})
    if request.method == "POST" and form.is_valid():
        try:
            user = accept(token=token, at=now, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error("password" if refusal.code == "weak_password" else None, refusal.message)
        else:
            login(request, user, backend=BACKEND)
            return redirect("/")
    return render(request, "account/invitation.html", {"form": form, "invitation": invitation})
