"""The replica's HTTP server: the standard library's, one thread a request."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from crawlers.replica import board, discourse, feeds, hackernews, weibo
from crawlers.replica.faults import Fault, Faults
from crawlers.replica.posts import Post, Shelf
from crawlers.replica.web import Answer, Request, not_found
from index.settings import Source

_ROUTES = [
    (re.compile(pattern), handler)
    for routes in (weibo.ROUTES, hackernews.ROUTES, discourse.ROUTES, board.ROUTES, feeds.ROUTES)
    for pattern, handler in routes
]


class Replica:
    """The running site. `requests` lists what was asked, in order, as "path?query"."""

    def __init__(self, posts: Iterable[Post] = (), *, port: int = 0, host: str = "127.0.0.1") -> None:
        self.shelf = Shelf(posts)
        self.faults = Faults()
        self.requests: list[str] = []
        self._stopping = threading.Event()
        self._server = _Server((host, port), _Handler)
        self._server.replica = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> Replica:
        """Serve in the background; returns itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def add(self, post: Post) -> None:
        """Publish a post; one with a known id replaces it."""
        self.shelf.add(post)

    def fault(self, path: str, fault: Fault, times: int = 1, after: int = 0) -> None:
        """Let `times` requests whose path begins so meet this fault, the first `after` of them spared."""
        self.faults.plan(path, fault, times, after)

    def sources(self, every: float = 300.0) -> tuple[Source, ...]:
        """One source per site of the replica, as a reader would write them into earshot.toml.

        Weibo wants a token; any value of the environment variable DEMO_WEIBO_TOKEN will do.
        """
        fast = {"delay": 0.0}
        return (
            Source(
                name="weibo", platform="weibo", every=every, token_env="DEMO_WEIBO_TOKEN",  # noqa: S106 (a name)
                options={"base_url": self.url, "calls_per_day": 1_000_000, **fast},
            ),
            Source(
                name="hackernews", platform="hackernews", every=every,
                options={"base_url": self.url, "queries": [""], **fast},
            ),
            Source(
                name="discourse", platform="discourse", every=every,
                options={"base_url": f"{self.url}/discourse", **fast},
            ),
            Source(
                name="forum", platform="forum", every=every,
                options={"boards": [f"{self.url}/board/viewforum.php?f=1"], "preset": "phpbb", **fast},
            ),
            Source(
                name="news", platform="rss_news", every=every,
                options={"url": f"{self.url}/feed.xml", **fast},
            ),
        )  # fmt: skip

    def answer(self, target: str, headers: dict[str, str]) -> tuple[Answer, Fault | None]:
        """What to say to a GET, and the fault to say it with."""
        self.requests.append(target)
        parts = urlsplit(target)
        fault = self.faults.take(parts.path)
        if fault and fault.kind == "answer":
            moved = fault.location and fault.location.replace("{query}", parts.query)
            extra = {"Retry-After": fault.retry_after, "Location": moved}
            told = {name: value for name, value in extra.items() if value}
            return Answer(fault.body, fault.content_type, fault.status, told), None
        if fault and fault.kind == "slow":
            self._stopping.wait(fault.seconds)
        query: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        twice = fault is not None and fault.kind == "twice"
        return self._route(Request(parts.path, query, headers, self.url, self.shelf, twice)), fault

    @staticmethod
    def _route(request: Request) -> Answer:
        for pattern, handler in _ROUTES:
            if match := pattern.fullmatch(request.path):
                answer: Answer = handler(request, match)
                return answer
        return not_found()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    replica: Replica


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.server.replica.answer(self.path, headers)
        body = answer.body
        if fault and fault.kind == "broken":
            body = body[: len(body) // 2]
        self._head(answer, len(body))
        if fault and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def _head(self, answer: Answer, length: int) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != 304:
            self.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Quiet: `Replica.requests` is the log."""
