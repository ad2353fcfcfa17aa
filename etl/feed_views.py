"""The page that makes a show from its RSS feed, or brings a show up to it."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from etl.views import import_page
from metrics.feeds import read_feed
from metrics.models import Podcast
from metrics.shows import take_feed
from tracker.lib.errors import DomainError

SHOWN = 100


class FeedForm(forms.Form):
    feed_url = forms.URLField(
        label=gettext_lazy("Address of the feed"),
        max_length=500,
        assume_scheme="https",
        help_text=gettext_lazy("The RSS feed that podcast apps read, beginning with https://."),
    )


@require_http_methods(["GET", "POST"])
@import_page("metrics.add_podcast")
def feed(request: HttpRequest) -> HttpResponse:
    """Read a feed and make its show, with all its episodes; a show that has the feed is brought up to it."""
    form = FeedForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            told = read_feed(form.cleaned_data["feed_url"], loopback=settings.WEBHOOK_ALLOW_LOOPBACK)
            done = take_feed(feed=told, by=request.user, at=timezone.now())
        except DomainError as refusal:
            form.add_error("feed_url", refusal.message)
        else:
            words = {"show": done.podcast.title, "added": done.added, "changed": done.changed}
            if done.is_new:
                messages.success(request, _("%(show)s was added with %(added)s episodes.") % words)
            else:
                said = _("%(show)s is up to its feed: %(added)s episodes added, %(changed)s changed.")
                messages.success(request, said % words)
            return redirect("etl:feed")
    shows = Podcast.objects.filter(is_archived=False).exclude(feed_url="").order_by("title")[:SHOWN]
    return render(request, "etl/feed.html", {"form": form, "shows": shows}, status=422 if form.errors else 200)
