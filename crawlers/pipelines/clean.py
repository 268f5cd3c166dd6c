"""Make text from outside presentable without changing what was said: left-over markup, control characters,
white space, limits. An address that is no web address is dropped: it will become a link on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crawlers.addresses import is_plain
from crawlers.markup import text_of
from index.documents import Author, Mention
from index.inbox.protocol import End, Item

MAX_TEXT = 20_000  # characters; the longest Weibo article and forum posts stay whole, a pasted book does not
MAX_LINE = 500  # titles, names, regions
MAX_URL = 2_000
MAX_LIST = 50  # pictures, hashtags

# Control characters, invisible spaces, direction overrides (they make text read differently from what it is)
# and halves of surrogate pairs. The joiner U+200D and variation selectors stay: emoji are made with them.
_NOISE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    r"\ud800-\udfff\ufff9-\ufffb]"
)
LOCAL_PICTURE = re.compile(r"file:(?![.])[\w.\- ]{1,200}")  # a name alone: it leads nowhere else
_UNTIDY = re.compile(r"[\r\t\u2028\u2029\xa0\u3000]|  | \n|\n |\n\n\n|^\s|\s$|" + _NOISE.pattern)
_UNFIT_FOR_URL = re.compile(r"\s|" + _NOISE.pattern)
_BREAKS = re.compile(r"\r\n?|[\u2028\u2029]")
_BLANKS = re.compile(r"[ \t\xa0\u3000]+")
# Exports often carry a site's own markup; a lone "<" or "a < b" is text.
_MARKUP = re.compile(r"<br\s*/?>|</(?:p|div|span|a|em|b|strong|font)>", re.IGNORECASE)


class Clean:
    """The step over whole items; leaves nothing out."""

    drops: End | None = None

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return [_cleaned(item) for item in items]


def _cleaned(item: Item) -> Item:
    mention = clean(item.mention)
    return item if mention is item.mention else Item(mention=mention, raw=item.raw, batch=item.batch)


def clean(mention: Mention) -> Mention:
    """The same mention, presentable. Idempotent. Text over MAX_TEXT is cut and flagged "cut"."""
    changes: dict[str, Any] = {}
    text = clean_text(mention.text)
    if len(text) > MAX_TEXT:
        text, changes["flags"] = text[:MAX_TEXT].rstrip(), (*mention.flags, "cut")
    found = {
        "text": text,
        "title": clean_line(mention.title),
        "url": web_address(mention.url),
        "region": clean_line(mention.region),
        "author": _author(mention.author),
        "vendor_sentiment": clean_line(mention.vendor_sentiment),
        "hashtags": _list(clean_line(tag) for tag in mention.hashtags) if mention.hashtags else (),
        "media": _list(picture_address(url) for url in mention.media) if mention.media else (),
    }
    changes |= {name: value for name, value in found.items() if value != getattr(mention, name)}
    return msgspec.structs.replace(mention, **changes) if changes else mention


def clean_text(text: str) -> str:
    """Text of several lines without noise; line breaks stay, at most one empty line in a row."""
    if _MARKUP.search(text):
        text = text_of(text)
    if not _UNTIDY.search(text):
        return text
    text = _NOISE.sub("", _BREAKS.sub("\n", text))
    lines = [_BLANKS.sub(" ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def clean_line(text: str | None) -> str | None:
    """One line of at most MAX_LINE characters; None when nothing is left."""
    if not text:
        return None
    if len(text) <= MAX_LINE and text.isprintable() and "  " not in text and text == text.strip():
        return text  # nearly all: no white space but single spaces is printable
    return " ".join(_NOISE.sub("", text).split())[:MAX_LINE].rstrip() or None


def web_address(url: str | None) -> str | None:
    """The address when it is http(s) with a host and of sane length, else None."""
    if url is None or len(url) > MAX_URL:
        return None
    if is_plain(url):
        return url
    if _UNFIT_FOR_URL.search(url):
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if good else None


def picture_address(url: str | None) -> str | None:
    """A web address, or "file:NAME" for a picture laid into the folder `pictures` of the home."""
    if url and LOCAL_PICTURE.fullmatch(url):
        return url
    return web_address(url)


def _author(author: Author | None) -> Author | None:
    if author is None:
        return None
    found = {
        "name": clean_line(author.name),
        "handle": clean_line(author.handle),
        "url": web_address(author.url),
        "region": clean_line(author.region),
    }
    changes = {name: value for name, value in found.items() if value != getattr(author, name)}
    return msgspec.structs.replace(author, **changes) if changes else author


def _list(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))[:MAX_LIST]
