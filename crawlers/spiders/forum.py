"""Forums of plain HTML (phpBB, Discuz!, XenForo and what is marked up alike), read as a visitor reads them.

Options: `boards` (required: addresses of the boards to watch), `preset` ("phpbb" by default, "discuz" or
"xenforo"), `selectors` (replaces single entries of the preset, see crawlers/spiders/presets.py), `zone` (of the
times on the pages, default Asia/Shanghai), `max_pages` (pages read before the cursor is saved, default 60),
`board_pages` (of each board per poll, default 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import scrapy
from cssselect import SelectorError
from parsel import Selector
from scrapy.http import Response, TextResponse

from crawlers.connector import Raw
from crawlers.http import Client
from crawlers.markup import text_of
from crawlers.options import Options, brand_of
from crawlers.pipelines.clean import clean_line
from crawlers.records import Record
from crawlers.spiders.base import SiteSpider, site_of
from crawlers.spiders.presets import ALTERNATIVE, ENTRIES, EXPRESSIONS, PRESETS
from crawlers.spiders.process import SpiderConnector
from crawlers.times import from_board, from_iso
from index.documents import Author, Mention
from index.errors import MapError
from index.settings import Source

REMEMBERED = 3_000  # topics; older ones are read again from their first page should they move
_SESSION = re.compile(r"(?<=[?&])(?:sid|PHPSESSID|s)=[0-9a-f]{16,}&?")  # differs at each visit
_LOGIN = ("您需要先登录", "您需要登录", "请先登录", "You must be logged in", "You need to login")
_POSTED = re.compile(r"^(?:发表于|發表於|Posted:?|»)\s*")


class ForumSpider(SiteSpider):
    """Board pages first; then each topic whose last post has changed, from the page where it was left.

    Cursor: {"topics": {number: [mark of the last post, page to go on from]}}; a topic is noted when it has been
    read to its end, so that a run may stop anywhere.
    """

    name = "forum"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        options = self.job.options
        self.boards = [str(url) for url in options["boards"]]
        self.hosts = tuple({site_of(url) for url in self.boards})
        self.allowed_domains = [urlsplit(url).hostname for url in self.boards]
        self.find = selectors_of(options)
        self.board_pages = int(options.get("board_pages", 3))
        self.max_pages = int(options.get("max_pages", 60))
        self.topics: dict[str, list[str]] = dict(self.job.cursor.get("topics", {}))

    def first(self) -> Iterator[scrapy.Request]:
        for url in self.boards:
            yield self.ask(url, self.board, page=1)

    def board(self, response: Response, page: int) -> Iterator[scrapy.Request]:
        """A board's list of topics."""
        rows = self._rows(response)
        moved = 0
        for row in rows:
            link, mark = self._get(row, "topic_link"), " ".join(self._all(row, "topic_mark"))[:100]
            number = _number(self.find["topic_number"], link)
            if not link or not number or self.topics.get(number, [""])[0] == mark:
                continue
            moved += 1
            known = self.topics.get(number)
            url = known[1] if known else self._link(response, link)
            facts = {"number": number, "mark": mark, "start": known is None, "title": None}
            if self.ours(url):
                yield self.ask(url, self.topic, priority=10, **facts)
        following = self._get(response, "board_next")
        link = self._link(response, following) if following else ""
        if moved and page < self.board_pages and self.ours(link):
            yield self.ask(link, self.board, page=page + 1)

    def _rows(self, response: Response) -> list[Any]:
        if not self.good(response):
            self.stop("error", f"{response.url} does not exist. Check the option `boards`.")
        self._whole(response)
        rows = response.css(self.find["topic"])
        if not rows:
            self._unreadable(response, "topics")
        return list(rows)

    def _unreadable(self, response: Response, what: str) -> None:
        """Nothing found is not "nothing there": end the run."""
        wants_login = any(phrase in response.text for phrase in _LOGIN)
        reason = "asks for a login" if wants_login else f"shows no {what}; see the options `preset` and `selectors`"
        self.stop("blocked", f"{response.url} {reason}.")

    def _whole(self, response: Response) -> None:
        """End the run at something that is no page, or only the beginning of one: a topic read from half a
        page would count as read to its end."""
        if not isinstance(response, TextResponse):
            self.stop("blocked", f"{response.url} is not a page.")
        if b"</html" not in response.body[-2000:].lower():
            self.stop("retry", f"{response.url} ends in the middle.")

    def topic(
        self, response: Response, number: str, mark: str, start: bool, title: str | None
    ) -> Iterator[scrapy.Request]:
        """A page of a topic; the following pages until its end."""
        resumed = not start and number in self.topics
        if not self.good(response):
            self._gone(number, mark, response.url, resumed)
            return
        self._whole(response)
        title = title or self._get(response, "title")
        about = {"number": number, "title": title, "url": _SESSION.sub("", response.url)}
        posts = response.css(self.find["post"])
        if not posts and resumed:
            self._gone(number, mark, response.url, resumed)
            return
        if not posts:
            self._unreadable(response, "posts")
        opening = _anchor(posts[0]) if start else None
        for post in posts:
            first = opening is not None and _anchor(post) == opening
            self.outcome.items.append(self._post(response, post, about, first=first))
        following = self._get(response, "topic_next")
        if not following or not self.ours(self._link(response, following)):
            self._read_to_end(number, mark, response.url)
        elif self.pages < self.max_pages:
            facts = {"number": number, "mark": mark, "start": False, "title": title}
            yield self.ask(self._link(response, following), self.topic, priority=20, **facts)
        else:
            # Noted as not read to its end: an empty mark differs from any.
            self._read_to_end(number, "", self._link(response, following))
            self.outcome.more = True

    def _post(self, response: Response, post: Any, about: dict[str, Any], *, first: bool) -> Raw:
        link = self._get(post, "post_author_link")
        return {
            "site": urlsplit(response.url).hostname,
            "topic": about,
            "post": {
                "anchor": _anchor(post),
                "author": self._get(post, "post_author"),
                "author_link": self._link(response, link) or None if link else None,
                "time": self._get(post, "post_time"),
                "html": post.css(self.find["post_body"]).get(),
                "first": first,
            },
            "_read_at": self.job.now,
        }

    def _gone(self, number: str, mark: str, url: str, resumed: bool) -> None:
        """A topic that is gone is done with. Where only the page is gone on which it was left, posts were deleted:
        it is forgotten, and so read from its beginning."""
        if resumed:
            del self.topics[number]
            self._note()
        else:
            self._read_to_end(number, mark, url)

    def _read_to_end(self, number: str, mark: str, url: str) -> None:
        self.topics.pop(number, None)
        self.topics[number] = [mark, _SESSION.sub("", url)]
        self._note()

    def _note(self) -> None:
        self.outcome.cursor = {"topics": dict(list(self.topics.items())[-REMEMBERED:])}

    def _link(self, response: Response, link: str) -> str:
        """The whole address; "" for what is none."""
        try:
            return _SESSION.sub("", str(response.urljoin(link))).rstrip("?&")
        except ValueError:
            return ""

    def _get(self, node: Any, name: str) -> str | None:
        found = self._all(node, name)
        return found[0] if found else None

    def _all(self, node: Any, name: str) -> list[str]:
        """What the first of the alternatives finds that finds anything."""
        for selector in self.find[name].split(ALTERNATIVE):
            if found := [text for value in node.css(selector).getall() if (text := value.strip())]:
                return found
        return []


