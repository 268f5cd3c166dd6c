"""News by RSS, Atom and JSON Feed, politely: only what changed is asked for, and articles only where robots.txt
allows.

Options: `url` (required), `full_text` (fetch each new article's page, default false), `zone` (of times without an
offset, default Asia/Shanghai), `max_pages` (how far the first poll follows a feed's older pages, default 5).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
import trafilatura

from crawlers.connector import FetchPage, Raw
from crawlers.feeds import Facts, Feed, facts_of, read_feed
from crawlers.http import Client, Response
from crawlers.options import Options, brand_of
from crawlers.pipelines.clean import clean_line
from crawlers.records import Record
from crawlers.times import from_board, from_iso
from index.documents import Author, Engagement, Mention, version_of
from index.errors import MapError, Retry, SourceError, Throttled
from index.settings import Source

ARTICLES = 20  # article pages fetched before the cursor is saved
REMEMBERED = 2_000  # entries; more than any feed shows at once
_AHEAD = timedelta(hours=1)  # a feed's clock may be off by so much
_GLOBAL = ("http://", "https://", "urn:", "tag:")  # ids that mean the same in every feed


class RssNews:
    """Cursor: validators of the last whole answer, and a mark for each entry seen, so that an unchanged entry is
    passed over and a changed one is read again."""

    platform: ClassVar[str] = "rss_news"

    def __init__(
        self,
        source: Source,
        http: Client,
        secret: str | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        del secret
        options = Options(source, {"url", "full_text", "zone", "max_pages"})
        self._url = options.address("url")
        self._full_text = options.get("full_text", bool, False)
        self._zone = options.zone("zone")
        self._max_pages = options.get("max_pages", int, 5)
        self._source, self._http, self._clock = source, http, clock
        http.trust(self._url)

    async def fetch(self, cursor: Raw) -> FetchPage:
        """One page of the feed, or as many entries of it as have their articles fetched in one go."""
        page: str | None = cursor.get("page")
        walking = page is not None or "validators" in cursor
        headers = {} if walking else cursor.get("headers", {})
        response = await self._http.get(page or self._url, headers=headers)
        if response.status == 304:
            return FetchPage(items=[], cursor=cursor, wait=cursor.get("wait"))
        feed = await asyncio.to_thread(read_feed, response)
        known: dict[str, list[str]] = dict(cursor.get("known", {}))
        fresh, failed = _news(feed.entries, known)
        news = [*fresh, *failed]
        batch = news[:ARTICLES] if self._full_text else news
        items = [await self._item(feed, entry, known) for entry in batch]
        # What has failed is left to the next poll: a site in trouble is not asked for it on and on.
        return self._page(cursor, feed, response, items, known, left=max(len(fresh) - len(batch), 0))

    def _page(
        self,
        cursor: Raw,
        feed: Feed,
        response: Response,
        items: list[Raw],
        known: dict[str, list[str]],
        *,
        left: int,
    ) -> FetchPage:
        """The answer and where to go on: the same page while articles are left, then an older page while pages
        bring something new, then nothing."""
        kept = dict(list(known.items())[-REMEMBERED:])
        # The validators of the first page count, but only once everything behind it is taken.
        validators = cursor.get("validators", _validators(response) if feed.whole else {})
        if _news(feed.entries, known)[1]:
            validators = {}  # an unchanged feed must come again for the articles that failed
        wait = cursor.get("wait") or feed.wait
        pages = cursor.get("pages", 0) + (not left)
        following = cursor.get("page") if left else feed.next if items and pages < self._max_pages else None
        if left or following:
            state: Raw = {"known": kept, "validators": validators, "page": following, "pages": pages, "wait": wait}
            return FetchPage(items=items, cursor=state, more=True)
        return FetchPage(items=items, cursor={"known": kept, "headers": validators, "wait": wait}, wait=wait)

    async def _item(self, feed: Feed, entry: Raw, known: dict[str, list[str]]) -> Raw:
        """The raw item; notes the entry in `known` as [mark, when it was first seen]."""
        key = _key(entry)
        _, first_seen = known.pop(key, ["", self._clock().isoformat(timespec="seconds")])
        raw = {"feed": feed.about, "entry": entry, "first_seen": first_seen}
        article, passing = await self._article(entry) if self._full_text else (None, False)
        # An article that could not be read in passing gets no mark: the next poll tries it again.
        known[key] = ["" if passing else _mark(entry), first_seen]
        return raw if article is None else {**raw, "article": article}

    async def _article(self, entry: Raw) -> tuple[Raw, bool]:
        """The article page's text, or why there is none and whether that may pass."""
        link = entry.get("link") or entry.get("url")
        if not isinstance(link, str):
            return {"error": "The entry has no link."}, False
        try:
            page = await self._http.page(link)
        except (Throttled, Retry) as error:
            return {"error": str(error)}, True
        except SourceError as error:
            return {"error": str(error)}, False
        text = await asyncio.to_thread(_extract, page)
        return {"text": text} if text else {"error": "The page holds no article."}, False

    def map(self, raw: Raw) -> Sequence[Mention]:
        """One article; an entry without title and text says nothing."""
        item = Record(raw, "raw")
        feed, entry, article = item.record("feed"), item.record("entry"), item.record("article")
        if feed is None or entry is None:
            raise MapError("raw has no feed or no entry.")
        facts = facts_of(entry, feed.text("format"))
        text = (article.text("text") if article else None) or facts.text or ""
        if not (facts.title or text):
            return []
        first_seen = from_iso(item.need("first_seen"))
        published = self._moment((*facts.published, *facts.updated), first_seen) or first_seen
        updated = self._moment(facts.updated, first_seen)
        site = feed.key("host") or "unknown"
        return [
            Mention(
                id=f"rss_news:{_digest(site, facts.key)}",
                platform=self.platform,
                source=self._source.name,
                kind="article",
                title=facts.title,
                text=text if text != facts.title else "",
                published_at=published,
                version=version_of(updated) if updated else 0,
                url=facts.link,
                author=_author(site, facts, feed.text("title")),
                engagement=Engagement(comments=facts.comments),
                hashtags=facts.tags,
                media=facts.media,
                brands=brand_of(self._source),
            )
        ]

    def _moment(self, candidates: Sequence[str], first_seen: datetime) -> datetime | None:
        """The first that can be read and does not lie ahead of when we saw it."""
        for text in candidates:
            try:
                moment = from_board(text, first_seen, self._zone)
            except MapError:
                continue
            if moment <= first_seen + _AHEAD:
                return moment
        return None


