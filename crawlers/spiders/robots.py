"""While robots.txt cannot be had nothing is read (RFC 9309, section 2.3.1.4); Scrapy would read everything."""

from __future__ import annotations

from typing import Any

from scrapy.crawler import Crawler
from scrapy.http import Request, Response, TextResponse

from crawlers.http import shown
from crawlers.spiders.base import Trouble
from index.waits import retry_after

_CLOSED = b"User-agent: *\nDisallow: /"


class RobotsFirst:
    """A downloader middleware: an error where robots.txt is due counts as one that closes the site."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RobotsFirst:
        return cls(crawler)

    def process_response(self, request: Request, response: Response, **_: Any) -> Response:
        if not _is_for_robots(request) or (response.status < 500 and response.status != 429):
            return response
        header = response.headers.get("Retry-After", b"").decode("latin-1")
        seconds = retry_after(header) if header or response.status == 429 else 0.0
        return self._closed(request, f"answered {response.status}", seconds)

    def process_exception(self, request: Request, exception: Exception, **_: Any) -> Response | None:
        return self._closed(request, f"cannot be read: {exception}") if _is_for_robots(request) else None

    def _closed(self, request: Request, problem: str, seconds: float = 0.0) -> Response:
        outcome = self._crawler.spider.outcome
        message = f"{shown(request.url)} {problem}. Nothing is read until it is known what it says."
        outcome.trouble = Trouble(kind="throttled" if seconds else "retry", message=message[:500], seconds=seconds)
        return TextResponse(request.url, body=_CLOSED, request=request)


def _is_for_robots(request: Request) -> bool:
    return bool(request.meta.get("dont_obey_robotstxt"))
