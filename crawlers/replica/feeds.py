"""A news site: RSS, Atom and JSON Feed with ETag and Last-Modified, and the article pages.

/feed.xml and /feed.json carry the whole text, /brief.xml and /atom.xml only a summary. A feed is a window
on the newest articles, as on real sites.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from crawlers.replica.posts import Post
from crawlers.replica.web import Answer, Request, Routes, not_found

WINDOW = 100


def _next(request: Request, path: str) -> str | None:
    """The address of the next older page, as RFC 5005 links it."""
    page = request.number("page", 1)
    more = len(request.shelf.newest("rss_news")) > page * WINDOW
    return f"{request.base}{path}?page={page + 1}" if more else None


def _articles(request: Request) -> list[Post]:
    page = request.number("page", 1)
    posts = request.shelf.newest("rss_news")
    return request.doubled(posts[(page - 1) * WINDOW : page * WINDOW])


def _link(request: Request, post: Post) -> str:
    return post.url or f"{request.base}/news/{post.id}.html"


def _summary(post: Post) -> str:
    return post.text if len(post.text) <= 60 else post.text[:60] + "…"


def _paragraphs(post: Post) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in post.text.split("\n"))


def _conditional(request: Request, body: bytes, content_type: str, posts: list[Post]) -> Answer:
    etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    newest = max((p.edited_at or p.at for p in posts), default=datetime.fromtimestamp(0, UTC))
    headers = {"ETag": etag, "Last-Modified": format_datetime(newest.astimezone(UTC), usegmt=True)}
    if request.headers.get("if-none-match") == etag:
        return Answer(b"", content_type, 304, headers)
    return Answer(body, content_type, 200, headers)


def rss(request: Request, match: re.Match[str]) -> Answer:
    posts, whole = _articles(request), match.string != "/brief.xml"
    items = "".join(_rss_item(request, post, whole) for post in posts)
    head = f"<title>示例新闻</title><link>{request.base}/</link><language>zh-cn</language><ttl>15</ttl>"
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    older = _next(request, request.path)
    link = (
        f'<atom:link rel="next" href="{escape(older)}" xmlns:atom="http://www.w3.org/2005/Atom"/>' if older else ""
    )
    start = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0" {spaces}><channel>{head}{link}'
    body = f"{start}{items}</channel></rss>".encode()
    return _conditional(request, body, "application/rss+xml; charset=utf-8", posts)


def _rss_item(request: Request, post: Post, whole: bool) -> str:
    content = f"<content:encoded><![CDATA[{_paragraphs(post)}]]></content:encoded>" if whole else ""
    return (
        f"<item><title>{escape(post.title or '')}</title><link>{escape(_link(request, post))}</link>"
        f'<guid isPermaLink="false">{escape(post.id)}</guid><pubDate>{format_datetime(post.at)}</pubDate>'
        f"<dc:creator>{escape(post.author.name)}</dc:creator>"
        + "".join(f"<category>{escape(tag)}</category>" for tag in post.tags)
        + f"<description>{escape(_summary(post))}</description>{content}</item>"
    )


def atom(request: Request, _: re.Match[str]) -> Answer:
    posts = _articles(request)
    entries = "".join(
        f"<entry><id>urn:replica:{escape(post.id)}</id><title>{escape(post.title or '')}</title>"
        f'<link href="{escape(_link(request, post))}"/><published>{post.at.isoformat()}</published>'
        f"<updated>{(post.edited_at or post.at).isoformat()}</updated>"
        f"<author><name>{escape(post.author.name)}</name></author>"
        f'<summary type="text">{escape(_summary(post))}</summary></entry>'
        for post in posts
    )
    older = _next(request, request.path)
    link = f'<link rel="next" href="{escape(older)}"/>' if older else ""
    head = f"<id>{request.base}/atom.xml</id><title>示例新闻</title>{link}"
    body = f'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">{head}{entries}</feed>'
    return _conditional(request, body.encode(), "application/atom+xml; charset=utf-8", posts)


def json_feed(request: Request, _: re.Match[str]) -> Answer:
    posts, older = _articles(request), _next(request, request.path)
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "示例新闻", "language": "zh-cn"}
    items = [_json_item(request, post) for post in posts]
    if older:
        feed["next_url"] = older
    body = json.dumps({**feed, "items": items}, ensure_ascii=False).encode()
    return _conditional(request, body, "application/feed+json; charset=utf-8", posts)


def _json_item(request: Request, post: Post) -> dict[str, object]:
    item: dict[str, object] = {
        "id": post.id,
        "url": _link(request, post),
        "title": post.title,
        "content_text": post.text,
        "date_published": post.at.isoformat(),
        "authors": [{"name": post.author.name}],
        "tags": list(post.tags),
    }
    return {**item, "date_modified": post.edited_at.isoformat()} if post.edited_at else item


def article(request: Request, match: re.Match[str]) -> Answer:
    post = request.shelf.get("rss_news", match.group(1))
    if post is None:
        return not_found()
    facts = {"@context": "https://schema.org", "@type": "NewsArticle", "datePublished": post.at.isoformat()}
    page = (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(post.title or "")}</title>'
        f'<script type="application/ld+json">{json.dumps(facts)}</script></head><body>'
        '<nav><a href="/">首页</a> <a href="/news/">新闻</a> <a href="/about">关于我们</a></nav>'
        f"<main><article><h1>{escape(post.title or '')}</h1>{_paragraphs(post)}</article></main>"
        "<footer>版权所有 未经许可不得转载</footer></body></html>"
    )
    return Answer(page.encode())


ROUTES: Routes = [
    (r"/feed\.xml|/brief\.xml", rss),
    (r"/atom\.xml", atom),
    (r"/feed\.json", json_feed),
    (r"/news/([^/]+)\.html", article),
]
