"""Faults on demand: the replica can throttle, lie, stall and hang up, as real sites do."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any, Literal

FaultKind = Literal["answer", "broken", "twice", "slow", "cut"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble; the class methods below name them."""

    kind: FaultKind
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    seconds: float = 0.0
    retry_after: str | None = None
    location: str | None = None

    @classmethod
    def moved(cls, to: str, status: int = 301) -> Fault:
        """A redirect; {query} in it is that of the request."""
        return cls("answer", status, b"", "text/html", location=to)

    @classmethod
    def throttled(cls, retry_after: float | str = 1) -> Fault:
        """429 with Retry-After (seconds or an HTTP date)."""
        return cls("answer", 429, b"Too Many Requests", "text/plain", retry_after=str(retry_after))

    @classmethod
    def error(cls, payload: Any, status: int = 403) -> Fault:
        """The platform's own error body, such as {"error_code": 10023, ...}."""
        return cls("answer", status, json.dumps(payload).encode())

    @classmethod
    def failing(cls, status: int = 503) -> Fault:
        """A server error."""
        return cls("answer", status, b"Service Unavailable", "text/plain")

    @classmethod
    def login_page(cls, status: int = 200) -> Fault:
        """HTML where data is due."""
        page = "<!doctype html><html><title>Please log in</title><form action=/login></form></html>"
        return cls("answer", status, page.encode(), "text/html; charset=utf-8")

    @classmethod
    def broken(cls) -> Fault:
        """The right answer, cut in the middle, presented as whole."""
        return cls("broken")

    @classmethod
    def twice(cls) -> Fault:
        """Every item on the page appears twice."""
        return cls("twice")

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """The right answer, late."""
        return cls("slow", seconds=seconds)

    @classmethod
    def cut(cls) -> Fault:
        """The connection ends in the middle of the answer."""
        return cls("cut")


@dataclass(slots=True)
class _Plan:
    path: str
    fault: Fault
    times: int
    after: int


class Faults:
    """Faults planned per path; each is used up after `times` requests. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Plan] = []

    def plan(self, path: str, fault: Fault, times: int, after: int = 0) -> None:
        with self._lock:
            self._planned.append(_Plan(path, fault, times, after))

    def take(self, path: str) -> Fault | None:
        """The first fault planned for a path that starts so, or None."""
        with self._lock:
            for plan in self._planned:
                if not path.startswith(plan.path) or plan.times == 0:
                    continue
                if plan.after:
                    plan.after -= 1
                    continue
                plan.times -= 1
                return plan.fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()
