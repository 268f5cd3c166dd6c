"""The demo's part of the web: the local replica site shows what was said on weibo, forums, news and elsewhere."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime

from crawlers.replica import Author, Post, Replica
from dashboard.demo import texts
from dashboard.demo.people import DemoAuthor
from dashboard.demo.world import DemoPost, World

ON_THE_SITE = ("weibo", "discourse", "forum", "hackernews", "rss_news")
LIVE_EVERY = 4.0  # seconds between live posts: fast enough to see the desk move, slow enough to read


def site_posts(world: World) -> list[Post]:
    """The posts of the replica; forum, discourse and hackernews posts hang on topics."""
    posts: list[Post] = []
    starts: dict[tuple[str, int], str] = {}
    for post in world.on(*ON_THE_SITE):
        key = (post.platform, post.thread or 0)
        opening = post.thread is not None and key not in starts
        thread = starts.setdefault(key, post.id) if post.thread is not None else None
        posts.append(_shown(post, thread, opening))
    return posts


def _shown(post: DemoPost, thread: str | None, opening: bool) -> Post:
    title, kind = post.title, post.kind
    if opening:
        names = texts.sections("topics")[post.platform]
        number = post.thread or 0
        title = names[number % len(names)] + (f" #{number // len(names) + 1}" if number >= len(names) else "")
        kind = "post"
    return Post(
        platform=post.platform,
        id=post.id,
        author=_author(post.author),
        text=post.text,
        at=post.at,
        kind=kind,
        title=title,
        thread=thread,
        parent=thread if thread and not opening else None,
        likes=post.likes,
        comments=post.comments,
        shares=post.shares,
        views=post.views,
        url=f"https://news.example.com/{post.id}.html" if post.platform == "rss_news" else None,
        region=post.author.region,
        tags=post.tags,
    )


def _author(author: DemoAuthor) -> Author:
    return Author(
        id=author.id, name=author.name, followers=author.followers, verified=author.verified, region=author.region
    )


class LivePosts(threading.Thread):
    """Posts something new on the replica's weibo every few seconds until stopped."""

    def __init__(self, replica: Replica, world: World, every: float = LIVE_EVERY) -> None:
        super().__init__(daemon=True, name="live posts")
        self._replica, self._every = replica, every
        self._dice = random.Random()
        self._writer = texts.Writer(self._dice)
        self._authors = [post.author for post in world.on("weibo") if post.author.role == "ordinary"]
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        while not self._stop.wait(self._every * self._dice.uniform(0.5, 1.5)):
            self._replica.add(self._post(datetime.now(UTC)))

    def _post(self, now: datetime) -> Post:
        rival = self._dice.random() < 0.25
        words = {**texts.TEA, "b": texts.TEA["r"]} if rival else texts.TEA
        talk = texts.RIVAL_TALK if rival else texts.TEA_TALK
        text, _ = self._writer.write(talk, "tea", words, texts.RIVAL_PRODUCTS if rival else texts.TEA_PRODUCTS)
        author = self._dice.choice(self._authors)
        return Post(
            platform="weibo",
            # later than every post of the filled world, also after a restart
            id=str(5_300_000_000_000_000 + int(now.timestamp() * 1000)),
            author=_author(author),
            text=text if words["b"] in text else f"{text} #{words['b']}#",
            at=now,
            likes=0,
            comments=0,
            shares=0,
            region=author.region,
        )
