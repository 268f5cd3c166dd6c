"""Reading RSS, Atom and JSON Feed into one shape: what the feed says of itself, and its entries as plain JSON.

XML goes through feedparser, which also understands broken feeds; JSON Feed (jsonfeed.org, version 1.1) is read
as it is. Each entry then gives its `Facts`, whatever its format.
"""

from __future__ import annotations

import io
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser
import msgspec

from crawlers.connector import Raw
from crawlers.http import Response, shown
from crawlers.markup import text_of
from crawlers.records import Record
from index.errors import Blocked, MapError, Retry

SHORTEST, LONGEST = 300.0, 86_400.0  # seconds: bounds of what a feed's own ttl may ask for
_PLAIN_DEPTH = 8
_REFERENCES = re.compile(rb"(?:&#(?:[xX][0-9a-fA-F]+|[0-9]+);)+")
_UNUSED = (
    "title_detail", "guidislink", "author_detail", "authors", "media_thumbnail", "media_credit", "subtitle",
    "created", "created_parsed", "credit", "rights", "rights_detail", "source", "base", "expired",
    "expired_parsed", "wfw_commentrss", "comments", "publisher", "publisher_detail", "contributors", "license",
    "summary_detail", "thr_total", "content_detail", "where", "language", "id_detail", "media_text", "href",
    "image", "media_keywords",
)  # fmt: skip
_UNUSED_JSON = ("external_url", "banner_image", "language", "summary_html")


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """`about` goes into every raw item. `next` is an older page, `wait` the wish for the next poll in seconds.
    `whole` is False when the document was broken: then the next poll must not be conditional."""

    about: dict[str, Any]
    entries: list[Raw]
    next: str | None
    wait: float | None
    whole: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry says, still in the words of the feed. `key` is the publisher's id for it."""

    key: str
    title: str | None
    text: str | None
    link: str | None
    published: tuple[str, ...]
    updated: tuple[str, ...]
    author: str | None
    comments: int | None
    tags: tuple[str, ...]
    media: tuple[str, ...]


def read_feed(response: Response) -> Feed:
    """Raises Blocked for a web page, Retry for something that is no feed."""
    start = response.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return _json_feed(response)
    if start[:200].lower().startswith((b"<!doctype html", b"<html")):
        raise Blocked(f"{shown(response.url)} answered with a web page instead of a feed.")
    return _xml_feed(response)


def _xml_feed(response: Response) -> Feed:
    headers = {"content-type": response.headers.get("content-type", ""), "content-location": response.url}
    # A stream, not bytes: given bytes, feedparser would also try them as the name of a local file.
    body = _REFERENCES.sub(lambda found: _sound(found[0]), response.body)
    parsed = feedparser.parse(io.BytesIO(body), response_headers=headers)
    if not parsed.get("version") and not parsed.entries:
        raise Retry(f"{shown(response.url)} is no feed: {parsed.get('bozo_exception', 'empty document')}.")
    head = parsed.feed
    links = [link for link in head.get("links", []) if link.get("rel") in ("next", "prev-archive")]
    about = {"format": "xml", "host": _host(response.url), "title": head.get("title")}
    return Feed(
        about=about,
        entries=[_plain(entry) for entry in parsed.entries],
        next=urljoin(response.url, links[0]["href"]) if links and links[0].get("href") else None,
        wait=_ttl(head.get("ttl")),
        whole=not isinstance(parsed.get("bozo_exception"), Exception),
    )


def _sound(references: bytes) -> bytes:
    """Character references as XML has them: an emoji written as its two halves is one, what is no character at all
    is U+FFFD. The reader of feeds would fail at either."""
    numbers = [
        int(each[1:], 16) if each[:1] in b"xX" else int(each) if len(each) < 9 else 0xFFFD
        for each in references.removeprefix(b"&#").removesuffix(b";").split(b";&#")
    ]
    units = b"".join(_utf16(number) for number in numbers)
    return "".join(f"&#{ord(char)};" for char in units.decode("utf-16-le", "replace")).encode()


def _utf16(number: int) -> bytes:
    return chr(number if number <= sys.maxunicode else 0xFFFD).encode("utf-16-le", "surrogatepass")


