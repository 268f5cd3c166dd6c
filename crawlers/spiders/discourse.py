"""Discourse forums through their public JSON.

Options: `base_url` (required, such as https://forum.example.com), `route` ("posts": /posts.json, newest posts of
the whole site; "latest": /latest.json and the topics in it, for sites that close /posts.json), `max_pages`
(or topics, read before the cursor is saved, default 50), `since_days` (how far the first poll goes back, 30).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
import scrapy
from scrapy.http import Response

from crawlers.addresses import host_of
from crawlers.connector import Raw
from crawlers.http import Client
from crawlers.markup import text_of
from crawlers.options import Options, brand_of
from crawlers.records import Record
from crawlers.spiders.base import SiteSpider, site_of
from crawlers.spiders.process import SpiderConnector
from crawlers.times import from_iso
from index import foreign_json
from index.documents import Author, Engagement, Mention, version_of
from index.errors import MapError
from index.settings import Source

_WINDOW = 50  # ids that one answer of /posts.json looks back over: where all are hidden it is empty
_EMPTY_IN_A_ROW = 20
_POSTS_A_REQUEST = 20
_UNUSED = (
    "avatar_template", "raw", "excerpt", "reply_to_post_number", "quote_count", "incoming_link_count", "score",
    "category_id", "trust_level", "admin", "moderator", "staff", "user_deleted", "edit_reason", "version", "yours",
    "can_edit", "can_delete", "can_recover", "can_wiki", "primary_group_name", "flair_name", "flair_url",
    "flair_bg_color", "flair_color", "flair_group_id", "user_title", "title_is_group", "bookmarked", "wiki",
    "reviewable_id", "reviewable_score_count", "reviewable_score_pending_count", "topic_posts_count", "read",
    "topic_html_title", "topic_filtered_posts_count", "topic_archetype", "category_slug", "display_username",
    "link_counts", "can_see_hidden_post", "reactions", "current_user_reaction", "reaction_users_count", "polls",
    "current_user_used_main_reaction", "can_accept_answer", "can_unaccept_answer", "accepted_answer",
    "topic_accepted_answer", "can_view_edit_history", "reply_to_user", "readers_count", "hidden", "topic_slug",
    "user_status", "mentioned_users", "post_localizations_count", "badges_granted", "locale",
)  # fmt: skip


class DiscourseSpider(SiteSpider):
    """Walks /posts.json backwards by id; or /latest.json page by page and the topics that moved."""

    name = "discourse"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        options = self.job.options
        self.base = str(options["base_url"]).rstrip("/")
        self.hosts = (site_of(self.base),)
        self.allowed_domains = [urlsplit(self.base).hostname]
        self.max_pages = int(options.get("max_pages", 50))
        self.cutoff = datetime.fromisoformat(self.job.now) - timedelta(days=float(options.get("since_days", 30)))
        self.empty = 0
        self.top: str | None = None
        self.topics_asked = 0
        self.open: dict[int, int] = {}  # answers of a topic that are still to come
        self.read: dict[str, str] = dict(self.job.cursor.get("read", {}))  # topic -> its last post then

    def first(self) -> Iterator[scrapy.Request]:
        if self.job.options.get("route") == "latest":
            since = self.job.cursor.get("bumped") or self.cutoff.isoformat()
            yield self.ask(
                f"{self.base}/latest.json?order=activity&page=0", self.topics, page=0, since=since, top=since
            )
        else:
            walk = self.job.cursor.get("walk") or {}
            yield self._posts(walk.get("before"), walk.get("top", 0))

    def _posts(self, before: int | None, top: int) -> scrapy.Request:
        address = f"{self.base}/posts.json" + (f"?before={before}" if before else "")
        return self.ask(address, self.posts, before=before, top=top)

    def posts(self, response: Response, before: int | None, top: int) -> Iterator[scrapy.Request]:
        """One page of newest posts. The walk goes on below it until it meets the last walk."""
        if not self.good(response):
            self.stop("error", f'{self.base} has no /posts.json. Try the option route = "latest".')
        posts = self._list(self._json(response), "latest_posts")
        self.outcome.items += [{"site": self.base, "post": post} for post in posts]
        ids = [post["id"] for post in posts if isinstance(post, dict) and isinstance(post.get("id"), int)]
        top, last = max([top, *ids]), self.job.cursor.get("last", 0)
        self.empty = 0 if ids else self.empty + 1
        following = _below(before, ids)
        if following <= last or self.empty > _EMPTY_IN_A_ROW or (not last and self._old(posts)):
            self.outcome.cursor = {"last": max(top, last)}
            return
        self.outcome.cursor = {"last": last, "walk": {"before": following, "top": top}}
        if self.pages < self.max_pages:
            yield self._posts(following, top)
        else:
            self.outcome.more = True

    def _old(self, posts: list[Any]) -> bool:
        """Whether a page reaches back behind the history that the first poll wants."""
        times = [post.get("created_at") for post in posts if isinstance(post, dict)]
        return any(isinstance(each, str) and each < self.cutoff.strftime("%Y-%m-%dT%H:%M:%S") for each in times)

    def topics(self, response: Response, page: int, since: str, top: str) -> Iterator[scrapy.Request]:
        """One page of topics in the order of their last post."""
        if not self.good(response):
            self.stop("error", f"{self.base} has no /latest.json. Is it a Discourse forum?")
        listing = self._json(response).get("topic_list")
        rows = self._list(listing if isinstance(listing, dict) else {}, "topics")
        moved = [row for row in rows if isinstance(row, dict) and _bumped(row) > since]
        unread = [row for row in moved if self.read.get(str(row["id"]), "") < _bumped(row)]
        asked = unread[: max(self.max_pages - self.topics_asked, 0)]
        self.topics_asked += len(asked)
        for row in asked:
            yield self.ask(f"{self.base}/t/{row['id']}.json", self.topic, priority=10, topic=row)
        top = max([top, *(_bumped(row) for row in moved)])
        settled = any(isinstance(r, dict) and _bumped(r) <= since and not r.get("pinned") for r in rows)
        further = isinstance(listing, dict) and listing.get("more_topics_url") and rows and not settled
        if len(asked) < len(unread):
            self.outcome.more = True
        elif further:
            address = f"{self.base}/latest.json?order=activity&page={page + 1}"
            yield self.ask(address, self.topics, page=page + 1, since=since, top=top)
        else:
            self.top = top

    def closed(self, reason: str) -> None:
        """The topics' cursor moves only when all of them were read; until then it holds those that were."""
        if self.top and reason == "finished" and self.outcome.trouble is None:
            self.outcome.cursor = {"bumped": self.top}
        elif self.read:
            self.outcome.cursor = {**self.job.cursor, "read": self.read}
            self.outcome.more = self.outcome.trouble is None

    def topic(self, response: Response, topic: dict[str, Any]) -> Iterator[scrapy.Request]:
        """A topic's first posts, and requests for those behind them."""
        if not self.good(response):
            self._done(topic)
            return
        stream = self._json(response).get("post_stream")
        stream = stream if isinstance(stream, dict) else {}
        shown = self._keep(self._list(stream, "posts"), topic)
        rest = [key for key in self._list(stream, "stream") if isinstance(key, int) and key not in shown]
        starts = range(0, len(rest), _POSTS_A_REQUEST)
        self.open[topic["id"]] = len(starts) + 1
        for start in starts:
            wanted = "&".join(f"post_ids[]={key}" for key in rest[start : start + _POSTS_A_REQUEST])
            address = f"{self.base}/t/{topic['id']}/posts.json?{wanted}"
            yield self.ask(address, self.rest_of_topic, priority=20, topic=topic)
        self._done(topic)

    def rest_of_topic(self, response: Response, topic: dict[str, Any]) -> None:
        if self.good(response):
            stream = self._json(response).get("post_stream")
            self._keep(self._list(stream if isinstance(stream, dict) else {}, "posts"), topic)
        self._done(topic)

    def _done(self, topic: dict[str, Any]) -> None:
        """One answer of a topic was taken; after the last one it has been read."""
        self.open[topic["id"]] = self.open.get(topic["id"], 1) - 1
        if not self.open[topic["id"]]:
            self.read[str(topic["id"])] = _bumped(topic)

    def _keep(self, posts: list[Any], topic: dict[str, Any]) -> set[int]:
        about = {"title": topic.get("title")}
        self.outcome.items += [{"site": self.base, "post": post, "topic": about} for post in posts]
        return {post["id"] for post in posts if isinstance(post, dict) and isinstance(post.get("id"), int)}

    def _json(self, response: Response) -> dict[str, Any]:
        if response.body[:100].lstrip().startswith(b"<"):
            self.stop("blocked", f"{self.base} answered with a web page instead of JSON.")
        try:
            found = foreign_json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.stop("retry", f"{self.base} answered with broken JSON: {error}")
        if not isinstance(found, dict):
            self.stop("retry", f"{self.base} answered with something that is not an object.")
        return dict(found)

    def _list(self, holder: dict[str, Any], name: str) -> list[Any]:
        found = holder.get(name)
        if not isinstance(found, list):
            self.stop("retry", f"{self.base} answered without {name}.")
        return list(found or [])


