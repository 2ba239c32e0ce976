"""URLs of the demo views."""

from django.urls import path

from project.demo import views

urlpatterns = [
    path("ok/", views.ok),
    path("slow/", views.slow),
    path("error/", views.error),
    path("queries/", views.queries),
    path("cache/", views.cached),
    path("items/<int:pk>/", views.item),
    path("stream/", views.stream),
    path("async/", views.async_ok),
]
