"""What single platforms need beyond the common contract: feeds, articles, budgets, times and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers import times
from crawlers.connector import FetchPage
from crawlers.feeds import read_feed
from crawlers.http import Client, Limits, Response
from crawlers.platforms import connector_for, platforms
from crawlers.platforms.weibo import Weibo, bid
from crawlers.records import Record, read_count
from crawlers.replica import Author, Fault, Post, Replica
from index.errors import Blocked, MapError, QuotaExhausted, Retry, SettingsError
from index.settings import Source

LONG = "星野咖啡今日宣布，将在全国新增一百家门店。负责人说，原料成本虽然上升，价格不会调整。" * 3
NOW = datetime.now(UTC)


def article(number: int, **more: Any) -> Post:
    facts = {
        "text": f"{LONG}\n第{number}条。",
        "title": f"新闻{number}",
        "at": NOW - timedelta(hours=number),
        **more,
    }
    return Post(platform="rss_news", id=f"n{number}", author=Author(id="1", name="王编辑"), **facts)


@pytest.fixture
def replica() -> Iterator[Replica]:
    made = Replica(article(number) for number in range(1, 6)).start()
    yield made
    made.stop()


class Reader:
    """A news source, its cursor, and an event loop that lasts over several polls."""

    def __init__(self, replica: Replica, path: str, **options: Any) -> None:
        self.client = Client(limits=Limits(delay=0, backoff=0))
        source = Source(name="s", platform="rss_news", options={"url": replica.url + path, **options})
        self.connector = connector_for("rss_news")(source, self.client, None)
        self.loop = asyncio.Runner()
        self.cursor: dict[str, Any] = {}
        self.pages: list[FetchPage] = []

    def poll(self) -> list[Any]:
        self.pages = [self.loop.run(self.connector.fetch(self.cursor))]
        while self.pages[-1].more:
            self.pages.append(self.loop.run(self.connector.fetch(self.pages[-1].cursor)))
        self.cursor = self.pages[-1].cursor
        return [mention for page in self.pages for raw in page.items for mention in self.connector.map(raw)]

    def close(self) -> None:
        self.loop.run(self.client.close())
        self.loop.close()


Make = Callable[..., Reader]


@pytest.fixture
def reading(replica: Replica) -> Iterator[Make]:
    made: list[Reader] = []

    def make(path: str, **options: Any) -> Reader:
        made.append(Reader(replica, path, **options))
        return made[-1]

    yield make
    for reader in made:
        reader.close()


@pytest.mark.parametrize("path", ["/feed.xml", "/brief.xml", "/atom.xml", "/feed.json"])
def test_every_format_is_read_once_and_then_not_sent_again(replica: Replica, reading: Make, path: str) -> None:
    reader = reading(path)
    found = reader.poll()
    assert sorted(m.title or "" for m in found) == [f"新闻{n}" for n in range(1, 6)]
    assert all(m.author and m.author.name == "王编辑" and m.url and m.kind == "article" for m in found)
    assert reader.poll() == []
    assert reader.pages[0].cursor == reader.cursor  # 304: nothing was sent, nothing changed


@pytest.mark.parametrize("path", ["/feed.xml", "/atom.xml", "/feed.json"])
def test_an_edited_article_is_a_higher_version_of_the_same_mention(
    replica: Replica, reading: Make, path: str
) -> None:
    reader = reading(path)
    before = {m.id: m for m in reader.poll()}
    replica.add(article(3, title="新闻3（更正）", edited_at=NOW))
    (after,) = reader.poll()
    assert after.id in before
    assert after.title == "新闻3（更正）"
    assert after.version >= before[after.id].version


def test_full_text_comes_from_the_article_page_without_its_frame(replica: Replica, reading: Make) -> None:
    found = reading("/brief.xml", full_text=True).poll()
    assert all("价格不会调整" in m.text and "版权所有" not in m.text and "首页" not in m.text for m in found)
    assert replica.requests.count("/robots.txt") == 1


def test_an_article_that_robots_close_keeps_its_summary(replica: Replica, reading: Make) -> None:
    replica.add(article(9, url=f"{replica.url}/news/closed.html"))
    found = {m.title: m for m in reading("/brief.xml", full_text=True).poll()}
    assert found["新闻9"].text.endswith("…")
    assert "/news/closed.html" not in replica.requests


def test_an_article_that_failed_in_passing_is_read_next_time(replica: Replica, reading: Make) -> None:
    replica.fault("/news/n2.html", Fault.failing(500), times=3)
    reader = reading("/brief.xml", full_text=True)
    first = {m.title: m for m in reader.poll()}
    assert first["新闻2"].text.endswith("…")
    (again,) = reader.poll()  # though the feed itself has not changed
    assert (again.id, "价格不会调整" in again.text) == (first["新闻2"].id, True)
    reader.poll()
    assert reader.pages[0].cursor == reader.cursor  # 304 from now on


def test_articles_that_fail_are_asked_for_once_a_poll_and_hold_up_no_others(
    replica: Replica, reading: Make
) -> None:
    for number in range(6, 46):
        replica.add(article(number))
    for number in range(1, 26):  # more than are fetched in one go
        replica.fault(f"/news/n{number}.html", Fault.throttled(60), times=1_000)
    reader = reading("/brief.xml", full_text=True)
    found = {m.title: m for m in reader.poll()}
    assert len(found) == 45
    assert all("价格不会调整" in found[f"新闻{number}"].text for number in range(26, 46))
    assert len([path for path in replica.requests if path.startswith("/news/")]) <= 45 + 20


def test_an_edit_that_a_cache_shows_late_is_a_higher_version(replica: Replica, reading: Make) -> None:
    """It was made before the last poll, which still got the old text."""
    reader = reading("/atom.xml")
    before = {m.id: m.version for m in reader.poll()}
    replica.add(article(3, title="新闻3（更正）", edited_at=NOW - timedelta(minutes=5)))
    (after,) = reader.poll()
    assert after.version > before[after.id] > 0


def test_a_link_into_the_own_network_is_not_fetched(replica: Replica, reading: Make) -> None:
    replica.add(article(8, url="http://169.254.169.254/latest/meta-data"))
    found = {m.title: m for m in reading("/brief.xml", full_text=True).poll()}
    assert found["新闻8"].text.endswith("…")


def test_the_feeds_own_rhythm_is_its_wish(replica: Replica, reading: Make) -> None:
    reader = reading("/feed.xml")
    reader.poll()
    assert reader.pages[-1].wait == 900  # <ttl>15</ttl>, in minutes


def feed(body: bytes, content_type: str = "application/xml") -> Any:
    return read_feed(
        Response(url="https://x.cn/feed", status=200, headers={"content-type": content_type}, body=body)
    )


def test_a_chinese_encoding_is_understood() -> None:
    head = '<?xml version="1.0" encoding="GBK"?>'
    text = f'{head}<rss version="2.0"><channel><item><title>星野咖啡</title></item></channel></rss>'
    assert feed(text.encode("gbk")).entries[0]["title"] == "星野咖啡"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&#xD83D;&#xDE00;", "😀"),
        ("&#55357;&#56832;", "😀"),
        ("&#xD83D;", "\ufffd"),
        ("&#99999999999;", "\ufffd"),
        ("&#x26;amp;", "&amp;"),
    ],
)
def test_a_character_that_does_not_exist_costs_no_feed(written: str, read: str) -> None:
    item = f"<item><title>a{written}</title><description>b{written.replace('&', '&amp;')}</description></item>"
    (entry,) = feed(f"<rss version='2.0'><channel>{item}</channel></rss>".encode()).entries
    assert entry["title"] == f"a{read}"
    msgspec.json.encode(entry)


def test_a_broken_feed_gives_what_is_whole_and_is_not_taken_for_whole() -> None:
    found = feed(b"<rss version='2.0'><channel><item><title>a</title></item><item><title>b</ti")
    assert found.entries[0]["title"] == "a"
    assert not found.whole


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<!DOCTYPE html><html>", Blocked),
        (b"", Retry),
        (b"plain words", Retry),
        (b'{"items": []}', Retry),
        (b'{"version": "https://jsonfeed.org/version/1.1"', Retry),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, error: type) -> None:
    with pytest.raises(error):
        feed(body)


def test_no_entity_of_a_feed_opens_a_local_file() -> None:
    body = b"""<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><rss version="2.0"><channel>
    <item><title>a&f;</title><link>x</link></item></channel></rss>"""
    titles: list[str] = []
    with suppress(Retry):
        titles = [entry.get("title") or "" for entry in feed(body).entries]
    assert all(Path("/etc/hostname").read_text().strip() not in title for title in titles)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_feed_or_a_source_error(body: bytes) -> None:
    with suppress(Retry, Blocked):
        feed(b"<rss><channel><item>" + body)


def weibo(clock: Any, **options: Any) -> Weibo:
    source = Source(name="w", platform="weibo", options={"base_url": "http://127.0.0.1:1", **options})
    return Weibo(source, Client(limits=Limits(delay=0, retries=0)), "token", clock=clock)


def test_the_days_budget_is_kept_until_midnight_in_china() -> None:
    moment = datetime(2026, 8, 14, 15, 0, tzinfo=UTC)  # 23:00 in China
    connector = weibo(moment.timestamp, calls_per_day=2)
    for _ in range(2):
        with pytest.raises(Retry):
            asyncio.run(connector.fetch({}))
    with pytest.raises(QuotaExhausted) as caught:
        asyncio.run(connector.fetch({}))
    assert caught.value.seconds == 3_600
    with pytest.raises(QuotaExhausted):  # the count survives a restart
        asyncio.run(weibo(moment.timestamp, calls_per_day=2).fetch({"calls": {"day": "2026-08-14", "n": 2}}))
    with pytest.raises(Retry):  # a new day
        asyncio.run(
            weibo((moment + timedelta(hours=2)).timestamp, calls_per_day=2).fetch(
                {"calls": {"day": "2026-08-14", "n": 2}}
            )
        )


def test_polls_are_spread_so_that_the_budget_lasts() -> None:
    replica = Replica([]).start()
    source = Source(name="w", platform="weibo", options={"base_url": replica.url})
    client = Client(limits=Limits(delay=0))
    connector = Weibo(source, client, "token")

    async def round_of_calls() -> FetchPage:
        page = await connector.fetch({})
        while page.more:
            page = await connector.fetch(page.cursor)
        await client.close()
        return page

    page = asyncio.run(round_of_calls())
    replica.stop()
    assert len(replica.requests) == 3
    assert page.wait == 86_400 * 3 / 100


def test_the_short_id_of_a_post() -> None:
    assert bid("3501756485200075") == "z0JH2lOMb"


def test_a_source_without_a_token_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="token_env"):
        Weibo(Source(name="w", platform="weibo"), Client(), None)


def test_an_unknown_platform_is_answered_with_the_known_ones() -> None:
    assert {"weibo", "hackernews", "rss_news", "discourse", "forum"} <= set(platforms())
    with pytest.raises(SettingsError, match="hackernews"):
        connector_for("myspace")


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0), (17, 17), ("1204", 1204), ("1.2万", 12_000), ("100万+", 1_000_000), ("3k", 3_000), ("1,204", 1204),
        (5.0, 5), (1.5, None), (-1, None), (True, None), ("many", None), ("", None), ("9" * 30, None), (None, None),
    ],
)  # fmt: skip
def test_counters_as_platforms_write_them(value: Any, count: int | None) -> None:
    assert read_count(value) == count


def test_a_record_tells_missing_from_wrong() -> None:
    record = Record({"a": "", "b": None, "c": [], "n": "x"})
    assert (record.text("a"), record.text("b"), record.text("zz"), record.count("b")) == (None, None, None, None)
    for ask in (
        lambda: record.text("c"),
        lambda: record.count("n"),
        lambda: record.need("a"),
        lambda: record.flag("n"),
    ):
        with pytest.raises(MapError):
            ask()


READ = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)  # 10:00 in China


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-8-14 09:12", "2026-08-14T01:12"),
        ("2026年8月14日 09:12", "2026-08-14T01:12"),
        ("2026/08/14", "2026-08-13T16:00"),
        ("12-31 09:12", "2025-12-31T01:12"),
        ("1-2 09:12", "2026-01-02T01:12"),
        ("昨天 21:05", "2026-01-01T13:05"),
        ("前天 01:00", "2025-12-30T17:00"),
        ("今天 09:00", "2026-01-02T01:00"),
        ("Yesterday at 21:05", "2026-01-01T13:05"),
        ("3 小时前", "2026-01-01T23:00"),
        ("半小时前", "2026-01-02T01:30"),
        ("5分钟前", "2026-01-02T01:55"),
        ("2 days ago", "2025-12-31T02:00"),
        ("刚刚", "2026-01-02T02:00"),
        ("2026-01-01T09:12:03-05:00", "2026-01-01T14:12"),
        ("Thu, 01 Jan 2026 09:12:03 GMT", "2026-01-01T09:12"),
        ("Thu, 01 Jan 2026 09:12:03 -0000", "2026-01-01T09:12"),
        ("Thu, 01 Jan 2026 09:12:03 CST", "2026-01-01T01:12"),
        ("Thu Jan 01 09:12:03 CST 2026", "2026-01-01T01:12"),
        ("Thu, 01 Jan 2026 09:12:03 EST", "2026-01-01T14:12"),
        ("Yesterday, 09:05 PM", "2026-01-01T13:05"),
        ("Today, 12:30 am", "2026-01-01T16:30"),
        ("昨天 下午 9:05", "2026-01-01T13:05"),
        ("Thu Jan 01, 2026 9:12 pm", "2026-01-01T13:12"),
    ],
)
def test_times_as_forums_print_them(text: str, utc: str) -> None:
    assert times.from_board(text, READ, ZoneInfo("Asia/Shanghai")).isoformat()[:16] == utc


@given(st.text(st.sampled_from("0123456789-:/ 年月日昨天前小时分钟TZ+.,GMTJan"), max_size=30))
def test_any_text_is_a_time_or_a_map_error(text: str) -> None:
    with suppress(MapError):
        assert times.from_board(text, READ).tzinfo is UTC