def _news(entries: Sequence[Raw], known: dict[str, list[str]]) -> tuple[list[Raw], list[Raw]]:
    """New and changed entries, and those whose article failed in passing, the longest ago first."""
    fresh: list[Raw] = []
    failed: dict[int, Raw] = {}
    places = {key: place for place, key in enumerate(known)}
    for entry in entries:
        key = _key(entry)
        mark = known[key][0] if key in known else None
        if mark == "":
            failed[places[key]] = entry
        elif mark != _mark(entry):
            fresh.append(entry)
    return fresh, [failed[place] for place in sorted(failed)]


def _author(site: str, facts: Facts, feed_title: str | None) -> Author:
    """The writer at this site, else the site itself."""
    if facts.author:
        return Author(id=f"rss_news:{site}/{clean_line(facts.author)}", name=facts.author)
    return Author(id=f"rss_news:{site}", name=feed_title)


def _digest(site: str, key: str) -> str:
    """A short id: feeds' own ids are long addresses, or mean something in one feed only."""
    text = key if key.startswith(_GLOBAL) else f"{site} {key}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=10).hexdigest()


def _key(entry: Raw) -> str:
    return _digest("", str(entry.get("id") or entry.get("link") or entry.get("url") or entry.get("title")))


def _mark(entry: Raw) -> str:
    facts: Any = {name: value for name, value in entry.items() if name not in ("links", "slash_comments")}
    return hashlib.blake2b(msgspec.json.encode(facts, order="deterministic"), digest_size=6).hexdigest()


def _validators(response: Response) -> dict[str, str]:
    """What makes the next request conditional (RFC 9110, section 13)."""
    pairs = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
    return {name: response.headers[header] for name, header in pairs.items() if header in response.headers}


def _extract(page: Response) -> str | None:
    text: str | None = trafilatura.extract(page.body, url=page.url, include_comments=False)
    return text
