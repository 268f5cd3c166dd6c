"""Weibo open API v2, the two lists an authorised account may read: mentions and comments."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from crawlers.replica.posts import Post
from crawlers.replica.web import Answer, Request, Routes, as_json

_CHINA = timezone(timedelta(hours=8))
_APP = '<a href="http://app.weibo.com/t/feed/x" rel="nofollow">iPhone客户端</a>'


def weibo_time(moment: datetime) -> str:
    """The platform's own format, always +0800: Fri Aug 14 09:12:03 +0800 2026."""
    return moment.astimezone(_CHINA).strftime("%a %b %d %H:%M:%S +0800 %Y")


def mentions(request: Request, _: re.Match[str]) -> Answer:
    return _list(request, "statuses", [p for p in request.shelf.by_id("weibo") if p.kind == "post"])


def comment_mentions(request: Request, _: re.Match[str]) -> Answer:
    comments = [p for p in request.shelf.by_id("weibo") if p.kind == "comment"]
    return _list(request, "comments", [p for p in comments if "@" in p.text])


def comments_to_me(request: Request, _: re.Match[str]) -> Answer:
    comments = [p for p in request.shelf.by_id("weibo") if p.kind == "comment"]
    return _list(request, "comments", [p for p in comments if "@" not in p.text])


def _list(request: Request, key: str, posts: list[Post]) -> Answer:
    if not request.query.get("access_token"):
        return _error(request, 21301, "auth faild!")
    since, until = request.number("since_id", 0), request.number("max_id", 0)
    count, page = min(request.number("count", 20), 200), request.number("page", 1)
    posts = [p for p in posts if int(p.id) > since and (not until or int(p.id) <= until)]
    shown = request.doubled(posts[(page - 1) * count : page * count])
    items = [_status(p) if key == "statuses" else _comment(request, p) for p in shown]
    return as_json({key: items, "previous_cursor": 0, "next_cursor": 0, "total_number": len(posts)})


def _error(request: Request, code: int, text: str) -> Answer:
    return as_json({"request": request.path, "error_code": code, "error": text}, 403)


def _status(post: Post) -> dict[str, Any]:
    return {
        "created_at": weibo_time(post.at),
        "id": int(post.id),
        "idstr": post.id,
        "mid": post.id,
        "text": post.text,
        "source": _APP,
        "favorited": False,
        "truncated": False,
        "in_reply_to_status_id": "",
        "pic_urls": [{"thumbnail_pic": url} for url in post.images],
        "geo": None,
        "reposts_count": post.shares or 0,
        "comments_count": post.comments or 0,
        "attitudes_count": post.likes or 0,
        "isLongText": False,
        "visible": {"type": 0, "list_id": 0},
        "region_name": f"发布于 {post.region}" if post.region else None,
        "user": _user(post),
        "retweeted_status": None,
    }


def _comment(request: Request, post: Post) -> dict[str, Any]:
    about = request.shelf.get("weibo", post.thread) if post.thread else None
    comment = {
        "created_at": weibo_time(post.at),
        "id": int(post.id),
        "rootid": int(post.parent or post.id),
        "idstr": post.id,
        "mid": post.id,
        "floor_number": 1,
        "text": post.text,
        "source": f"来自{post.region}" if post.region else _APP,
        "like_count": post.likes or 0,
        "user": _user(post),
    }
    if post.thread:
        status = {"id": int(post.thread), "idstr": post.thread, "mid": post.thread}
        comment["status"] = {**status, "text": about.text if about else ""}
    if post.parent and post.parent != post.thread:
        comment["reply_comment"] = {"id": int(post.parent), "text": "", "user": None}
    return comment


def _user(post: Post) -> dict[str, Any]:
    author = post.author
    return {
        "id": int(author.id),
        "idstr": author.id,
        "screen_name": author.name,
        "name": author.name,
        "location": author.region or "",
        "description": "",
        "url": "",
        "profile_image_url": "http://tvax1.sinaimg.cn/a.jpg",
        "gender": "f",
        "followers_count": author.followers or 0,
        "friends_count": 88,
        "statuses_count": 310,
        "created_at": "Sun Aug 28 00:00:00 +0800 2011",
        "verified": author.verified,
        "verified_type": 0 if author.verified else -1,
        "verified_reason": "",
    }


ROUTES: Routes = [
    (r"/2/statuses/mentions\.json", mentions),
    (r"/2/comments/mentions\.json", comment_mentions),
    (r"/2/comments/to_me\.json", comments_to_me),
]
