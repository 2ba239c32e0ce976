"""URLs of the reference project."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from monitoring.api.mounting import LazyView
from project.views import index

urlpatterns = [
    path("", index, name="index"),
    path("admin/", admin.site.urls),
    path("api/", include("monitoring.urls")),
    path("api/token/", LazyView("project.tokens.TokenView"), name="token"),
]

if settings.DEMO_VIEWS:
    urlpatterns.append(path("demo/", include("project.demo.urls")))
