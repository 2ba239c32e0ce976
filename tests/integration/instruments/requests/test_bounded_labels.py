"""Whatever clients send, the series stay those of the URL templates."""

import http.client
import random
import string
from pathlib import Path

from tests.servers.exposition import series
from tests.servers.gunicorn import Gunicorn, run_gunicorn

RANDOM_PATHS = 4_000
LABELS = ("method", "route", "status", "type")
HOSTILE_HEADERS = (
    {"X-Forwarded-For": "1.2.3.4, <script>"},
    {"X-Request-ID": 'a"b\\c{d}'},
    {"X-HTTP-Method-Override": "FROB"},
    {"User-Agent": "() { :; }; x" * 50},
    {"Referer": "http://\xff\xfe/"},
    {"Cookie": "sessionid=" + "A" * 2000},
    {"Accept": "text/html;q=nan, */*;q=-1"},
    {"traceparent": "00-zz-zz-00"},
    {"Content-Type": "application/json; charset=🤷".encode().decode("latin-1")},
)


def http_labels(server: Gunicorn) -> set[tuple[str, ...]]:
    """Method, route and status of every HTTP series that has them."""
    found = set()
    for (name, pairs), _ in server.scrape().items():
        if name.startswith("http_") and "le" not in dict(pairs):
            labels = dict(pairs)
            found.add(
                (
                    name,
                    *(labels[key] for key in LABELS if key in labels),
                )
            )
    return found


def test_hostile_requests_add_only_the_fixed_series(tmp_path: Path, shm_directory: Path) -> None:
    chance = random.Random(3)
    alphabet = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%/"
    arguments = ("-k", "gthread", "--threads", "4", "--keep-alive", "30")
    with run_gunicorn(tmp_path, *arguments, directory=shm_directory, workers=2) as server:
        connection = http.client.HTTPConnection(server.address, timeout=20)

        def ask(method: str, path: str, headers: dict[str, str] | None = None) -> int:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            response.read()
            return response.status

        for number in range(RANDOM_PATHS):
            path = "/x" + "".join(chance.choices(alphabet, k=chance.randint(1, 40)))
            path = path.replace("%", "%25")
            assert ask("GET", f"{path}?secret={number}") == 404, path
        for method in ("FROB", "PROPFIND", "X" * 20, "M-SEARCH", "BREW"):
            assert ask(method, "/demo/ok/") == 200
        for headers in HOSTILE_HEADERS:
            assert ask("GET", "/demo/ok/", headers) == 200
        for number in range(200):
            assert ask("GET", f"/demo/items/{number}/?q={number}") == 200
        connection.close()

        labels = http_labels(server)
        traffic = {item[1:] for item in labels if item[0] == "http_requests_total"}
        assert traffic == {
            ("GET", "unmatched", "404"),
            ("_OTHER", "/demo/ok/", "200"),
            ("GET", "/demo/ok/", "200"),
            ("GET", "/demo/items/<int:pk>/", "200"),
        }
        allowed = {"GET", "_OTHER", "unmatched", "/demo/ok/", "/demo/items/<int:pk>/", "200", "404"}
        assert {value for item in labels for value in item[1:]} == allowed
        samples = server.scrape()
        key = series("http_requests_total", method="GET", route="unmatched", status="404")
        assert samples[key] == RANDOM_PATHS
