"""Hacker News as Algolia serves it: search_by_date with filters on time, newest first, 1000 hits at most."""

from __future__ import annotations

import html
import re
from datetime import UTC
from typing import Any

from crawlers.replica.posts import Post
from crawlers.replica.web import Answer, Request, Routes, as_json

_FILTER = re.compile(r"created_at_i(<=|>=|<|>|=)(\d+)")
_CAP = 1000  # Algolia answers no more than this for one query


def search_by_date(request: Request, _: re.Match[str]) -> Answer:
    size, page = min(request.number("hitsPerPage", 20), 1000), request.number("page", 0)
    posts = [p for p in request.shelf.newest("hackernews") if _matches(p, request.query)]
    pages = -(-min(len(posts), _CAP) // size)
    shown = request.doubled(posts[:_CAP][page * size : (page + 1) * size])
    query = request.query.get("query", "")
    return as_json(
        {
            "hits": [_hit(request, p) for p in shown],
            "nbHits": len(posts),
            "page": page,
            "nbPages": pages,
            "hitsPerPage": size,
            "exhaustiveNbHits": True,
            "query": query,
            "params": f"query={query}",
            "processingTimeMS": 1,
        }
    )


def _matches(post: Post, query: dict[str, str]) -> bool:
    words = query.get("query", "").replace('"', "").lower()
    if words and words not in f"{post.title or ''} {post.text}".lower():
        return False
    moment = int(post.at.timestamp())
    for sign, number in _FILTER.findall(query.get("numericFilters", "")):
        bound = int(number)
        holds = {"<": moment < bound, "<=": moment <= bound, ">": moment > bound, ">=": moment >= bound}
        if not holds.get(sign, moment == bound):
            return False
    return True


def _hit(request: Request, post: Post) -> dict[str, Any]:
    at = post.at.astimezone(UTC)
    story = post.thread or post.id
    updated = (post.edited_at or post.at).astimezone(UTC)
    hit: dict[str, Any] = {
        "objectID": post.id,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "created_at_i": int(at.timestamp()),
        "updated_at": updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "author": post.author.name,
        "story_id": int(story),
        "_tags": [post.kind, f"author_{post.author.name}", f"story_{story}"],
        "_highlightResult": {},
    }
    if post.kind == "comment":
        top = request.shelf.get("hackernews", story)
        title = top.title if top else post.title
        hit |= {"comment_text": _markup(post.text), "story_title": title, "parent_id": int(post.parent or story)}
    else:
        hit |= {"title": post.title, "url": post.url, "story_text": _markup(post.text) if post.text else None}
        hit |= {"points": post.likes, "num_comments": post.comments, "_tags": ["story", *hit["_tags"][1:]]}
    return hit


def _markup(text: str) -> str:
    return "<p>".join(html.escape(part, quote=True) for part in text.split("\n"))


ROUTES: Routes = [(r"/api/v1/search(?:_by_date)?", search_by_date)]
