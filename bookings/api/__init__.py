"""Inventory, booked lines, orders, makegoods and billing for partners' programs: routes below /api/v1."""

from rest_framework.routers import SimpleRouter

from bookings.api.ad_units import AdUnitViewSet
from bookings.api.billing import BillingLineViewSet
from bookings.api.lines import BookingViewSet
from bookings.api.makegoods import MakegoodViewSet
from bookings.api.offers import OfferViewSet
from bookings.api.orders import OrderViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("io", BookingViewSet, basename="io")
router.register("ad-units", AdUnitViewSet, basename="ad-unit")
router.register("orders", OrderViewSet, basename="order")
router.register("makegoods/offers", OfferViewSet, basename="makegood-offer")
router.register("makegoods", MakegoodViewSet, basename="makegood")
router.register("billing-lines", BillingLineViewSet, basename="billing-line")

urlpatterns = router.urls
