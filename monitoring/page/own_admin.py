"""The base of our pages in the admin: their requests are no traffic, whatever the site's name."""

from django.contrib import admin
from django.urls import URLPattern

from monitoring.metrics.labels import no_traffic


class OwnAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        for each in urls:
            no_traffic(each.callback)
        return urls
