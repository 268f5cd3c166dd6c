"""The polite client against a real local server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from crawlers.addresses import is_public, origin_of
from crawlers.http import Client, Limits, Pace, shown, user_agent
from index.errors import AuthFailed, Blocked, Retry, SourceError, Throttled
from index.waits import retry_after

Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers by path; a list of answers is given out one by one, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, path: str, *answers: Answer) -> str:
        self.pages[path] = list(answers)
        return self.url + path


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        answers = self.server.pages.get(path, [(404, {}, b"none")])
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


QUICK = Limits(delay=0, backoff=0)


def using(
    server: Server, act: Callable[[Client], Coroutine[Any, Any, Any]], limits: Limits = QUICK, own: bool = True
) -> Any:
    async def inside() -> Any:
        client = Client(limits=limits, origins=[server.url] if own else [], agent="Earshot/test")
        try:
            return await act(client)
        finally:
            await client.close()

    return asyncio.run(inside())


def get(server: Server, url: str, limits: Limits = QUICK, own: bool = True, **more: Any) -> Any:
    return using(server, lambda client: client.get(url, **more), limits, own)


def test_we_say_who_we_are_and_nothing_untrue(server: Server) -> None:
    get(server, server.put("/", (200, {}, b"{}")))
    assert server.asked[0][1]["user-agent"] == "Earshot/test"
    assert "+https://shop.cn/bot" in user_agent("https://shop.cn/bot")
    assert "+" not in user_agent()


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (401, {}, AuthFailed),
        (403, {}, Blocked),
        (418, {}, Blocked),
        (432, {}, Blocked),
        (404, {}, SourceError),
        (429, {}, Throttled),
        (503, {"Retry-After": "9"}, Throttled),
        (500, {}, Retry),
        (502, {}, Retry),
    ],
)
def test_a_status_becomes_its_error(server: Server, status: int, headers: dict[str, str], error: type) -> None:
    with pytest.raises(error) as caught:
        get(server, server.put("/x", (status, headers, b"no")), params={"access_token": "geheim"})
    assert type(caught.value) is error
    assert "geheim" not in str(caught.value)


def test_a_passing_fault_is_tried_again(server: Server) -> None:
    url = server.put("/x", (500, {}, b""), (502, {}, b""), (200, {}, b"ok"))
    assert get(server, url).body == b"ok"
    assert len(server.asked) == 3


def test_a_refused_connection_is_a_passing_fault(server: Server) -> None:
    async def ask(client: Client) -> None:
        client.trust("http://127.0.0.1:1")
        await client.get("http://127.0.0.1:1/")

    with pytest.raises(Retry, match=r"127\.0\.0\.1:1/ cannot be read"):
        using(server, ask)


def test_an_answer_that_never_ends_is_given_up(server: Server) -> None:
    url = server.put("/x", (200, {"Content-Length": "100"}, b"begin"))
    limits = Limits(delay=0, retries=0, total=0.2)
    with pytest.raises(Retry):
        get(server, url, limits)


def test_a_large_answer_is_not_read_to_its_end(server: Server) -> None:
    with pytest.raises(SourceError, match="larger than 1000 bytes"):
        get(server, server.put("/x", (200, {}, b"x" * 5_000)), Limits(delay=0, body=1_000))


def test_redirects_are_followed_but_not_for_ever(server: Server) -> None:
    server.put("/end", (200, {}, b"here"))
    assert get(server, server.put("/a", (302, {"Location": "/end"}, b""))).url.endswith("/end")
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        get(server, server.put("/loop", (302, {"Location": "/loop"}, b"")))


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "http://[::1", "http://169.254.169.254/latest", "http://127.0.0.1:1/", "gopher://x"],
)
def test_a_redirect_does_not_lead_inside(server: Server, target: str) -> None:
    url = server.put("/a", (302, {"Location": target}, b"")) if "[" not in target else target
    with pytest.raises(SourceError):
        get(server, url)


def test_links_from_content_do_not_reach_the_own_network(server: Server) -> None:
    url = server.put("/x", (200, {}, b"secret"))
    for address in (url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "[::ffff:127.0.0.1]")):
        with pytest.raises(SourceError, match="private network"):
            get(server, address, own=False)
    assert not server.asked


def test_the_own_origin_is_its_port_too(server: Server) -> None:
    """A source on a private host may not be used to reach the services beside it."""
    other = server.url.rpartition(":")[0] + ":9200/"
    with pytest.raises(SourceError, match="private network"):
        get(server, other)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::", False),
        ("2606:4700::1111", True),
    ],
)
def test_what_counts_as_public(address: str, public: bool) -> None:
    from ipaddress import ip_address

    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize(
    "url", ["", "x", "//a", "http://", "http://a:99999/", "javascript:1", "http://[::1", "ftp://a:21/"]
)
def test_what_is_no_web_address(url: str) -> None:
    with pytest.raises(SourceError):
        origin_of(url)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<!doctype html>log in", Blocked),
        (b"  \n<html>", Blocked),
        (b"", Blocked),
        (b'{"a": ', Retry),
        (b"\xff\xfe", Retry),
        (b"[" * 100_000, Retry),
    ],
)
def test_what_is_no_json_is_named(server: Server, body: bytes, error: type) -> None:
    with pytest.raises(error):
        get(server, server.put("/x", (200, {}, body))).json()


def test_large_numbers_stay_exact(server: Server) -> None:
    body = b'\xef\xbb\xbf{"id": 5200000000000001234}'
    assert get(server, server.put("/x", (200, {}, body))).json() == {"id": 5200000000000001234}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\udE0b\ud83d\ud83d\ude0b", "\ufffd\ufffd😋"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
def test_half_an_emoji_does_not_cost_the_page_it_is_on(server: Server, written: str, read: str) -> None:
    url = server.put("/x", (200, {}, f'[{{"text": "{written}"}}, 1]'.encode()))
    assert get(server, url).json() == [{"text": read}, 1]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("-5", 0), ("999999", 86_400), ("soon", 60), ("", 60), ("nan", 60), ("inf", 86_400)],
)
def test_retry_after_as_a_number(value: str, seconds: float) -> None:
    assert retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(hours=1)
    assert 3000 < retry_after(format_datetime(moment, usegmt=True)) <= 3600


def test_pages_are_read_only_where_robots_allow(server: Server) -> None:
    robots = b"User-agent: *\nDisallow: /private/\n"
    server.put("/robots.txt", (200, {}, robots))
    server.put("/a", (200, {}, b"page"))

    async def both(client: Client) -> None:
        assert (await client.page(f"{server.url}/a")).body == b"page"
        with pytest.raises(Blocked, match="robots"):
            await client.page(f"{server.url}/private/b")

    using(server, both)
    assert [path for path, _ in server.asked] == ["/robots.txt", "/a"]


def test_a_site_without_robots_may_be_read_and_one_whose_robots_fail_not_yet(server: Server) -> None:
    server.put("/a", (200, {}, b"page"))
    assert using(server, lambda client: client.page(f"{server.url}/a")).body == b"page"
    server.put("/robots.txt", (500, {}, b""))
    with pytest.raises(Retry):
        using(server, lambda client: client.page(f"{server.url}/a"))


def test_requests_to_one_host_keep_their_distance(server: Server) -> None:
    url = server.put("/x", (200, {}, b"x"))

    async def three() -> float:
        pace = Pace()
        clients = [Client(limits=Limits(delay=0.1), pace=pace, origins=[server.url]) for _ in range(3)]
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(client.get(url) for client in clients))
        for client in clients:
            await client.close()
        return asyncio.get_running_loop().time() - start

    assert asyncio.run(three()) >= 0.2


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown("https://me:pass@x.cn:8443/feed?token=1#f") == "https://x.cn:8443/feed"


@pytest.mark.parametrize("path", ["/a\x7f", "/a\x00", "/" + "a" * 70_000])
def test_an_address_that_nobody_can_ask_for_is_an_error_of_the_source(server: Server, path: str) -> None:
    with pytest.raises(SourceError) as caught:
        get(server, f"{server.url}{path}?access_token=geheim")
    assert "geheim" not in str(caught.value)


def test_what_a_server_said_is_said_back_as_it_was(server: Server) -> None:
    """A validator may hold bytes beyond ASCII (RFC 9110, section 8.8.3)."""
    tag = '"café"'.encode().decode("latin-1")  # as the test's server writes and reads headers
    url = server.put("/x", (200, {"ETag": tag}, b"feed"))
    get(server, url, headers={"If-None-Match": get(server, url).headers["etag"]})
    assert server.asked[-1][1]["if-none-match"] == tag


def test_no_cookie_is_kept(server: Server) -> None:
    """Two sites behind one address would be told each other's."""
    url = server.put("/x", (200, {"Set-Cookie": "id=7"}, b"x"))

    async def twice(client: Client) -> None:
        await client.get(url)
        await client.get(url)

    using(server, twice)
    assert [headers.get("cookie") for _, headers in server.asked] == [None, None]


