"""Pages of several domains that stand inside the admin site: the deal, its proposal, the sponsor, the agency."""

from django.contrib import admin
from django.urls import path

from tracker.dashboards import deal, sponsor
from tracker.dashboards.proposals import views as proposals

_inside = admin.site.admin_view
_DEAL = "deals/campaign/<uuid:campaign_id>/"

app_name = "desk"
urlpatterns = [
    path(_DEAL, _inside(deal.page), name="deal"),
    path(f"{_DEAL}note/", _inside(deal.add_note), name="deal-note"),
    path(f"{_DEAL}file/", _inside(deal.keep_file), name="deal-keep"),
    path(f"{_DEAL}file/<uuid:file_id>/", _inside(deal.file), name="deal-file"),
    path(f"{_DEAL}draft-order/", _inside(deal.draft), name="deal-draft"),
    path(f"{_DEAL}proposal/", _inside(proposals.proposal), name="deal-proposal"),
    path("deals/sponsor/<uuid:sponsor_id>/", _inside(sponsor.page), name="sponsor"),
    path("deals/sponsor/<uuid:sponsor_id>/reads.csv", _inside(sponsor.reads_csv), name="sponsor-reads"),
    path("deals/agency/<uuid:agency_id>/", _inside(sponsor.agency_page), name="agency"),
]
