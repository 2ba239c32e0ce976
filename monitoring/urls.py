"""Mount with `path("api/", include("monitoring.urls"))`."""

from django.urls import path

from monitoring.api import views
from monitoring.api.lazy import admin_view

app_name = "monitoring"

urlpatterns = [
    path("metrics/", admin_view("summary.SummaryView"), name="summary"),
    path("metrics/cache/", admin_view("dependencies.CacheView"), name="cache"),
    path("metrics/database/", admin_view("dependencies.DatabaseView"), name="database"),
    path("metrics/prometheus/", views.scrape, name="scrape"),
    path("schema/", admin_view("schema.SchemaView"), name="schema"),
]