def _anchor(post: Any) -> str | None:
    anchor: str | None = post.attrib.get("data-content") or post.attrib.get("id")
    return anchor


def selectors_of(options: dict[str, Any]) -> dict[str, str]:
    """The preset with the source's own selectors over it."""
    return {**PRESETS[options.get("preset", "phpbb")], **options.get("selectors", {})}


def _number(expression: str, text: str | None) -> str | None:
    match = re.search(expression, text) if text else None
    return match.group(1) if match else None


class Forum(SpiderConnector):
    """The connector; its network part is ForumSpider."""

    platform: ClassVar[str] = "forum"

    def __init__(self, source: Source, http: Client, secret: str | None, **arguments: Any) -> None:
        super().__init__(source, http, secret, **arguments)
        options = Options(source, {"boards", "preset", "selectors", "zone", "max_pages", "board_pages"})
        if not options.texts("boards"):
            raise options.wrong("boards", "is missing: name the addresses of the boards to watch")
        if options.get("preset", str, "phpbb") not in PRESETS:
            raise options.wrong("preset", f"must be one of {', '.join(PRESETS)}")
        options.get("max_pages", int, 60)
        options.get("board_pages", int, 3)
        self._zone = options.zone("zone")
        self._find = _selectors(options, source)

    def map(self, raw: Raw) -> Sequence[Mention]:
        """A post; one without words says nothing."""
        outer = Record(raw, "raw")
        topic, post = outer.record("topic"), outer.record("post")
        site, read_at = outer.need_key("site"), from_iso(outer.need("_read_at"))
        if topic is None or post is None:
            raise MapError("raw has no topic or no post.")
        anchor = post.need_key("anchor")
        number = _number(self._find["post_number"], anchor) or anchor
        first = post.flag("first") is True
        text, written = text_of(post.text("html") or ""), post.need("time")
        url = topic.text("url")
        mention = Mention(
            id=f"forum:{site}/{number}",
            platform=self.platform,
            source=self._source.name,
            kind="post" if first else "comment",
            title=topic.text("title") if first else None,
            text=text,
            published_at=_moment(written, read_at, self._zone),
            url=f"{url}#{anchor}" if url else None,
            author=self._author(post, site),
            thread_id=f"forum:{site}/t{topic.need_key('number')}",
            brands=brand_of(self._source),
        )
        return [mention] if text or mention.title else []

    def _author(self, post: Record, site: str) -> Author | None:
        """Known by the number in the profile's address, else by name; a guest without either is nobody."""
        name, link = post.text("author"), post.text("author_link")
        key = _number(self._find["post_author_number"], link) or clean_line(name)
        return Author(id=f"forum:{site}/{key}", name=name, url=link) if key else None


def _moment(written: str, read_at: datetime, zone: Any) -> datetime:
    return from_board(_POSTED.sub("", written.strip()), read_at, zone)


def _readable(value: str, expression: bool) -> None:
    """Raises what the reader of expressions or selectors raises."""
    if expression:
        if not re.compile(value).groups:
            raise ValueError("an expression needs a group, in brackets: what it finds there counts")
        return
    for selector in value.split(ALTERNATIVE):
        Selector("<p></p>").css(selector)


def _selectors(options: Options, source: Source) -> dict[str, str]:
    """All selectors of a source. Raises SettingsError for an unknown, missing or unreadable one."""
    own: dict[str, Any] = options.get("selectors", dict, {})
    if unknown := sorted(set(own) - ENTRIES):
        raise options.wrong("selectors", f"knows {', '.join(sorted(ENTRIES))}, not {unknown[0]!r}")
    for name, value in own.items():
        try:
            _readable(value, name in EXPRESSIONS)
        except (re.error, SelectorError, TypeError, ValueError, AttributeError) as error:
            raise options.wrong("selectors", f"has an unreadable {name!r}: {error}") from error
    return selectors_of(source.options)
