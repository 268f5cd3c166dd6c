"""The polite HTTP client that every connector reads through.

Timeouts, limits and retries are values, set once. The answer of `get` is data; everything else is a
SourceError: 429 -> Throttled, network and 5xx -> Retry (after tries of its own), 401 -> AuthFailed, refusals ->
Blocked. Messages never carry the query of an address, where tokens travel.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import msgspec
from protego import Protego

from crawlers.addresses import origin_of, resolve_public
from index import foreign_json
from index.errors import AuthFailed, Blocked, Retry, SourceError, Throttled
from index.waits import retry_after

REFUSALS = frozenset({403, 412, 418, 432, 461, 471, 521})  # what sites answer to machines they do not want
Allowed = Callable[[str], Awaitable[None]]  # raises for an address that may not be read
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, bytes and counts. `delay` is the least time between two requests to one host; `per_host` how
    many may be under way there; `retries` how often a GET that failed in passing is repeated at once; `robots`
    how long a robots.txt counts (RFC 9309, section 2.4)."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 90.0
    body: int = 10 * 1024 * 1024
    redirects: int = 5
    retries: int = 2
    backoff: float = 0.5
    delay: float = 1.0
    per_host: int = 1
    robots: float = 86_400.0


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `url` is where it came from in the end; header names are lower case."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body. Raises Blocked for HTML or nothing where JSON is due, Retry for broken JSON."""
        start = self.body[:100].lstrip(b"\xef\xbb\xbf \t\r\n")
        if not start or start.startswith(b"<"):
            raise Blocked(
                f"{shown(self.url)} answered with {'a web page' if start else 'nothing'} instead of JSON."
            )
        try:
            return foreign_json.decode(self.body.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Retry(f"{shown(self.url)} answered with broken JSON: {error}") from error


class Pace:
    """Whose turn it is per host, shared by all clients of a process so that two sources on one site add up."""

    def __init__(self) -> None:
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._next: dict[str, float] = {}

    @asynccontextmanager
    async def turn(self, host: str, delay: float, per_host: int) -> AsyncIterator[None]:
        gate = self._gates.setdefault(host, asyncio.Semaphore(per_host))
        async with gate:
            now = time.monotonic()
            start = max(now, self._next.get(host, 0.0))
            self._next[host] = start + delay
            await asyncio.sleep(start - now)
            yield


def user_agent(contact: str | None = None) -> str:
    """Who we are, with the operator's contact when they gave one; never a contact that is not theirs."""
    try:
        name = f"Earshot/{version('earshot')}"
    except PackageNotFoundError:
        name = "Earshot"
    return f"{name} (+{contact})" if contact else f"{name} (self-hosted social listening)"


def shown(url: str) -> str:
    """The address without user, password and query: fit for a message or a log line."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


class Client:
    """One per source. `origins` are addresses of the source's own settings ("http://10.0.0.5:8080/x"): only
    there may a private or loopback address be fetched; links found in content may not lead to one."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        pace: Pace | None = None,
        origins: Collection[str] = (),
        agent: str | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.agent = agent or user_agent()
        self._pace = pace or Pace()
        self._origins = {origin_of(url) for url in origins}
        self._robots: dict[str, tuple[float, Protego]] = {}
        times = httpx.Timeout(self.limits.read, connect=self.limits.connect)
        # An explicit transport: connections go where the address check looked, past proxies of the environment.
        transport = httpx.AsyncHTTPTransport(verify=_certificates())
        # No cookies: sites behind one address, which is all the jar would see, would be told each other's.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._http = httpx.AsyncClient(timeout=times, transport=transport, cookies=cookies, trust_env=False)

    def trust(self, url: str) -> None:
        """Count an address of the settings as the source's own."""
        self._origins.add(origin_of(url))

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        answers: Collection[int] = (),
    ) -> Response:
        """GET with retries. Returns 2xx and 304, and the statuses in `answers` (error bodies that the caller
        reads itself). Raises SourceError subclasses."""
        target = str(httpx.URL(url, params=params)) if params else url
        return await self._tried(target, headers or {}, answers, self._anywhere)

    async def page(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """GET of a page meant for people: only where robots.txt allows it. Raises Blocked where it does not."""
        return await self._tried(url, headers or {}, (), self._allowed)

    async def _tried(
        self, url: str, headers: Mapping[str, str], answers: Collection[int], allowed: Allowed
    ) -> Response:
        await allowed(url)
        for attempt in range(self.limits.retries + 1):
            if attempt:
                await asyncio.sleep(self.limits.backoff * 2**attempt * random.uniform(0.5, 1.0))
            try:
                return _judged(await self._follow(url, headers, allowed), answers)
            except Retry:
                if attempt == self.limits.retries:
                    raise
        raise AssertionError("unreachable")

    async def _anywhere(self, url: str) -> None:
        """For data, which is offered to programs."""

    async def _allowed(self, url: str) -> None:
        robots = await self._robots_of(url)
        if not robots.can_fetch(url, self.agent):
            raise Blocked(f"robots.txt of {urlsplit(url).hostname} does not allow {shown(url)}.")

    async def _robots_of(self, url: str) -> Protego:
        origin, now = origin_of(url), time.monotonic()
        read_at, robots = self._robots.get(origin, (-math.inf, None))
        if robots is None or now - read_at > self.limits.robots:
            # 404 and the like mean that there is none; 429 is said of the site.
            answer = await self.get(f"{origin}/robots.txt", answers={*range(400, 500)} - {429})
            robots = Protego.parse(answer.body.decode("utf-8", "replace") if answer.status < 400 else "")
            self._robots[origin] = (now, robots)
        return robots

    async def _follow(self, url: str, headers: Mapping[str, str], allowed: Allowed) -> Response:
        for _ in range(self.limits.redirects + 1):
            response = await self._once(url, headers)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location:
                return response
            url = _joined(url, location)
            await allowed(url)
        raise SourceError(f"{shown(url)} redirects more than {self.limits.redirects} times.")

    async def _once(self, url: str, headers: Mapping[str, str]) -> Response:
        request = await self._request(url, headers)
        host = urlsplit(url).netloc
        async with self._pace.turn(host, self.limits.delay, self.limits.per_host):
            try:
                async with asyncio.timeout(self.limits.total):
                    return await self._read(url, request)
            except (httpx.HTTPError, TimeoutError, OSError) as error:
                raise Retry(f"{shown(url)} cannot be read: {type(error).__name__} {error}".rstrip()) from error

    async def _request(self, url: str, headers: Mapping[str, str]) -> httpx.Request:
        """The request, its connection pinned to an address that was checked (else the name could resolve to
        another one a moment later)."""
        named = {"User-Agent": self.agent, "Accept-Encoding": "gzip, deflate", **headers}
        sent = httpx.Headers(named, encoding="utf-8")
        own = origin_of(url) in self._origins
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise SourceError(f"{shown(url)[:200]!r} cannot be asked for: {error}") from error
        if own:
            return self._http.build_request("GET", target, headers=sent)
        address = await resolve_public(url)
        sent["Host"] = target.netloc.decode("ascii")
        pinned = target.copy_with(host=address)
        return self._http.build_request("GET", pinned, headers=sent, extensions={"sni_hostname": target.host})

    async def _read(self, url: str, request: httpx.Request) -> Response:
        answer = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > self.limits.body:
                    raise SourceError(f"{shown(url)} is larger than {self.limits.body} bytes.")
            names = {name.lower(): value for name, value in answer.headers.items()}
            return Response(url=url, status=answer.status_code, headers=names, body=bytes(body))
        finally:
            await answer.aclose()

    async def close(self) -> None:
        await self._http.aclose()


@cache
def _certificates() -> ssl.SSLContext:
    """Loaded once: it takes longer than everything else in a client."""
    return httpx.create_ssl_context()


def _joined(url: str, location: str) -> str:
    try:
        return str(httpx.URL(url).join(location))
    except httpx.InvalidURL as error:
        raise SourceError(f"{shown(url)} redirects to something that is not an address.") from error


def _judged(response: Response, answers: Collection[int]) -> Response:
    """The response when it is data, the fitting error otherwise."""
    status, place = response.status, shown(response.url)
    if status in answers or 200 <= status < 300 or status == 304:
        return response
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        seconds = retry_after(response.headers.get("retry-after", ""))
        raise Throttled(f"{place} asks to wait {seconds:.0f} s.", seconds)
    if status >= 500 and status not in REFUSALS:
        raise Retry(f"{place} answered {status}.")
    if status == 401:
        raise AuthFailed(f"{place} answered 401: the token is missing or no longer valid. Renew it.")
    if status in REFUSALS:
        raise Blocked(f"{place} refuses ({status}). Open it in a browser and see what the site wants.")
    raise SourceError(f"{place} answered {status}. Check the address in the source's options.")