def _below(before: int | None, ids: list[int]) -> int:
    """Where to go on. Some versions include `before` itself, so a page may end where it began."""
    if ids and (before is None or min(ids) < before):
        return min(ids)
    return (before or 0) - (1 if ids else _WINDOW)


def _bumped(row: dict[str, Any]) -> str:
    moment = row.get("bumped_at") or row.get("last_posted_at")
    return moment if isinstance(moment, str) and isinstance(row.get("id"), int) else ""


class Discourse(SpiderConnector):
    """The connector; its network part is DiscourseSpider."""

    platform: ClassVar[str] = "discourse"

    def __init__(self, source: Source, http: Client, secret: str | None, **arguments: Any) -> None:
        super().__init__(source, http, secret, **arguments)
        options = Options(source, {"base_url", "route", "max_pages", "since_days"})
        options.address("base_url")
        options.get("max_pages", int, 50)
        options.get("since_days", int, 30)
        if options.get("route", str, "posts") not in ("posts", "latest"):
            raise options.wrong("route", 'must be "posts" or "latest"')

    def map(self, raw: Raw) -> Sequence[Mention]:
        """A regular post; the system's own notes on a topic say nothing."""
        outer = Record(raw, "raw")
        post, topic = outer.record("post"), outer.record("topic")
        site = outer.need_key("site")
        host = host_of(site)
        if post is None or not host:
            raise MapError("raw has no post or no site.")
        key, topic_key = post.need_key("id"), post.need_key("topic_id")
        published, updated = from_iso(post.need("created_at")), post.text("updated_at")
        title = post.text("topic_title") or (topic.text("title") if topic else None)
        number, kind = post.count("post_number"), post.count("post_type")
        gone = post.text("deleted_at") is not None
        path, text = post.text("post_url"), text_of(post.text("cooked") or "")
        mention = Mention(
            id=f"discourse:{host}/{key}",
            platform=self.platform,
            source=self._source.name,
            kind="post" if number == 1 else "comment",
            title=title if number == 1 else None,
            text=text,
            published_at=published,
            version=version_of(from_iso(updated)) if updated else 0,
            url=_address(site, path),
            author=_author(post, site, host),
            engagement=_engagement(post),
            thread_id=f"discourse:{host}/t{topic_key}",
            brands=brand_of(self._source),
            deleted=gone,
        )
        post.rest("discourse", *_UNUSED)
        return [mention] if kind in (None, 1, 2) and (text or mention.title or gone) else []


def _author(post: Record, site: str, host: str) -> Author:
    username = post.need_key("username")
    key = post.key("user_id") or username
    return Author(
        id=f"discourse:{host}/{key}",
        name=post.text("name") or username,
        handle=username,
        url=f"{site}/u/{username}",
    )


def _engagement(post: Record) -> Engagement:
    """Likes are the action with the number 2; other actions are flags."""
    likes = next((a.count("count") for a in post.records("actions_summary") if a.count("id") == 2), 0)
    return Engagement(likes=likes, comments=post.count("reply_count"), views=post.count("reads"))


def _address(site: str, path: str | None) -> str | None:
    """`post_url` begins at the host's root on some versions, at the forum's on others."""
    if path is None:
        return None
    root = site.partition("://")[2].partition("/")[2]
    root = f"/{root}" if root else ""
    return f"{site}{path.removeprefix(root)}" if path.startswith("/") else None
