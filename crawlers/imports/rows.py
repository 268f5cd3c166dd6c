"""One row of an export becomes one Mention. Pure: the same cells give the same mention, whenever it is read."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from crawlers.addresses import is_plain
from crawlers.connector import Raw
from crawlers.imports.columns import (
    COUNTERS,
    Header,
    is_null,
    normalise_header,
    own_platform,
    platform_name,
    platform_of_host,
    vocabulary,
)
from crawlers.imports.identity import ANSWERS, OWN_LINKS, canonical, fingerprint, id_in_url
from crawlers.imports.values import Clock, on_day, read_count, read_id, read_time
from index.documents import TIME_UNKNOWN, Author, Engagement, Kind, Mention
from index.errors import MapError
from index.tables import clean
from index.text import normalise

MAX_TEXT = 100_000  # characters; the longest articles have a tenth of it, a broken quote can have megabytes
MAX_LIST = 30
UNCLEAN = ("=", "'", "\ufeff", "\u200b", "")  # what Excel and exporters put in front of a value
LONGEST_NULL = 12
ARTICLES = {"rss_news", "wechat", "toutiao"}
REVIEWS = {
    "amazon", "tmall", "taobao", "jd", "pinduoduo", "shop", "dianping", "meituan", "eleme",
    "appstore", "googleplay", "apps",
}  # fmt: skip
FALLBACK_PLATFORM = "import"
PLATFORM_COLUMN = re.compile("平台|platform|network")
OTHERS = {"其他", "其它", "other", "others"}
COMMENT_TEXTS = ("评论", "評論", "留言", "回复", "回覆", "comment")  # begin the header of a text column of comments


Fields = Callable[[str], Any]  # the cell of a field, None when the row does not fill it


class RowReader:
    """Reads the rows of one file. `platform` set by a person wins over the file; `guess` serves when neither
    the row's platform cell nor its link tells. `brand` is that of every row, as a person said; else a row's brand
    cell is looked up in `brands`. What the text names comes on top (pipelines.match)."""

    def __init__(
        self,
        header: Header,
        *,
        source: str,
        clock: Clock,
        platform: str | None,
        guess: str,
        brands: Mapping[str, str],
        brand: str | None = None,
    ) -> None:
        self._source, self._clock = source, clock
        self._platform, self._guess = platform, guess
        self._brands, self._brand = brands, brand
        self._headers = {column.field: header.cells[column.position] for column in header.columns}
        self._counters = [(c.field, c.unit) for c in header.columns if c.field in COUNTERS]
        self._is_comment = "comment_id" in self._headers or any(
            c.field == "text" and normalise_header(c.header)[0].startswith(COMMENT_TEXTS) for c in header.columns
        )
        self._own_link = any(
            c.field == "url" and normalise_header(c.header)[0] in OWN_LINKS for c in header.columns
        )
        self._names_platforms = any(
            c.field == "platform" and PLATFORM_COLUMN.search(normalise_header(c.header)[0]) for c in header.columns
        )
        self._nulls = vocabulary().nulls

    def __call__(self, raw: Raw) -> Sequence[Mention]:
        """`raw` is the row by header. Raises MapError with a reason a person can act on."""
        return [self._mention(self._filled(raw).get)]

    def _mention(self, get: Fields) -> Mention:
        title, text = self._words(get)
        url = _web_address(get("url"))
        platform = self._platform_of(get, url)
        kind = self._kind(get, platform)
        own = url if kind not in ANSWERS or self._own_link else None
        flags: list[str] = []
        native = self._native_id(get, own, platform, flags)
        counts = self._counts(get, flags)
        author = self._author(get, platform, counts.pop("followers", None))
        published = self._time(get, flags)
        key = native or canonical(own, kind) or fingerprint(platform, author, published, text, flags, url)
        return Mention(
            id=f"{platform}:{key}",
            platform=platform,
            source=self._source,
            text=text,
            title=title,
            published_at=published,
            kind=kind,
            url=url,
            author=author,
            engagement=Engagement(**counts),
            parent_id=_linked(platform, get("parent_id")),
            thread_id=_linked(platform, get("post_id")) if self._is_comment or kind == "comment" else None,
            rating=_rating(get("rating")),
            region=_region(get("region")),
            brands=self._brand_of(get("brand")),
            hashtags=_words_of(get("hashtags")),
            media=_links_of(get("media")),
            vendor_sentiment=_vendor_label(get("vendor_sentiment")),
            flags=tuple(flags),
        )

    def _filled(self, raw: Raw) -> dict[str, Any]:
        """The cells that say something, by field."""
        filled: dict[str, Any] = {}
        for field, header in self._headers.items():
            cell = raw.get(header)
            if type(cell) is str:
                cell = cell.strip()
                if cell[:1] in UNCLEAN:
                    cell = clean(cell)
                if cell and (len(cell) > LONGEST_NULL or cell.lower() not in self._nulls):
                    filled[field] = cell
            elif cell is not None and cell not in ([], {}):
                filled[field] = cell
        return filled

    def _words(self, get: Fields) -> tuple[str | None, str]:
        title, text = _text(get("title")), _text(get("text"))
        if not (title or text):
            raise MapError("The text is empty.")
        if len(text or title or "") > MAX_TEXT:
            raise MapError(f"The text has over {MAX_TEXT:,} characters; probably a quote is not closed.")
        if not text or not title or text.startswith(title):
            return None, text or title or ""
        return title, text

    def _platform_of(self, get: Fields, url: str | None) -> str:
        if self._platform:
            return self._platform
        named = get("platform") or get("kind")
        if isinstance(named, str) and (known := platform_name(named)):
            return known
        host = urlsplit(url).hostname if url else None
        return (host and platform_of_host(host)) or self._unknown(get("platform")) or self._guess

    def _unknown(self, named: Any) -> str | None:
        """A platform nobody here knows keeps its name: one number on two of them is two mentions. What a column
        of sources names may be a medium."""
        told = self._guess == FALLBACK_PLATFORM and isinstance(named, str) and named.lower() not in OTHERS
        return own_platform(named) if told and self._names_platforms else None

    def _brand_of(self, cell: Any) -> tuple[str, ...]:
        """A shop's own reviews name no brand: the file or the person who imports it does."""
        found = self._brand or (self._brands.get(normalise(cell)) if isinstance(cell, str) else None)
        return (found,) if found else ()

    def _native_id(self, get: Fields, url: str | None, platform: str, flags: list[str]) -> str | None:
        cell = next((c for c in map(get, ("comment_id", "id")) if c is not None), None)
        if cell is None and not self._is_comment:
            cell = get("post_id")
        native, sound = read_id(cell) if cell is not None else (None, True)
        if native and sound:
            return native
        from_url = None if self._is_comment else id_in_url(url, platform)
        if native and not from_url:
            flags.append("id_unreliable")
        return from_url

    def _counts(self, get: Fields, flags: list[str]) -> dict[str, int | None]:
        counts: dict[str, int | None] = {}
        for field, unit in self._counters:
            cell = get(field)
            if cell is None:
                continue
            try:
                counts[field], at_least = read_count(cell, unit)
            except ValueError:
                flags.append(f"{field}_unreadable")
                continue
            if at_least:
                flags.append(f"{field}_at_least")
        return counts

    def _author(self, get: Fields, platform: str, followers: int | None) -> Author | None:
        name = _name(get("author_name"))
        native, sound = read_id(get("author_id")) if get("author_id") is not None else (None, True)
        handle = _name(get("author_handle"))
        key = native if native and sound else handle or name
        if not key or "**" in key:  # "小***鹿" is a mask that many people share, not an identity
            return None
        return Author(
            id=f"{platform}:{key}",
            name=name,
            handle=handle,
            url=_web_address(get("author_url")),
            followers=followers,
            verified=_verified(get("verified")),
            region=_region(get("region")),
        )

    def _time(self, get: Fields, flags: list[str]) -> dt.datetime:
        cell = get("published_at")
        if "published_at" not in self._headers:
            flags.append(TIME_UNKNOWN)
            return self._clock.exported_at
        if cell is None:
            raise MapError("The time is empty.")
        clock_time = get("time_of_day")
        try:
            return read_time(cell, self._clock) if clock_time is None else on_day(cell, clock_time, self._clock)
        except (ValueError, OverflowError, OSError) as error:
            raise MapError(f"The time {str(cell)[:40]!r} cannot be read.") from error

    def _kind(self, get: Fields, platform: str) -> Kind:
        reviewed = "rating" in self._headers or platform in REVIEWS
        if self._is_comment:
            return "review" if reviewed else "comment"
        label = get("kind")
        if isinstance(label, str):
            for word, kind in vocabulary().kinds.items():
                if word in label.lower():
                    return kind
        if reviewed:
            return "review"
        return "article" if platform in ARTICLES else "post"


