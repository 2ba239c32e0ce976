"""The front page: where everything is."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_PAGES = """\
A Django site that is monitored by django-multiprocess-exporter.

/api/metrics/prometheus/   the metrics of every process, for Prometheus
/admin/                    Django's admin
"""

_DEMO_PAGES = """
/demo/ok/                  200; ?status=418 answers that status
/demo/slow/?ms=250         waits
/demo/error/               raises: 500
/demo/queries/?n=10        runs that many queries
/demo/cache/?key=a         reads the cache, fills it on a miss
/demo/items/7/             an object; 404 above 1000
/demo/stream/              a streamed answer
/demo/async/               an async view
"""


def index(request: HttpRequest) -> HttpResponse:
    pages = _PAGES + (_DEMO_PAGES if settings.DEMO_VIEWS else "")
    return HttpResponse(pages, content_type="text/plain; charset=utf-8")
