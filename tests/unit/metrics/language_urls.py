"""URLs under the prefix of a language."""

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path


def view(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return HttpResponse()


urlpatterns = i18n_patterns(re_path(r"^shop/(\d+)/$", view), path("cart/<int:pk>/", view))
