"""Mount with `path("api/", include("monitoring.urls"))`."""

from django.urls import path

from monitoring.api import views
from monitoring.api.dependencies import CacheView, DatabaseView
from monitoring.api.schema import SchemaView
from monitoring.api.summary import SummaryView
from monitoring.api.tracking import untracked

app_name = "monitoring"

urlpatterns = [
    path("metrics/", untracked(SummaryView.as_view()), name="summary"),
    path("metrics/cache/", untracked(CacheView.as_view()), name="cache"),
    path("metrics/database/", untracked(DatabaseView.as_view()), name="database"),
    path("metrics/prometheus/", views.scrape, name="scrape"),
    path("schema/", untracked(SchemaView.as_view()), name="schema"),
]
