"""Inventory, booked lines, orders and makegoods for partners' programs: routes below /api/v1."""

from rest_framework.routers import SimpleRouter

from bookings.api.ad_units import AdUnitViewSet
from bookings.api.lines import BookingViewSet
from bookings.api.makegoods import MakegoodViewSet
from bookings.api.orders import OrderViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("io", BookingViewSet, basename="io")
router.register("ad-units", AdUnitViewSet, basename="ad-unit")
router.register("orders", OrderViewSet, basename="order")
router.register("makegoods", MakegoodViewSet, basename="makegood")

urlpatterns = router.urls
