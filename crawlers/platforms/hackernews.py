"""Hacker News through Algolia's public search: stories and comments, no key needed.

Options: `queries` (required; [""] reads everything), `base_url`, `overlap` (seconds read again at each poll,
because indexing lags and points change; default 600), `since_days` (how far the first poll goes back, 30).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from crawlers.connector import FetchPage, Raw
from crawlers.http import Client, Response
from crawlers.markup import text_of
from crawlers.options import Options, brand_of
from crawlers.records import Record
from crawlers.times import from_epoch, from_iso
from index.documents import Author, Engagement, Mention, version_of
from index.errors import MapError, Retry, SourceError
from index.settings import Source

_PER_PAGE = 100
_SITE = "https://news.ycombinator.com"
_UNUSED = (
    "children", "created_at", "url", "story_title", "story_url", "_tags", "_highlightResult", "relevancy_score",
    "parts", "poll_id", "job_text", "options", "type", "dead", "_snippetResult", "_rankingInfo",
)  # fmt: skip


class HackerNews:
    """Pages go backwards in time from now to where the last poll began. The bound moves instead of the page
    number, because Algolia ends at 1000 hits a query."""

    platform: ClassVar[str] = "hackernews"

    def __init__(
        self, source: Source, http: Client, secret: str | None, *, clock: Callable[[], float] = time.time
    ) -> None:
        del secret
        options = Options(source, {"queries", "base_url", "overlap", "since_days"})
        self._queries = options.texts("queries")
        if not self._queries:
            raise options.wrong("queries", 'is missing: name what to search for, such as ["hoshino coffee"]')
        self._base = options.address("base_url", "https://hn.algolia.com")
        self._overlap = options.get("overlap", int, 600)
        self._history = options.get("since_days", int, 30) * 86_400
        self._source, self._http, self._clock = source, http, clock
        http.trust(self._base)

    async def fetch(self, cursor: Raw) -> FetchPage:
        """One page of one query. Cursor: {"since": {query: time}, "walk": {...} while a walk is under way}."""
        since: dict[str, int] = dict(cursor.get("since", {}))
        walk = cursor.get("walk") or {"query": self._queries[0], "until": None, "page": 0, "top": None}
        query = walk["query"] if walk["query"] in self._queries else self._queries[0]
        start = since.get(query, int(self._clock()) - self._history) - self._overlap
        hits = await self._page(query, start, walk["until"], walk["page"])
        times = [moment for hit in hits if isinstance(moment := hit.get("created_at_i"), int)]
        top = max([*times, walk["top"] or 0, since.get(query, 0)])
        if len(hits) >= _PER_PAGE and times:
            return FetchPage(
                items=hits, cursor={"since": since, "walk": _older(walk, query, times, top)}, more=True
            )
        since[query] = top or int(self._clock())
        following = self._queries.index(query) + 1
        if following < len(self._queries):
            step = {"query": self._queries[following], "until": None, "page": 0, "top": None}
            return FetchPage(items=hits, cursor={"since": since, "walk": step}, more=True)
        return FetchPage(items=hits, cursor={"since": since})

    async def _page(self, query: str, since: int, until: int | None, page: int) -> list[Raw]:
        bounds = f"created_at_i>{since}" + (f",created_at_i<={until}" if until else "")
        params: dict[str, str | int] = {
            "query": f'"{query}"' if " " in query else query,
            "tags": "(story,comment)",
            "numericFilters": bounds,
            "hitsPerPage": _PER_PAGE,
            "page": page,
            "typoTolerance": "false",
        }
        response = await self._http.get(f"{self._base}/api/v1/search_by_date", params=params, answers={400})
        return _hits(response)

    def map(self, raw: Raw) -> Sequence[Mention]:
        """A story or a comment; a deleted one says nothing."""
        hit = Record(raw, "hit")
        key = hit.need_key("objectID", "story_id")
        author = hit.key("author")
        title, story, comment = hit.text("title"), hit.text("story_text"), hit.text("comment_text")
        is_comment = comment is not None
        created, updated = hit.count("created_at_i"), hit.text("updated_at")
        parent, thread = hit.key("parent_id"), hit.key("story_id")
        engagement = Engagement(likes=hit.count("points"), comments=hit.count("num_comments"))
        hit.rest(self.platform, *_UNUSED)
        if created is None:
            raise MapError("hit has no 'created_at_i'.")
        if author is None or not (title or comment or story):
            return []
        return [
            Mention(
                id=f"hackernews:{key}",
                platform=self.platform,
                source=self._source.name,
                kind="comment" if is_comment else "post",
                title=None if is_comment else text_of(title or "") or None,
                text=text_of(comment or story or ""),
                published_at=from_epoch(created),
                version=version_of(from_iso(updated)) if updated else 0,
                url=f"{_SITE}/item?id={key}",
                author=Author(id=f"hackernews:{author}", name=author, url=f"{_SITE}/user?id={author}"),
                engagement=engagement,
                parent_id=f"hackernews:{parent}" if parent and is_comment else None,
                thread_id=f"hackernews:{thread}" if thread else None,
                brands=brand_of(self._source),
            )
        ]


def _older(walk: dict[str, Any], query: str, times: list[int], top: int) -> dict[str, Any]:
    """The next step back: a lower bound, or the next page when a whole page has one and the same time."""
    oldest = min(times)
    stuck = walk["until"] is not None and oldest >= walk["until"]
    until, page = (walk["until"], walk["page"] + 1) if stuck else (oldest, 0)
    return {"query": query, "until": until, "page": page, "top": top}


def _hits(response: Response) -> list[Raw]:
    answer = response.json()
    if response.status == 400:
        message = answer.get("message") if isinstance(answer, dict) else None
        raise SourceError(f"Algolia does not understand the question: {message}. Check the option `queries`.")
    hits = answer.get("hits") if isinstance(answer, dict) else None
    if not isinstance(hits, list):
        raise Retry("Algolia answered without a list of hits.")
    return [hit if isinstance(hit, dict) else {"not an object": hit} for hit in hits]
