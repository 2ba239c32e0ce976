"""A concurrent client that keeps its own exact count of what was answered."""

import contextlib
import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and the labels that it must be counted under."""

    method: str
    path: str
    route: str
    status: int

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.method, self.route, str(self.status)


# A server that puts its pid into this header is told apart from the others of the site.
SERVED_BY = "X-Served-By"

MIX = (
    Call("GET", "/demo/ok/", "/demo/ok/", 200),
    Call("POST", "/demo/ok/?status=201", "/demo/ok/", 201),
    Call("GET", "/demo/ok/?status=503&token=secret", "/demo/ok/", 503),
    Call("GET", "/demo/items/1/", "/demo/items/<int:pk>/", 200),
    Call("PUT", "/demo/items/77/", "/demo/items/<int:pk>/", 200),
    Call("GET", "/demo/items/5000/", "/demo/items/<int:pk>/", 404),
    Call("GET", "/demo/error/", "/demo/error/", 500),
    Call("HEAD", "/demo/ok/", "/demo/ok/", 200),
    Call("GET", "/demo/stream/", "/demo/stream/", 200),
    Call("DELETE", "/demo/slow/?ms=3", "/demo/slow/", 200),
    Call("GET", "/nowhere/at/all", "unmatched", 404),
)


@dataclass
class Result:
    """What was answered, by labels, and what got no answer (the server was killed meanwhile).

    `failures` says from when to when (monotonic seconds) and of what. `by_process` is what each pid
    answered that gave it in the header SERVED_BY.
    """

    sent: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    answered: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: list[tuple[float, float, str]] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    by_process: Counter[tuple[int, tuple[str, str, str]]] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.answered.total()


class Load:
    """Threads that call the server, each request on a connection of its own."""

    def __init__(
        self,
        address: str,
        calls: Sequence[Call] = MIX,
        threads: int = 8,
        seed: int = 1,
        pause: float = 0.0,
    ) -> None:
        """`pause` is what each thread waits before a request, in seconds."""
        self._address = address
        self._calls = calls
        self._seed = seed
        self._lock = threading.Lock()
        self._left = 0
        self._pause = pause
        self._stop = threading.Event()
        self._under_way = 0
        self._may_begin = threading.Event()
        self._may_begin.set()
        self._ended = threading.Condition(self._lock)
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(threads)
        ]
        self.result = Result()

    def start(self, count: int) -> "Load":
        """Begin to make `count` requests in all."""
        self._left = count
        for thread in self._threads:
            thread.start()
        return self

    def so_far(self) -> Result:
        """A copy of what is known now."""
        with self._lock:
            now = self.result
            return Result(
                now.sent.copy(),
                now.answered.copy(),
                now.failed.copy(),
                list(now.failures),
                list(now.surprises),
                now.by_process.copy(),
            )

    @contextlib.contextmanager
    def at_rest(self, seconds: float = 60.0) -> Iterator[None]:
        """No request is under way here, and none begins."""
        self._may_begin.clear()
        try:
            with self._ended:
                rests = self._ended.wait_for(lambda: self._under_way == 0, seconds)
                assert rests, f"{self._under_way} requests have no end"
            yield
        finally:
            self._may_begin.set()

    def finish(self, *, early: bool = False) -> Result:
        """Wait for the last answer; `early` does not begin any further request."""
        if early:
            self._stop.set()
        for thread in self._threads:
            thread.join(240)
            assert not thread.is_alive(), "the load did not end"
        return self.result

    def _work(self, number: int) -> None:
        chance = random.Random(self._seed * 1000 + number)
        while not self._stop.wait(self._pause):
            call = chance.choice(self._calls)
            if not self._begin(call):
                return
            started = time.monotonic()
            try:
                status, pid = self._make(call)
            except (OSError, http.client.HTTPException) as error:
                with self._ended:
                    self.result.failed[call.labels] += 1
                    self.result.failures.append((started, time.monotonic(), f"{call}: {error!r}"))
                    self._end()
                continue
            with self._ended:
                self.result.answered[call.labels] += 1
                if pid:
                    self.result.by_process[pid, call.labels] += 1
                if status != call.status:
                    self.result.surprises.append(f"{call}: {status}")
                self._end()

    def _begin(self, call: Call) -> bool:
        """Whether there is one more to make; a load at rest is waited for."""
        while not self._stop.is_set():
            self._may_begin.wait(1)
            with self._lock:
                if not self._may_begin.is_set():
                    continue
                if self._left == 0:
                    return False
                self._left -= 1
                self._under_way += 1
                self.result.sent[call.labels] += 1
                return True
        return False

    def _end(self) -> None:
        self._under_way -= 1
        self._ended.notify_all()

    def _make(self, call: Call) -> tuple[int, int]:
        """The status, and the pid that the server gave or 0."""
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(call.method, call.path, headers={"Connection": "close"})
            response = connection.getresponse()
            response.read()
            return response.status, int(response.getheader(SERVED_BY, "0"))
        finally:
            connection.close()