def test_a_redirect_leads_nowhere_that_robots_close(server: Server) -> None:
    server.put("/robots.txt", (200, {}, b"User-agent: *\nDisallow: /private/\n"))
    server.put("/private/b", (200, {}, b"page"))
    url = server.put("/a", (302, {"Location": "/private/b"}, b""))
    with pytest.raises(Blocked, match="robots"):
        using(server, lambda client: client.page(url))
    assert "/private/b" not in [path for path, _ in server.asked]


def test_a_site_that_is_asked_too_often_is_not_one_without_robots(server: Server) -> None:
    server.put("/robots.txt", (429, {"Retry-After": "7"}, b""))
    url = server.put("/a", (200, {}, b"page"))
    with pytest.raises(Throttled):
        using(server, lambda client: client.page(url))


@pytest.mark.parametrize(
    "value", ["Fri, 14 Aug 2026 09:12:03 +99999999999999999999", "Fri, 14 Aug 99999 09:12:03 GMT"]
)
def test_a_date_beyond_all_dates_is_no_wish_to_wait(value: str) -> None:
    assert retry_after(value) == 60


def test_a_robots_file_that_changed_is_obeyed(server: Server) -> None:
    server.put("/robots.txt", (404, {}, b""), (200, {}, b"User-agent: *\nDisallow: /"))
    url = server.put("/a", (200, {}, b"page"))

    async def twice(client: Client) -> None:
        await client.page(url)
        with pytest.raises(Blocked, match="robots"):
            await client.page(url)

    using(server, twice, Limits(delay=0, robots=0))
