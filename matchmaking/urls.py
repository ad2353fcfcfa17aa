"""Pages of this app."""

from django.urls import path

from matchmaking import views

app_name = "matchmaking"

urlpatterns = [
    path("matches", views.matches, name="matches"),
    path("matches/advertisers/<uuid:sponsor_id>", views.advertiser, name="advertiser"),
    path("matches/shows/<uuid:podcast_id>", views.show, name="show"),
    path("matches/feedback", views.feedback, name="feedback"),
    path("matches/deal", views.start_deal, name="start-deal"),
    path("matches/recalculate", views.recalculate, name="recalculate"),
    path("matches/weights", views.weights, name="weights"),
]
