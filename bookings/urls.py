"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path

from bookings import views

app_name = "bookings"

urlpatterns: list[URLPattern | URLResolver] = [
    path("orders/<uuid:order_id>/print", views.order_print, name="order-print"),
    path("orders/brand.css", views.brand_css, name="brand-css"),
]
