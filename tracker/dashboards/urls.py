"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path

from tracker.dashboards import views
from tracker.dashboards.advertiser import acts
from tracker.dashboards.advertiser.page import ADVERTISER
from tracker.dashboards.creator.page import CREATOR
from tracker.dashboards.find import find
from tracker.dashboards.ops.page import OPS
from tracker.dashboards.pages import urls_of

app_name = "dashboards"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.root, name="root"),
    path("find", find, name="find"),
    path("theme", views.set_theme, name="theme-set"),
    path("another-house", views.switch_house, name="house-switch"),
    path("mails/stop/<str:token>", views.stop_mail, name="mail-stop"),
    *urls_of(CREATOR),
    *urls_of(ADVERTISER),
    *urls_of(OPS),
    path("dashboard/advertiser/documents", acts.documents, name="documents"),
    path("dashboard/advertiser/plan", acts.ask_for_plan, name="plan-ask"),
    path("dashboard/advertiser/orders/<uuid:order_id>/sign", acts.sign_order, name="order-sign"),
    path("dashboard/ops/jobs/run-all", views.run_all_jobs, name="jobs-run-all"),
    path("dashboard/ops/jobs/<slug:name>/run", views.run_job, name="job-run"),
    path("dashboard/ops/checklist/hide", views.dismiss_checklist, name="checklist-dismiss"),
]
