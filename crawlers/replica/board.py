"""A plain HTML forum under /board, marked up as phpBB does it: index of topics, topics with pages.

/board/private/ is closed by robots.txt.
"""

from __future__ import annotations

import re
from datetime import UTC
from html import escape

from crawlers.replica.posts import Post
from crawlers.replica.web import Answer, Request, Routes, not_found

_POSTS_A_PAGE = 10
_TOPICS_A_PAGE = 25


def _topics(request: Request) -> dict[str, list[Post]]:
    topics: dict[str, list[Post]] = {}
    for post in reversed(request.shelf.newest("forum")):
        topics.setdefault(post.thread or post.id, []).append(post)
    return topics


def _page(title: str, body: str) -> Answer:
    head = f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    menu = '<nav><a href="/board/private/viewforum.php?f=2">版务</a></nav>'
    return Answer(f"{head}<body>{menu}{body}</body></html>".encode())


def _pages(link: str, start: int, size: int, total: int) -> str:
    following = f'<li class="next"><a rel="next" href="{link}&amp;start={start + size}">下一页</a></li>'
    return f'<div class="pagination"><ul>{following if start + size < total else ""}</ul></div>'


def index(request: Request, _: re.Match[str]) -> Answer:
    start = request.number("start", 0)
    topics = sorted(_topics(request).items(), key=lambda item: item[1][-1].at, reverse=True)
    rows = "".join(_row(t, found) for t, found in topics[start : start + _TOPICS_A_PAGE])
    links = _pages("./viewforum.php?f=1", start, _TOPICS_A_PAGE, len(topics))
    return _page("综合讨论", f'<ul class="topiclist topics">{rows}</ul>{links}')


def _row(topic_id: str, found: list[Post]) -> str:
    last = found[-1].at.astimezone(UTC).isoformat()
    return (
        '<li class="row"><dl class="row-item"><dt>'
        f'<a class="topictitle" href="./viewtopic.php?t={topic_id}">{escape(found[0].title or "")}</a></dt>'
        f'<dd class="posts">{len(found) - 1}</dd><dd class="views">{found[0].views or 0}</dd>'
        f'<dd class="lastpost"><time datetime="{last}">{last[:16]}</time></dd></dl></li>'
    )


def topic(request: Request, _: re.Match[str]) -> Answer:
    topic_id, start = request.query.get("t", ""), request.number("start", 0)
    found = _topics(request).get(topic_id)
    if not found:
        return not_found()
    shown = request.doubled(found[start : start + _POSTS_A_PAGE])
    title = (
        f'<h2 class="topic-title"><a href="./viewtopic.php?t={topic_id}">{escape(found[0].title or "")}</a></h2>'
    )
    links = _pages(f"./viewtopic.php?t={topic_id}", start, _POSTS_A_PAGE, len(found))
    return _page(found[0].title or "", title + "".join(_post(p) for p in shown) + links)


def _post(post: Post) -> str:
    moment = post.at.astimezone(UTC).isoformat()
    user = f'<a href="./memberlist.php?mode=viewprofile&amp;u={escape(post.author.id)}" class="username">'
    content = "<br>".join(escape(part) for part in post.text.split("\n"))
    return (
        f'<div id="p{post.id}" class="post has-profile bg2"><div class="postbody">'
        f'<p class="author">{user}{escape(post.author.name)}</a> » '
        f'<time datetime="{moment}">{moment[:16]}</time></p>'
        f'<div class="content">{content}</div></div></div>'
    )


def robots(_: Request, __: re.Match[str]) -> Answer:
    return Answer(
        b"User-agent: *\nDisallow: /board/private/\nDisallow: /news/closed\n", "text/plain; charset=utf-8"
    )


ROUTES: Routes = [
    (r"/robots\.txt", robots),
    (r"/board/(?:private/)?viewforum\.php", index),
    (r"/board/(?:private/)?viewtopic\.php", topic),
]
