"""What the app adds to Django's admin."""

from django.contrib import admin

from monitoring.page.entry import Status
from monitoring.page.status_admin import StatusAdmin

admin.site.register(Status, StatusAdmin)
