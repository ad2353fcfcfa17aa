"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path

from bookings import views

app_name = "bookings"

urlpatterns: list[URLPattern | URLResolver] = [
    path("orders/<uuid:order_id>/print", views.order_print, name="order-print"),
    path("orders/versions/<uuid:version_id>.pdf", views.version_pdf, name="version-pdf"),
    path("sign/<str:secret>", views.sign, name="sign"),
    path("sign/<str:secret>/order.pdf", views.sign_pdf, name="sign-pdf"),
    path("orders/brand.css", views.brand_css, name="brand-css"),
]
