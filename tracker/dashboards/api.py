"""The dashboards for partners' programs: the same cards as the pages, by the same queries."""

from typing import Any

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.api.views import TrackerView
from tracker.dashboards.advertiser.page import ADVERTISER, LONGEST_WEEKS
from tracker.dashboards.creator.page import CREATOR
from tracker.dashboards.kept import figures_of, one_moment
from tracker.dashboards.ops.page import OPS
from tracker.dashboards.pages import CARDS, Dashboard, cards_on
from tracker.dashboards.scope import LONGEST_DAYS
from tracker.dashboards.version import page_tag, stamps_of
from tracker.lib import words

PERIOD = [
    OpenApiParameter(
        "days",
        {"type": "integer", "minimum": 1, "maximum": LONGEST_DAYS},
        description="How many days back from the last complete one; 30 by default.",
    ),
    OpenApiParameter("from", OpenApiTypes.DATE, description="First day of a period of your own, with `until`."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="Last day of it, included."),
]


class DashboardView(TrackerView):
    """A dashboard as JSON: one key for each card, beside the house's currency and time zone."""

    flag = CARDS
    scope = "dashboards"
    dashboard: Dashboard

    def answer(self, request: Request) -> Response:
        with one_moment() as may_keep:
            return self._answer(request, may_keep)

    def _answer(self, request: Request, may_keep: bool) -> Response:
        relative, stamps = self.dashboard.is_relative, stamps_of(self.dashboard.tables)
        tag = page_tag(request, stamps, at=self.now, relative=relative)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if tag and request.headers.get("If-None-Match") == tag:
            return Response(status=304, headers=headers)
        scope = self.dashboard.scope_of(request.user, request.query_params, at=self.now)
        cards = [card for card in cards_on(self.dashboard, self.features) if card.as_json]
        figures = figures_of(cards, scope, stamps=stamps, features=self.features, relative=relative, may_keep=may_keep)
        body: dict[str, Any] = {
            "generated_at": self.now.isoformat(),
            "currency": words.house_currency(),
            "time_zone": words.house_zone().key,
            "is_simulated": scope.is_simulated,
        }
        # A card of a feature that is switched off keeps its key and holds nothing.
        body |= {card.name: figures.get(card.name) for card in self.dashboard.cards if card.as_json}
        return Response(body, headers=headers)


class CreatorDashboardView(DashboardView):
    dashboard = CREATOR
    permission = CREATOR.permission

    @extend_schema(
        operation_id="dashboard_creator",
        parameters=[OpenApiParameter("podcast_id", OpenApiTypes.UUID, description="One show alone."), *PERIOD],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """Pacing against flight, sponsor revenue and pending makegoods of one's shows."""
        return self.answer(request)


class AdvertiserDashboardView(DashboardView):
    dashboard = ADVERTISER
    permission = ADVERTISER.permission

    @extend_schema(
        operation_id="dashboard_advertiser",
        parameters=[
            OpenApiParameter("advertiser_id", OpenApiTypes.UUID, description="Whose numbers; one's own by default."),
            OpenApiParameter("podcast_id", OpenApiTypes.UUID, description="The inventory of one show alone."),
            OpenApiParameter(
                "weeks",
                {"type": "integer", "minimum": 1, "maximum": LONGEST_WEEKS},
                description="Weeks of inventory from this Monday on; 8 by default.",
            ),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """Which shows fit, at what price, and when there is room."""
        return self.answer(request)


class OpsDashboardView(DashboardView):
    dashboard = OPS
    permission = OPS.permission

    @extend_schema(
        operation_id="dashboard_ops",
        parameters=[OpenApiParameter("period", str, enum=["month", "quarter", "year"], description="Each to date.")],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """Pipeline forecast, deals won and lost, and whether data and jobs arrive."""
        return self.answer(request)


urlpatterns: list[URLPattern | URLResolver] = [
    path("dashboard/creator", CreatorDashboardView.as_view(), name="dashboard-creator"),
    path("dashboard/advertiser", AdvertiserDashboardView.as_view(), name="dashboard-advertiser"),
    path("dashboard/ops", OpsDashboardView.as_view(), name="dashboard-ops"),
]
