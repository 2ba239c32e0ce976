"""Mount with `path("api/", include("monitoring.urls"))`."""

from django.urls import path

from monitoring.api import views

app_name = "monitoring"

urlpatterns = [
    path("metrics/prometheus/", views.scrape, name="scrape"),
]