def _text(cell: Any) -> str | None:
    return None if cell is None or isinstance(cell, dict | list) else str(cell)


def _name(cell: Any) -> str | None:
    if cell is None or isinstance(cell, dict | list):
        return None
    text = f"{cell:.0f}" if isinstance(cell, float) and cell.is_integer() else str(cell)
    return " ".join(text.split())[:100].lstrip("@") or None


def _web_address(cell: Any) -> str | None:
    if not isinstance(cell, str):
        return None
    if is_plain(cell):
        return cell if len(cell) <= 2000 else None
    url = "https:" + cell if cell.startswith("//") else cell
    if "://" not in url:
        url = "https://" + url
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    except ValueError:
        return None
    return url if usable and len(url) <= 2000 and not re.search(r"\s", url) else None


def _linked(platform: str, cell: Any) -> str | None:
    if cell is None or cell in (0, "0"):
        return None
    native, sound = read_id(cell)
    return f"{platform}:{native}" if native and sound else None


def _rating(cell: Any) -> float | None:
    found = re.match(r"\d+(\.\d+)?", str(cell)) if cell is not None else None
    return float(found[0]) if found and float(found[0]) <= 100 else None


def _region(cell: Any) -> str | None:
    if not isinstance(cell, str):
        return None
    return re.sub(r"^(发布于|来自|ip属地[:：]?|IP属地[:：]?)\s*", "", cell)[:60] or None


def _verified(cell: Any) -> bool | None:
    if cell is None:
        return None
    if isinstance(cell, bool | int | float):
        return cell > 0
    return str(cell).lower() not in ("否", "未认证", "普通用户", "false", "no", "0", "-1", "0.0")


def _words_of(cell: Any) -> tuple[str, ...]:
    if cell is None:
        return ()
    parts = cell if isinstance(cell, list) else re.split(r"[,，;；、|\s#\[\]\"']+", str(cell))
    words = (part.get("name") if isinstance(part, dict) else part for part in parts)
    return tuple(dict.fromkeys(str(w).strip("#") for w in words if w and not is_null(w)))[:MAX_LIST]


def _links_of(cell: Any) -> tuple[str, ...]:
    if cell is None:
        return ()
    found = re.findall(r"https?://[^\s,;|\"'\]\[]+|file:[^\s,;|\"'\]\[/\\]+", str(cell))
    return tuple(dict.fromkeys(found))[:MAX_LIST]


def _vendor_label(cell: Any) -> str | None:
    if cell is None or isinstance(cell, dict | list):
        return None
    text = f"{cell:g}" if isinstance(cell, float) else str(cell)
    return vocabulary().sentiments.get(text.lower(), text[:40])