def _json_feed(response: Response) -> Feed:
    feed = response.json()
    if not isinstance(feed, dict) or "jsonfeed.org" not in str(feed.get("version")):
        raise Retry(f"{shown(response.url)} is JSON but no JSON Feed.")
    items = feed.get("items")
    following = feed.get("next_url")
    return Feed(
        about={"format": "json", "host": _host(response.url), "title": feed.get("title")},
        entries=[item if isinstance(item, dict) else {"not an object": item} for item in items or []],
        next=urljoin(response.url, following) if isinstance(following, str) and following else None,
        wait=None,
        whole=isinstance(items, list),
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or "unknown"


def _ttl(value: Any) -> float | None:
    """The feed's ttl, in minutes, as seconds within bounds."""
    text = str(value or "").strip()
    return min(max(float(text) * 60, SHORTEST), LONGEST) if text.isdigit() and len(text) < 6 else None


def _plain(value: Any, depth: int = 0) -> Any:
    """feedparser's objects as plain JSON; its parsed times (UTC) as ISO text."""
    if isinstance(value, time.struct_time):
        return datetime(*value[:6], tzinfo=UTC).isoformat()
    if isinstance(value, dict) and depth < _PLAIN_DEPTH:
        return {str(key): _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth < _PLAIN_DEPTH:
        return [_plain(inner, depth + 1) for inner in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def facts_of(entry: Record, form: str | None) -> Facts:
    """Raises MapError for an entry without id, link and title, or with a field of the wrong kind."""
    facts = _json_facts(entry) if form == "json" else _xml_facts(entry)
    entry.rest("rss_news", *_UNUSED, *_UNUSED_JSON)
    return facts


def _xml_facts(entry: Record) -> Facts:
    key, link, title = entry.text("id"), entry.text("link"), entry.text("title")
    bodies = [part.text("value") or "" for part in entry.records("content")]
    bodies.append(entry.text("summary") or "")
    links = entry.records("links")
    media = [_picture(each) for each in (*links, *entry.records("media_content"), *entry.records("enclosures"))]
    return Facts(
        key=_first(key, link, title),
        title=text_of(title or "") or None,
        text=max((text_of(body) for body in bodies), key=len) or None,
        link=link,
        published=_texts(entry, "published", "published_parsed"),
        updated=_texts(entry, "updated", "updated_parsed"),
        author=text_of(entry.text("author") or "") or None,
        comments=entry.count("slash_comments"),
        tags=tuple(tag for each in entry.records("tags") if (tag := each.text("term"))),
        media=tuple(dict.fromkeys(url for url in media if url)),
    )


def _json_facts(entry: Record) -> Facts:
    key, link, title = entry.key("id"), entry.text("url"), entry.text("title")
    bodies = [entry.text("content_text"), text_of(entry.text("content_html") or ""), entry.text("summary")]
    authors = [*entry.records("authors"), *([alone] if (alone := entry.record("author")) else [])]
    pictures = [entry.text("image"), *(_picture(each) for each in entry.records("attachments"))]
    return Facts(
        key=_first(key, link, title),
        title=title,
        text=next((body for body in bodies if body), None),
        link=link,
        published=_texts(entry, "date_published"),
        updated=_texts(entry, "date_modified"),
        author=next((name for author in authors if (name := author.text("name"))), None),
        comments=None,
        tags=tuple(entry.texts("tags")),
        media=tuple(dict.fromkeys(url for url in pictures if url)),
    )


def _picture(each: Record) -> str | None:
    """The address of a link, enclosure or attachment when it is a picture."""
    kind = each.text("type") or each.text("mime_type") or each.text("medium") or ""
    address = each.text("href") or each.text("url")
    return address if kind.startswith("image") else None


def _texts(entry: Record, *fields: str) -> tuple[str, ...]:
    return tuple(text for field in fields if (text := entry.text(field)))


def _first(*candidates: str | None) -> str:
    found = next((each for each in candidates if each), None)
    if found is None:
        raise MapError("The entry has no id, no link and no title.")
    return found
