"""A Discourse forum under /discourse: newest posts, newest topics, one topic."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from typing import Any

from crawlers.replica.posts import Post
from crawlers.replica.web import Answer, Request, Routes, as_json

_POSTS_A_PAGE = 20
_TOPICS_A_PAGE = 30


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _topics(request: Request) -> dict[str, list[Post]]:
    topics: dict[str, list[Post]] = {}
    for post in reversed(request.shelf.by_id("discourse")):
        topics.setdefault(post.thread or post.id, []).append(post)
    return topics


def posts(request: Request, _: re.Match[str]) -> Answer:
    before = request.number("before", 0)
    found = [p for p in request.shelf.by_id("discourse") if not before or int(p.id) < before]
    topics = _topics(request)
    shown = request.doubled(found[:_POSTS_A_PAGE])
    return as_json({"latest_posts": [_post(p, topics[p.thread or p.id]) for p in shown]})


def latest(request: Request, _: re.Match[str]) -> Answer:
    page = request.number("page", 0)
    topics = sorted(_topics(request).items(), key=lambda item: item[1][-1].at, reverse=True)
    shown = topics[page * _TOPICS_A_PAGE : (page + 1) * _TOPICS_A_PAGE]
    rows = [_topic(topic, found) for topic, found in shown]
    more = len(topics) > (page + 1) * _TOPICS_A_PAGE
    listing: dict[str, Any] = {"per_page": _TOPICS_A_PAGE, "topics": rows}
    if more:
        listing["more_topics_url"] = f"/latest?page={page + 1}"
    return as_json({"users": [], "topic_list": listing})


def topic(request: Request, match: re.Match[str]) -> Answer:
    found = _topics(request).get(match.group(1))
    if not found:
        return as_json({"errors": ["The requested URL could not be found."], "error_type": "not_found"}, 404)
    shown = request.doubled(found[:_POSTS_A_PAGE])
    stream = {"posts": [_post(p, found) for p in shown], "stream": [int(p.id) for p in found]}
    return as_json({"post_stream": stream, **_topic(match.group(1), found)})


def topic_posts(request: Request, match: re.Match[str]) -> Answer:
    found = _topics(request).get(match.group(1), [])
    wanted = set(request.query.get("post_ids[]", "").split(","))
    shown = [_post(p, found) for p in found if p.id in wanted]
    return as_json({"post_stream": {"posts": shown}, "id": int(match.group(1))})


def _topic(topic_id: str, found: list[Post]) -> dict[str, Any]:
    return {
        "id": int(topic_id),
        "title": found[0].title,
        "slug": "topic",
        "posts_count": len(found),
        "reply_count": len(found) - 1,
        "created_at": _iso(found[0].at),
        "last_posted_at": _iso(found[-1].at),
        "bumped_at": _iso(found[-1].at),
        "highest_post_number": len(found),
        "tags": list(found[0].tags),
        "category_id": 5,
        "views": found[0].views or 0,
        "pinned": False,
    }


def _post(post: Post, found: list[Post]) -> dict[str, Any]:
    numbers = {p.id: place for place, p in enumerate(found, 1)}
    number = numbers[post.id]
    return {
        "id": int(post.id),
        "name": post.author.name,
        "username": post.author.name,
        "user_id": int(post.author.id),
        "avatar_template": "/user_avatar/x/{size}/1.png",
        "created_at": _iso(post.at),
        "updated_at": _iso(post.edited_at or post.at),
        "cooked": "".join(f"<p>{escape(part)}</p>" for part in post.text.split("\n")),
        "post_number": number,
        "post_type": 1,
        "reply_to_post_number": numbers.get(post.parent) if post.parent else None,
        "reply_count": post.comments or 0,
        "quote_count": 0,
        "reads": post.views or 0,
        "score": 1.2,
        "topic_id": int(post.thread or post.id),
        "topic_slug": "topic",
        "topic_title": found[0].title,
        "category_id": 5,
        "trust_level": 1,
        "admin": False,
        "moderator": False,
        "staff": False,
        "actions_summary": [{"id": 2, "count": post.likes}] if post.likes else [],
        "hidden": False,
        "deleted_at": None,
        "post_url": f"/t/topic/{post.thread or post.id}/{number}",
    }


ROUTES: Routes = [
    (r"/discourse/posts\.json", posts),
    (r"/discourse/latest\.json", latest),
    (r"/discourse/t/(?:[^/]+/)?(\d+)/posts\.json", topic_posts),
    (r"/discourse/t/(?:[^/]+/)?(\d+)\.json", topic),
]
