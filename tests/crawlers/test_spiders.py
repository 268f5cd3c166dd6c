"""What the spiders read from a page, and how a run of one ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import scrapy
from scrapy.exceptions import CloseSpider
from scrapy.http import HtmlResponse

from crawlers import settings as scrapy_settings
from crawlers.http import Client
from crawlers.platforms import connector_for
from crawlers.replica import Author, Fault, Post, Replica
from crawlers.spiders.base import Job, Outcome
from crawlers.spiders.discourse import _below
from crawlers.spiders.forum import ForumSpider
from crawlers.spiders.run import spider_of
from index.errors import Blocked, Retry, SettingsError, Throttled
from index.settings import Source

PAGES = Path(__file__).parent.parent / "fixtures" / "forum" / "pages"
NOW = datetime(2026, 8, 14, 2, tzinfo=UTC)


def forum(preset: str, board: str, cursor: dict[str, Any] | None = None) -> ForumSpider:
    options = {"boards": [board], "preset": preset}
    job = Job(platform="forum", options=options, cursor=cursor or {}, agent="x", delay=0, now=NOW.isoformat())
    return ForumSpider(job=job, outcome=Outcome())


def page(name: str, url: str) -> HtmlResponse:
    return HtmlResponse(url, body=(PAGES / f"{name}.html").read_bytes(), encoding="utf-8")


BOARDS = {
    "discuz": (
        "https://bbs.example.cn/forum-2-1.html",
        ["thread-5-1-1.html", "thread-31-1-1.html"],
        "forum-2-2.html",
    ),
    "xenforo": ("https://talk.example.com/forums/gear.2/", ["threads/hoshino-grinder.88/"], "forums/gear.2/page-2"),
}


@pytest.mark.parametrize("preset", BOARDS)
def test_a_board_leads_to_its_topics_and_its_next_page(preset: str) -> None:
    url, topics, following = BOARDS[preset]
    spider = forum(preset, url)
    asked = [request.url for request in spider.board(page(f"{preset}_board", url), page=1)]
    root = url[: url.index("/", 8) + 1]
    assert asked == [root + path for path in (*topics, following)]


def test_only_topics_that_moved_are_read_again() -> None:
    url = BOARDS["discuz"][0]
    spider = forum("discuz", url)
    first = list(spider.board(page("discuz_board", url), page=1))
    known = {r.cb_kwargs["number"]: [r.cb_kwargs["mark"], r.url] for r in first if "number" in r.cb_kwargs}
    assert list(known) == ["5", "31"]
    assert list(forum("discuz", url, {"topics": known}).board(page("discuz_board", url), page=1)) == []
    known["31"] = ["another day", "https://bbs.example.cn/thread-31-4-1.html"]
    again = list(forum("discuz", url, {"topics": known}).board(page("discuz_board", url), page=1))
    assert [r.url for r in again] == [
        "https://bbs.example.cn/thread-31-4-1.html",
        "https://bbs.example.cn/forum-2-2.html",
    ]


@pytest.mark.parametrize(
    ("preset", "url", "expected"),
    [
        (
            "discuz",
            "https://bbs.example.cn/thread-31-1-1.html",
            [
                ("7001", "老张", "66", "豆子到了，\n烘得有点深。", "2026-08-13T13:05:09", "星野咖啡的豆子怎么样"),
                ("7002", "阿明", "67", "我觉得刚好", "2026-08-12T00:00:00", None),
            ],
        ),
        (
            "xenforo",
            "https://talk.example.com/threads/hoshino-grinder.88/",
            [
                ("5512", "Kim", "41", "The grinder is loud.", "2026-08-14T01:12:03", "Hoshino grinder"),
                ("5513", "Lee", "Lee", "Not mine.", "2026-08-14T02:12:03", None),
            ],
        ),
    ],
)
def test_a_topic_gives_its_posts(preset: str, url: str, expected: list[tuple[Any, ...]]) -> None:
    spider = forum(preset, url)
    list(spider.topic(page(f"{preset}_topic", url), number="31", mark="m", start=True, title=None))
    source = Source(name="s", platform="forum", options={"boards": [url], "preset": preset})
    map_raw = connector_for("forum")(source, Client(), None).map
    found = [mention for raw in spider.outcome.items for mention in map_raw(raw)]
    assert [
        (
            m.id.rpartition("/")[2],
            m.author.name,
            m.author.id.rpartition("/")[2],
            m.text,
            m.published_at.isoformat()[:19],
            m.title,
        )
        for m in found
        if m.author
    ] == expected


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            b"<html><body>\xe6\x82\xa8\xe9\x9c\x80\xe8\xa6\x81\xe5\x85\x88\xe7\x99\xbb\xe5\xbd\x95</body></html>",
            "blocked",
        ),
        (b"<html><body>nothing here</body></html>", "blocked"),
        (b"<html><body><div id=postlist><div id=post_1>", "retry"),
    ],
    ids=["login", "no posts", "cut"],
)
def test_a_page_without_posts_is_never_an_empty_topic(body: bytes, kind: str) -> None:
    spider = forum("discuz", "https://bbs.example.cn/forum-2-1.html")
    response = HtmlResponse("https://bbs.example.cn/thread-31-1-1.html", body=body, encoding="utf-8")
    with pytest.raises(CloseSpider):
        list(spider.topic(response, number="31", mark="m", start=True, title=None))
    assert spider.outcome.trouble is not None
    assert spider.outcome.trouble.kind == kind
    assert spider.outcome.cursor == {}


def test_links_that_lead_away_are_not_followed() -> None:
    spider = forum("phpbb", "https://bbs.example.cn/viewforum.php?f=1")
    assert spider.ours("https://bbs.example.cn/viewtopic.php?t=1")
    for url in ("https://evil.example/x", "http://127.0.0.1/", "https://bbs.example.cn:9200/", "javascript:1"):
        assert not spider.ours(url)


def test_a_site_is_the_same_however_its_name_is_written() -> None:
    spider = forum("phpbb", "https://BBS.论坛.cn/viewforum.php?f=1")
    (request,) = spider.first()
    assert spider.ours(request.url)
    assert spider.ours("https://bbs.论坛.cn/viewtopic.php?t=1")
    assert not spider.ours("https://xn--fiq228c.cn/")


def test_a_link_that_is_no_address_costs_only_itself() -> None:
    url, topics, following = BOARDS["discuz"]
    body = (PAGES / "discuz_board.html").read_bytes().replace(topics[0].encode(), b"http://[thread-5-1-1.html")
    spider = forum("discuz", url)
    asked = [request.url for request in spider.board(HtmlResponse(url, body=body, encoding="utf-8"), page=1)]
    assert [each.rpartition("/")[2] for each in asked] == [topics[1], following]


def test_a_bug_on_a_page_is_trouble_and_no_page_without_news() -> None:
    def callback(response: HtmlResponse) -> None:
        raise KeyError("t")

    spider = forum("phpbb", "https://bbs.example.cn/viewforum.php?f=1")
    request = scrapy.Request("https://bbs.example.cn/", meta={"callback": callback})
    with pytest.raises(CloseSpider):
        list(spider.arrived(HtmlResponse(request.url, request=request)))
    assert spider.outcome.trouble is not None
    assert "KeyError" in spider.outcome.trouble.message


def test_a_session_in_the_address_does_not_make_a_new_topic() -> None:
    spider = forum("phpbb", "https://bbs.example.cn/viewforum.php?f=1")
    response = HtmlResponse("https://bbs.example.cn/viewforum.php?f=1", body=b"")
    link = "./viewtopic.php?t=7&sid=0123456789abcdef0123456789abcdef"
    assert spider._link(response, link) == "https://bbs.example.cn/viewtopic.php?t=7"


@pytest.mark.parametrize(
    ("before", "ids", "following"),
    [(None, [9, 7], 7), (7, [6, 5], 5), (5, [5], 4), (100, [], 50), (30, [], -20), (None, [], -50)],
)
def test_the_walk_backwards_always_moves(before: int | None, ids: list[int], following: int) -> None:
    assert _below(before, ids) == following


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"boards": []},
        {"boards": ["https://x.cn"], "preset": "smf"},
        {"boards": ["https://x.cn"], "selectors": {"posts": "div"}},
        {"boards": ["https://x.cn"], "selectors": {"post": "div["}},
        {"boards": ["https://x.cn"], "selectors": {"post_number": "("}},
        {"boards": ["https://x.cn"], "selectors": {"post_number": "no group"}},
        {"boards": ["https://x.cn"], "zone": "Mars"},
    ],
)
def test_a_wrong_option_is_named_before_anything_is_asked(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"source 's': option"):
        connector_for("forum")(Source(name="s", platform="forum", options=options), Client(), None)


def test_scrapy_finds_the_spiders_and_its_settings_are_polite() -> None:
    loader = scrapy.spiderloader.SpiderLoader.from_settings(
        scrapy.settings.Settings({"SPIDER_MODULES": scrapy_settings.SPIDER_MODULES})
    )
    assert {"discourse", "forum"} <= set(loader.list())
    assert spider_of("discourse") is loader.load("discourse")
    assert scrapy_settings.ROBOTSTXT_OBEY
    assert scrapy_settings.AUTOTHROTTLE_ENABLED
    assert scrapy_settings.CONCURRENT_REQUESTS_PER_DOMAIN == 1


@pytest.fixture
def replica() -> Iterator[Replica]:
    author = Author(id="7", name="ann")
    made = Replica(
        Post(
            platform=platform, id=str(n), author=author, text=f"post {n}", title="T", thread=str(n - n % 30 or 1),
            at=datetime.now(UTC) - timedelta(minutes=100 - n),
        )
        for platform in ("discourse", "forum")
        for n in range(1, 71)
    ).start()  # fmt: skip
    yield made
    made.stop()


def fetch(replica: Replica, platform: str, cursor: dict[str, Any] | None = None, **options: Any) -> Any:
    source = next(s for s in replica.sources() if s.platform == platform)
    source = Source(name="s", platform=platform, options={**source.options, **options})
    return asyncio.run(connector_for(platform)(source, Client(agent="Earshot/test"), None).fetch(cursor or {}))


def test_the_topics_route_reads_whole_topics_and_then_only_what_moved(replica: Replica) -> None:
    first = fetch(replica, "discourse", route="latest")
    assert {item["post"]["id"] for item in first.items} == set(range(1, 71))
    replica.add(
        Post(
            platform="discourse",
            id="99",
            author=Author(id="7", name="ann"),
            text="new",
            thread="60",
            title="T",
            at=datetime.now(UTC),
        )
    )
    asked = len(replica.requests)
    second = fetch(replica, "discourse", first.cursor, route="latest")
    assert 99 in {item["post"]["id"] for item in second.items}
    assert [path.partition("?")[0] for path in replica.requests[asked:]] == [
        "/robots.txt",
        "/discourse/latest.json",
        "/discourse/t/60.json",
    ]


def test_the_topics_route_reads_no_topic_twice_where_it_was_stopped(replica: Replica) -> None:
    """Else a long history, or a site that allows a few requests at a time, would begin anew for ever."""
    replica.fault("/discourse/t/", Fault.throttled(1), after=4)  # of 5: in whatever order, a topic is whole by then
    first = fetch(replica, "discourse", route="latest")
    read = set(first.cursor["read"])
    assert 0 < len(read) < 3
    asked = len(replica.requests)
    rest = fetch(replica, "discourse", first.cursor, route="latest")
    assert {item["post"]["id"] for item in (*first.items, *rest.items)} == set(range(1, 71))
    again = {path.removesuffix(".json").rpartition("/")[2] for path in replica.requests[asked:]}
    assert not read & again
    asked = len(replica.requests)
    assert fetch(replica, "discourse", rest.cursor, route="latest").items == []
    assert len(replica.requests) == asked + 2  # robots.txt and the list


def test_a_limited_run_of_the_topics_route_goes_on_where_it_ended(replica: Replica) -> None:
    cursor: dict[str, Any] = {}
    items: list[Any] = []
    for more in (True, True, False):
        page = fetch(replica, "discourse", cursor, route="latest", max_pages=1)
        items, cursor = [*items, *page.items], page.cursor
        assert page.more is more
    assert sorted(item["post"]["id"] for item in items) == list(range(1, 71))


def test_a_page_that_robots_close_is_not_read(replica: Replica) -> None:
    with pytest.raises(Blocked, match="robots"):
        fetch(replica, "forum", boards=[f"{replica.url}/board/private/viewforum.php?f=2"])
    assert replica.requests == ["/robots.txt"]


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.failing(503), Retry), (Fault.failing(500), Retry), (Fault.throttled(7), Throttled)]
)
def test_nothing_is_read_while_nobody_knows_what_robots_say(replica: Replica, fault: Fault, error: type) -> None:
    replica.fault("/robots.txt", fault, times=10)
    with pytest.raises(error, match="robots"):
        fetch(replica, "forum")
    assert set(replica.requests) == {"/robots.txt"}


def test_what_was_read_before_the_site_throttles_is_kept(replica: Replica) -> None:
    replica.fault("/discourse/posts.json", Fault.throttled(77), after=2)
    source = next(s for s in replica.sources() if s.platform == "discourse")
    connector = connector_for("discourse")(source, Client(agent="x"), None)

    async def twice() -> Any:
        page = await connector.fetch({})
        with pytest.raises(Throttled) as caught:
            await connector.fetch(page.cursor)
        return page, caught.value.seconds

    got, seconds = asyncio.run(twice())
    assert (len(got.items), got.more, seconds) == (40, True, 77)
    rest = fetch(replica, "discourse", got.cursor)
    assert {item["post"]["id"] for item in (*got.items, *rest.items)} == set(range(1, 71))


def test_a_limited_run_goes_on_where_it_ended(replica: Replica) -> None:
    page = fetch(replica, "discourse", max_pages=2)
    assert (len(page.items), page.more) == (40, True)
    assert len(fetch(replica, "discourse", page.cursor).items) == 30


def test_a_spider_that_dies_is_a_passing_fault(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(Retry, match="ended with code 1"):
        fetch(replica, "discourse")


def test_a_topic_that_moved_is_followed_on_its_site(replica: Replica) -> None:
    replica.fault("/board/viewtopic.php", Fault.moved("/board/viewtopic.php?{query}&moved=1"))
    assert len(fetch(replica, "forum").items) == 70


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest", "//[", "/moved"])
def test_a_topic_that_moved_away_or_in_circles_holds_up_no_others(replica: Replica, to: str) -> None:
    replica.fault("/board/viewtopic.php", Fault.moved(to))
    replica.fault("/moved", Fault.moved("/moved"), times=1_000)
    page = fetch(replica, "forum")
    read = {item["topic"]["number"] for item in page.items}
    assert read < {"1", "30", "60"}  # which one is asked for first, and so has moved, is nobody's promise
    assert len(read) == 2
    assert not page.more


def test_a_topic_whose_last_page_is_gone_is_read_from_its_beginning(replica: Replica) -> None:
    """Moderators delete posts; what is written there afterwards must not be missed."""
    cursor = fetch(replica, "forum").cursor
    for last in (f"{replica.url}/board/viewtopic.php?t=60&start=500", f"{replica.url}/board/gone.php?t=60"):
        cursor["topics"]["60"] = ["another day", last]
        second = fetch(replica, "forum", cursor)
        third = fetch(replica, "forum", second.cursor)
        assert {item["topic"]["number"] for item in third.items} == {"60"}
        assert len(third.items) == 11
