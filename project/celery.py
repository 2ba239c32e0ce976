"""The Celery application: `celery --app project worker`, `celery --app project beat`."""

import os

from celery import Celery

from monitoring.alerts.schedule import beat_schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule_alerts(sender: Celery, **_: object) -> None:
    sender.conf.beat_schedule = {**sender.conf.beat_schedule, **beat_schedule()}
