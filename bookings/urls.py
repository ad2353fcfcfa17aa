"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path

from bookings import calendar_views, copy_views, slot_views, views
from bookings.delivery import views as delivery

app_name = "bookings"

urlpatterns: list[URLPattern | URLResolver] = [
    path("orders/<uuid:order_id>/print", views.order_print, name="order-print"),
    path("orders/versions/<uuid:version_id>.pdf", views.version_pdf, name="version-pdf"),
    path("inventory", calendar_views.calendar, name="calendar"),
    path("inventory/slot", slot_views.slot, name="slot"),
    path("inventory/feeds", calendar_views.feed_add, name="feed-add"),
    path("inventory/feeds/<uuid:feed_id>/revoke", calendar_views.feed_revoke, name="feed-revoke"),
    path("calendar/<str:secret>.ics", calendar_views.feed, name="feed"),
    path("sign/<str:secret>", views.sign, name="sign"),
    path("sign/<str:secret>/order.pdf", views.sign_pdf, name="sign-pdf"),
    path("orders/brand.css", views.brand_css, name="brand-css"),
    path("bookings/<uuid:io_id>", delivery.booking_detail, name="booking-detail"),
    path("copy", copy_views.copies, name="copies"),
    path("bookings/<uuid:io_id>/copy", copy_views.booking_copy, name="copy"),
    path("bookings/<uuid:io_id>/copy/<uuid:copy_id>/answer", copy_views.copy_answer, name="copy-answer"),
    path("bookings/<uuid:io_id>/cases", delivery.case_open, name="case-open"),
    path("bookings/<uuid:io_id>/cases/<uuid:case_id>/offer", delivery.case_offer, name="case-offer"),
    path("bookings/<uuid:io_id>/cases/<uuid:case_id>/credit", delivery.case_credit, name="case-credit"),
    path("bookings/<uuid:io_id>/cases/<uuid:case_id>/waive", delivery.case_waive, name="case-waive"),
    path("bookings/<uuid:io_id>/cases/<uuid:case_id>/owed", delivery.case_adjust, name="case-adjust"),
    path("bookings/<uuid:io_id>/blackouts", delivery.days_black_out, name="blackout-add"),
    path("bookings/<uuid:io_id>/blackouts/<uuid:pause_id>/lift", delivery.blackout_lift, name="blackout-lift"),
    path("bookings/<uuid:io_id>/proof", delivery.proof, name="proof"),
    path("bookings/<uuid:io_id>/proof/judge", delivery.proof_judge, name="proof-judge"),
    path("bookings/<uuid:io_id>/proof/<uuid:aircheck_id>/file", delivery.proof_file, name="proof-file"),
    path("bookings/<uuid:io_id>/count", delivery.count_agree, name="count-agree"),
    path("bookings/<uuid:io_id>/bill", delivery.bill_release, name="bill-release"),
    path("bookings/<uuid:io_id>/redemptions", delivery.redemptions_import, name="redemptions-import"),
    path("billing.csv", delivery.billing_export, name="billing-export"),
    path("makegood/<str:token>", delivery.offer, name="offer"),
]
