"""A concurrent client that keeps its own exact count of what was answered."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
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

    `failures` says from when to when (monotonic seconds) and of what.
    """

    sent: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    answered: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: list[tuple[float, float, str]] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

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
            )

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
            with self._lock:
                if self._left == 0:
                    return
                self._left -= 1
                self.result.sent[call.labels] += 1
            started = time.monotonic()
            try:
                status = self._make(call)
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.result.failed[call.labels] += 1
                    self.result.failures.append((started, time.monotonic(), f"{call}: {error!r}"))
                continue
            with self._lock:
                self.result.answered[call.labels] += 1
                if status != call.status:
                    self.result.surprises.append(f"{call}: {status}")

    def _make(self, call: Call) -> int:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(call.method, call.path, headers={"Connection": "close"})
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()
