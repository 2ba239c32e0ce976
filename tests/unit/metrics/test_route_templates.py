"""The label of a URL pattern reads as its URLs do, whichever way the pattern is written."""

import re
from collections.abc import Sequence

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import URLPattern, URLResolver, include, path, re_path, resolve
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import ViewSet

from monitoring.metrics.route_templates import template_label


@pytest.mark.parametrize(
    ("route", "label"),
    [
        ("", "/"),
        ("^$", "/"),
        ("shop/<int:pk>/", "/shop/<int:pk>/"),
        ("c++/v1.0/<slug:name>/", "/c++/v1.0/<slug:name>/"),
        ("demo/items/<int:pk>/", "/demo/items/<int:pk>/"),
        (r"api/^users/(?P<pk>[^/.]+)/$", "/api/users/<pk>/"),
        (r"^a(?:b|c)/$", "/a(b|c)/"),
        (r"^two/(\d+)/x/(\d+)/$", "/two/<var>/x/<var>/"),
        (r"^(\d+)/(\d+)/(\d+)/$", "/<var>/<var>/<var>/"),
        (r"^years/([0-9]{4})/$", "/years/<var>/"),
        (r"^\d{4}-\d{2}/[^/]+/$", "/<var>-<var>/<var>/"),
        (r"^(?P<a>(x|y\)))/b/((x|[)])\w+)$", "/<a>/b/<var>"),
        (r"^users\.(?P<format>[a-z0-9]+)/?$", "/users.<format>/"),
        (r"^users(?:\.(?P<format>json|csv))?$", "/users.<format>"),
        (r"^robots\.txt$", "/robots.txt"),
        (r"^\Aa\/b\-c[.]d\Z", "/a/b-c.d"),
        (r"^(?:en|de)/shop/$", "/(en|de)/shop/"),
        (r"^(?:id/(?P<id>\d+)|name/(?P<name>\w+))/$", "/(id/<id>|name/<name>)/"),
        (r"^(?!admin)(?P<path>.*)$", "/<path>"),
        (r"^(?i:Shop)/(?#the shop)x$", "/Shop/x"),
        (r"^.*$", "/<var>"),
        (r"files/.+", "/files/<var>"),
        (r"^((?:[\w\-]+/)*)$", "/<var>"),
        (r"(?P<url>.*)$", "/<url>"),
        ("a)b(", "/ab<var>"),
    ],
)
def test_a_pattern_is_written_as_its_urls_read(route: str, label: str) -> None:
    assert template_label(route) == label


def view(request: HttpRequest, **_: object) -> HttpResponse:
    return HttpResponse()


class Users(ViewSet):
    def list(self, request: HttpRequest, **_: object) -> HttpResponse:
        return HttpResponse()

    def retrieve(self, request: HttpRequest, **_: object) -> HttpResponse:
        return HttpResponse()


router = DefaultRouter()
router.register("users", Users, basename="user")
nested: list[URLPattern | URLResolver] = [
    re_path(r"^(\d+)/x/(\d+)/$", view),
    re_path(r"^deep/(?P<a>\w+)/", include([re_path(r"^end/([a-z]+)$", view)])),
    path("plain/<int:pk>/", view),
]
urlpatterns = [
    path("api/", include(router.urls)),
    path("v1.0/", include(nested)),
    re_path(r"^re/(?:v1/)?", include(nested)),
    re_path(r"^(?P<rest>.*)$", view),
]


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("/api/users/", "/api/users/"),
        ("/api/users.json", "/api/users.<format>/"),
        ("/api/users/7.json", "/api/users/<pk>.<format>/"),
        ("/v1.0/1/x/2/", "/v1.0/<var>/x/<var>/"),
        ("/v1.0/deep/b/end/c", "/v1.0/deep/<a>/end/<var>"),
        ("/re/v1/1/x/2/", "/re/v1/<var>/x/<var>/"),
        ("/re/plain/5/", "/re/v1/plain/<int:pk>/"),
        ("/anything/else", "/<rest>"),
    ],
)
def test_nested_includes_of_both_kinds_and_rest_frameworks_suffixes(url: str, label: str) -> None:
    assert template_label(resolve(url, __name__).route) == label


def test_the_prefix_of_a_language_stays_in_front() -> None:
    with override_settings(ROOT_URLCONF="tests.unit.metrics.language_urls", LANGUAGE_CODE="en"):
        assert template_label(resolve("/en/shop/7/").route) == "/en/shop/<var>/"
        assert template_label(resolve("/en/cart/7/").route) == "/en/cart/<int:pk>/"


# A piece of a pattern, and what a reader expects of it.
Piece = tuple[str, str]

# Without signs that stand for something in a pattern.
words = st.text("abcxyzABC019-_~!@,;=%é /", min_size=1, max_size=8)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
inner = st.recursive(
    st.sampled_from(
        [r"\d+", "[^/.]+", r"\w", ".*", "[)(]", r"\(", r"[\]\\]{2,3}", "[0-9]{4}", "a"]
    ),
    lambda inside: st.one_of(
        st.tuples(inside, inside).map("".join),
        st.tuples(inside, inside).map("|".join),
        inside.map("({})".format),
        inside.map("(?:{})?".format),
    ),
    max_leaves=5,
)
pieces = st.recursive(
    st.one_of(
        words.map(lambda word: (word, word)),
        words.map(lambda word: (re.escape(word), word)),
        st.sampled_from(list(".+*?()[]{}|^$\\-/")).map(lambda sign: ("\\" + sign, sign)),
        inner.map(lambda text: (f"({text})", "<var>")),
        st.tuples(names, inner).map(lambda pair: (f"(?P<{pair[0]}>{pair[1]})", f"<{pair[0]}>")),
        st.sampled_from(["(?=a)", r"(?!\.)", "(?<!b)", r"\b", "(?#note)", "$", "^"]).map(
            lambda text: (text, "")
        ),
    ),
    lambda piece: st.lists(piece, min_size=1, max_size=3).map(
        lambda parts: (f"(?:{''.join(p for p, _ in parts)})", "".join(label for _, label in parts))
    ),
    max_leaves=6,
)


@given(st.lists(pieces, max_size=8))
def test_literals_stay_groups_become_their_names_and_nothing_else_is_left(
    parts: Sequence[Piece],
) -> None:
    pattern = "^" + "".join(text for text, _ in parts) + "$"
    expected = "".join(label for _, label in parts)
    assert template_label(pattern) == (expected if expected.startswith("/") else f"/{expected}")


@given(st.text() | st.text("^$()[]{}|\\.*+?<>:=!P#a1,/", max_size=30))
def test_any_text_gives_a_label_with_a_leading_slash(route: str) -> None:
    assert template_label(route).startswith("/")
