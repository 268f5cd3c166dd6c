"""What the replica site shows: posts as plain data, kept on a shelf that can grow while it is read."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """An account of one platform. `id` is native (weibo: digits)."""

    id: str
    name: str
    followers: int | None = None
    verified: bool = False
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post of the replica.

    `platform` is weibo, hackernews, discourse, forum or rss_news. `id` is native and made of digits (rss_news:
    any word); on weibo and discourse a later post needs a higher id, as on the real sites.
    `kind` is post, comment or article. `thread` is the id of the post, story or topic it belongs to, `parent`
    the id of the post it answers. `title` names a story, an article or the forum topic. Text is plain.
    Times are aware.
    """

    platform: str
    id: str
    author: Author
    text: str
    at: datetime
    kind: str = "post"
    title: str | None = None
    thread: str | None = None
    parent: str | None = None
    url: str | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    views: int | None = None
    edited_at: datetime | None = None
    region: str | None = None
    images: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Shelf:
    """The posts by platform, safe to read while another thread adds. A post with a known id replaces it."""

    def __init__(self, posts: Iterable[Post] = ()) -> None:
        self._lock = threading.Lock()
        self._posts: dict[str, dict[str, Post]] = {}
        for post in posts:
            self.add(post)

    def add(self, post: Post) -> None:
        with self._lock:
            self._posts.setdefault(post.platform, {})[post.id] = post

    def remove(self, platform: str, post_id: str) -> None:
        with self._lock:
            self._posts.get(platform, {}).pop(post_id, None)

    def newest(self, platform: str) -> list[Post]:
        """Every post of a platform, newest first."""
        with self._lock:
            posts = list(self._posts.get(platform, {}).values())
        return sorted(posts, key=lambda post: (post.at, post.id), reverse=True)

    def by_id(self, platform: str) -> list[Post]:
        """Every post of a platform with numeric ids, highest id first."""
        return sorted(self.newest(platform), key=lambda post: int(post.id), reverse=True)

    def get(self, platform: str, post_id: str) -> Post | None:
        with self._lock:
            return self._posts.get(platform, {}).get(post_id)
