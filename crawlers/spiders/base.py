"""What the spiders share: one run reads some pages of one site, keeps what it read and where it stands, and
stops at the first sign that the site does not want it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import scrapy
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import Response
from w3lib.url import safe_url_string

from crawlers.http import REFUSALS, shown
from crawlers.settings import REDIRECT_MAX_TIMES
from index.sources import ErrorKind
from index.waits import retry_after


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What one run has to do. `now` is the start of the run, ISO 8601."""

    platform: str
    options: dict[str, Any]
    cursor: dict[str, Any]
    agent: str
    delay: float
    now: str


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run stopped early."""

    kind: ErrorKind
    message: str
    seconds: float = 0.0


class Outcome(msgspec.Struct, kw_only=True):
    """What a run brought. `cursor` stands behind the last item that is in `items`."""

    items: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    more: bool = False
    trouble: Trouble | None = None


class SiteSpider(scrapy.Spider):  # type: ignore[misc]  # Scrapy is not analysed
    """Base of the spiders. A subclass implements `first()` and callbacks; `self.outcome` is what it gives."""

    hosts: tuple[str, ...] = ()

    def __init__(self, job: Job, outcome: Outcome, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.job, self.outcome = job, outcome
        self.outcome.cursor = dict(job.cursor)
        self.pages = 0

    def first(self) -> Iterator[scrapy.Request]:
        """The requests to begin with."""
        raise NotImplementedError

    async def start(self) -> AsyncIterator[scrapy.Request]:
        for request in self.first():
            yield request

    def ask(self, url: str, callback: Callable[..., Any], *, priority: int = 0, **facts: Any) -> scrapy.Request:
        """A request whose every answer comes to `callback` through `good`."""
        return scrapy.Request(
            url,
            self.arrived,
            errback=self.failed,
            meta={"handle_httpstatus_all": True, "callback": callback},
            cb_kwargs=facts,
            priority=priority,
            dont_filter=True,
        )

    def arrived(self, response: Response, **facts: Any) -> Iterator[scrapy.Request]:
        """Follows what has moved on the site; Scrapy itself would follow it anywhere."""
        meta, target = response.meta, _moved_to(response)
        hops = meta.get("hops", 0)
        if target and hops < REDIRECT_MAX_TIMES and self.ours(target):
            yield response.request.replace(url=target, meta={**meta, "hops": hops + 1})
            return
        try:
            yield from meta["callback"](response, **facts) or ()
        except CloseSpider:
            raise
        except Exception as bug:  # Scrapy would log it and take the page for an empty one
            self.logger.exception("page failed")
            what = f"{type(bug).__name__}: {bug}"
            self.stop("error", f"{shown(response.url)} cannot be read: {what}. This is a bug; see the log.")

    def ours(self, url: str) -> bool:
        """Whether an address is on the site itself: links that lead away are not followed."""
        try:
            return urlsplit(url).scheme in ("http", "https") and site_of(url) in self.hosts
        except ValueError:
            return False

    def good(self, response: Response) -> bool:
        """True for a page to read, False for one that is gone or has left the site; otherwise ends the run with
        the reason."""
        status, place = response.status, shown(response.url)
        self.pages += 1
        if status in (404, 410) or 300 <= status < 400:
            return False
        if status == 429 or status == 503:
            seconds = retry_after(response.headers.get("Retry-After", b"").decode("latin-1"))
            self.stop("throttled", f"{place} asks to wait {seconds:.0f} s.", seconds)
        if status in (401, 403) or status in REFUSALS:
            self.stop("blocked", f"{place} refuses ({status}). Open it in a browser and see what the site wants.")
        if status >= 400:
            self.stop("retry", f"{place} answered {status}.")
        return True

    def failed(self, failure: Any) -> None:
        """Network trouble, or a page that robots.txt closes."""
        place = shown(failure.request.url)
        if failure.check(IgnoreRequest):
            self.stop("blocked", f"{place} is not read: {failure.getErrorMessage()}.")
        self.stop("retry", f"{place} cannot be read: {failure.getErrorMessage()}"[:500])

    def stop(self, kind: ErrorKind, message: str, seconds: float = 0.0) -> None:
        """End the run; the first reason counts. Raises CloseSpider."""
        if self.outcome.trouble is None:
            self.outcome.trouble = Trouble(kind=kind, message=message, seconds=seconds)
        raise CloseSpider(kind)


def site_of(url: str) -> str:
    """Host and port as Scrapy asks for them: small letters, a Chinese name as xn--. Raises ValueError."""
    return urlsplit(str(safe_url_string(url))).netloc.lower()


def _moved_to(response: Response) -> str | None:
    """Where a redirect leads; None for any other answer."""
    location = response.headers.get("Location")
    if not 300 <= response.status < 400 or not location:
        return None
    try:
        return str(response.urljoin(location.decode("utf-8", "replace")))
    except ValueError:
        return None
