"""When a source is asked, what rests after trouble, and when silence is an alarm."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers import timing
from crawlers.intake import Counts
from crawlers.replica import Author, Fault, Post, Replica
from crawlers.schedule import Progress, run
from index.errors import (
    AuthFailed,
    Blocked,
    InboxError,
    QuotaExhausted,
    Retry,
    SettingsError,
    SourceError,
    Throttled,
)
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.inbox.sqlite import SqliteInbox
from index.settings import Brand, Settings, Source
from index.sources import Sources, Standing, fingerprint, state_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DICE = random.Random(1)


def wait_after(error: SourceError | SettingsError, failures: int = 0) -> float:
    verdict = timing.after_failure(error, failures, NOW, DICE)
    return (verdict.next_poll_at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("error", "kind", "least", "most"),
    [
        (Retry("x"), "retry", 15, 30),
        (Throttled("x", 100), "throttled", 100, 110),
        (Throttled("x", 0), "throttled", 1, 2),
        (QuotaExhausted("x", 7_200), "quota", 7_200, 7_920),
        (Blocked("x"), "blocked", 1_800, 1_980),
        (AuthFailed("x"), "auth", 3_600, 3_600),
        (SourceError("x"), "error", 15, 30),
        (SettingsError("x"), "error", 15, 30),
    ],
)
def test_each_trouble_has_its_pause(error: Any, kind: str, least: float, most: float) -> None:
    assert timing.kind_of(error) == kind
    assert least <= wait_after(error) <= most


@given(st.integers(0, 10_000))
def test_back_off_grows_and_is_bounded(failures: int) -> None:
    pause = timing.back_off(failures, random.Random(failures))
    assert 15 <= pause <= 3_600
    if failures >= 7:
        assert pause >= 1_800


def test_a_platform_may_ask_for_a_longer_rhythm_but_not_a_shorter_one() -> None:
    source = Source(name="a", platform="weibo", every=300)
    pauses = [(timing.after_success(source, wait, NOW, DICE) - NOW).total_seconds() for wait in (None, 60, 3_000)]
    assert 285 <= pauses[0] <= 315
    assert 285 <= pauses[1] <= 315
    assert 2_850 <= pauses[2] <= 3_150


def test_the_longest_overdue_is_first_and_the_disabled_never() -> None:
    sources = [
        Source(name=n, platform="weibo", enabled=n != "off") for n in ("late", "later", "new", "future", "off")
    ]
    pauses = {"late": -10, "later": -99, "future": 10, "off": -50}
    standings = {n: Standing(name=n, next_poll_at=NOW + timedelta(seconds=s)) for n, s in pauses.items()}
    marks = {source.name: "" for source in sources}
    assert [s.name for s in timing.due(sources, standings, marks, NOW)] == ["later", "late", "new"]


@pytest.mark.parametrize(
    ("kind", "due"), [("auth", True), ("blocked", True), ("error", True), ("throttled", False), ("quota", False)]
)
def test_changed_settings_end_a_stop_but_not_the_platforms_own_pause(kind: Any, due: bool) -> None:
    standing = Standing(name="a", error_kind=kind, fingerprint="old", next_poll_at=NOW + timedelta(hours=1))
    assert (timing.due_at(standing, "new", NOW) <= NOW) is due
    assert timing.due_at(standing, "old", NOW) > NOW


def test_a_source_that_was_polled_while_the_clock_was_ahead_does_not_rest_until_then() -> None:
    ahead = NOW + timedelta(days=365)
    standing = Standing(name="a", last_poll_at=ahead, next_poll_at=ahead + timedelta(minutes=5))
    assert timing.due_at(standing, "", NOW) == NOW
    of_another_machine = Standing(name="a", last_poll_at=NOW + timedelta(minutes=4), next_poll_at=ahead)
    assert timing.due_at(of_another_machine, "", NOW) == ahead


def test_a_new_token_changes_the_fingerprint_and_cannot_be_read_from_it() -> None:
    source = Source(name="a", platform="weibo", token_env="T")
    assert fingerprint(source, "one") != fingerprint(source, "two")
    assert "one" not in fingerprint(source, "one")
    assert fingerprint(source) != fingerprint(Source(name="a", platform="weibo", every=9))


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (None, "never"),
        (Standing(name="a"), "never"),
        (Standing(name="a", polls=1, first_at=NOW, last_seen_at=NOW), "ok"),
        (Standing(name="a", polls=1, first_at=NOW - timedelta(days=3)), "silent"),
        (Standing(name="a", polls=1, last_seen_at=NOW - timedelta(days=3)), "silent"),
        (Standing(name="a", polls=1, error_kind="retry", failures=1), "failing"),
        (Standing(name="a", polls=1, error_kind="throttled"), "failing"),
        (Standing(name="a", polls=1, error_kind="blocked"), "blocked"),
        (Standing(name="a", polls=1, error_kind="auth"), "blocked"),
    ],
)
def test_one_word_on_a_source(standing: Standing | None, state: str) -> None:
    assert state_of(Source(name="a", platform="weibo", silent_after=86_400), standing, NOW) == state
    assert state_of(Source(name="a", platform="weibo", enabled=False), standing, NOW) == "disabled"


@pytest.fixture
def sources(tmp_path: Path, records_address: str) -> Iterator[Sources]:
    made = Sources(Settings(home=tmp_path, records=records_address))
    yield made
    made.close()


def test_a_cursor_survives_failures_and_counts_add_up(sources: Sources) -> None:
    sources.save("a", {"since": 5}, 3, NOW, platform="weibo")
    sources.fail("a", "retry", "gone", NOW + timedelta(seconds=30), at=NOW)
    sources.fail("a", "retry", "gone", NOW + timedelta(seconds=60), at=NOW)
    standing = sources.standings()["a"]
    assert sources.cursor("a") == {"since": 5}
    assert (standing.failures, standing.polls, standing.items, standing.last_error) == (2, 3, 3, "gone")
    sources.save("a", {"since": 6}, 0, NOW + timedelta(hours=1))
    standing = sources.standings()["a"]
    assert (standing.failures, standing.error_kind, standing.last_seen_at) == (0, None, NOW)


def test_an_import_counts_as_a_source_without_a_poll(sources: Sources, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, sources=(Source(name="feed", platform="rss_news"),))
    sources.seen("reviews.csv", NOW, 40, platform="tmall")
    listed = sources.health(settings, NOW + timedelta(days=365))
    assert [(h.name, h.state, h.items) for h in listed] == [("feed", "never", 0), ("reviews.csv", "ok", 40)]


class Crawl:
    """A replica with two good sources beside a third one, and what a run of them needs."""

    def __init__(self, home: Path, third: Source) -> None:
        author = Author(id="1", name="ann")
        self.replica = Replica(
            Post(
                platform=p,
                id=str(n),
                author=author,
                text="Hoshino",
                title=f"T{n}",
                at=datetime.now(UTC) - timedelta(hours=n),
            )
            for p in ("hackernews", "rss_news")
            for n in range(1, 4)
        ).start()
        good = [s for s in self.replica.sources(every=0.1) if s.platform in ("hackernews", "rss_news")]
        self.settings = Settings(home=home, brands=(Brand(name="Hoshino"),), sources=(third, *good))
        self.inbox: Inbox = SqliteInbox(home / "inbox.sqlite")
        self.stop = threading.Event()

    def digests(self, ids: Any) -> dict[str, tuple[int, str]]:
        return {}

    def run(self, **more: Any) -> dict[str, Counts]:
        return asyncio.run(run(self.settings, self.inbox, self, self.stop, **more))

    def states(self) -> dict[str, str]:
        kept = Sources(self.settings)
        states = {health.name: health.state for health in kept.health(self.settings)}
        kept.close()
        return states


@pytest.mark.parametrize(
    "third",
    [
        Source(name="third", platform="no_such_platform"),
        Source(name="third", platform="hackernews"),
        Source(name="third", platform="rss_news", options={"url": "http://127.0.0.1:1/feed", "delay": 0}),
        Source(name="third", platform="weibo", token_env="EARSHOT_TEST_NO_TOKEN"),
        Source(name="third", platform="rss_news", options={"url": "http://127.0.0.1:1/feed", "delay": "fast"}),
    ],
    ids=["unknown platform", "missing option", "refused connection", "no token", "wrong delay"],
)
def test_one_failing_source_stops_no_other(tmp_path: Path, third: Source) -> None:
    crawl = Crawl(tmp_path, third)
    seen: list[Progress] = []
    crawl.run(once=True, on_progress=seen.append)
    crawl.replica.stop()
    assert crawl.states() == {"third": "failing", "hackernews": "ok", "news": "ok"}
    assert crawl.inbox.depth() == 6
    assert {p.source for p in seen if p.done} == {"third", "hackernews", "news"}
    assert [bool(p.error) for p in seen if p.done and p.source == "third"] == [True]
    crawl.inbox.close()


def test_a_bug_in_one_connector_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crawlers.platforms.weibo import Weibo

    async def broken(self: Weibo, cursor: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Weibo, "fetch", broken)
    monkeypatch.setenv("EARSHOT_TEST_TOKEN", "t")
    crawl = Crawl(tmp_path, Source(name="third", platform="weibo", token_env="EARSHOT_TEST_TOKEN"))
    crawl.run(once=True)
    crawl.replica.stop()
    assert crawl.states() == {"third": "failing", "hackernews": "ok", "news": "ok"}
    crawl.inbox.close()


def test_it_goes_on_until_it_is_stopped(tmp_path: Path) -> None:
    crawl = Crawl(tmp_path, Source(name="off", platform="weibo", enabled=False))
    author = Author(id="1", name="ann")

    def on_progress(progress: Progress) -> None:
        if progress.counts.queued == 3 and not progress.done and progress.source == "hackernews":
            crawl.replica.add(
                Post(platform="hackernews", id="9", author=author, text="Hoshino!", at=datetime.now(UTC))
            )
        if progress.counts.queued == 1:
            crawl.stop.set()

    watchdog = threading.Timer(30, crawl.stop.set)
    watchdog.start()
    totals = crawl.run(on_progress=on_progress)
    watchdog.cancel()
    crawl.replica.stop()
    assert totals["hackernews"].queued == 4
    assert crawl.states()["off"] == "disabled"
    crawl.inbox.close()


def test_the_cursor_waits_for_the_inbox(tmp_path: Path) -> None:
    """When the inbox cannot take the items, nothing may be skipped later."""
    crawl = Crawl(tmp_path, Source(name="off", platform="weibo", enabled=False))

    class Full(SqliteInbox):
        def put(self, items: Any) -> int:
            raise InboxError("The disk is full.")

    good, crawl.inbox = crawl.inbox, Full(tmp_path / "inbox.sqlite")
    with pytest.raises(InboxError):
        crawl.run(once=True)
    crawl.inbox.close()
    crawl.inbox = good
    crawl.run(once=True)
    crawl.replica.stop()
    assert crawl.inbox.depth() == 6
    crawl.inbox.close()


def test_a_source_that_is_blocked_rests_while_the_others_go_on(tmp_path: Path) -> None:
    crawl = Crawl(tmp_path, Source(name="off", platform="weibo", enabled=False))
    crawl.replica.fault("/feed.xml", Fault.login_page())
    crawl.run(once=True)
    asked = len(crawl.replica.requests)
    crawl.run(once=True)
    crawl.replica.stop()
    assert crawl.states()["news"] == "blocked"
    assert all(path.startswith("/api/") for path in crawl.replica.requests[asked:])
    crawl.inbox.close()


@pytest.fixture
def narrow(tmp_path: Path, redis_url: str) -> Iterator[Crawl]:
    """Two good sources, and an inbox that is full after one page."""
    crawl = Crawl(tmp_path, Source(name="off", platform="weibo", enabled=False))
    crawl.inbox.close()
    inbox = open_inbox(Settings(home=tmp_path, inbox=f"{redis_url}?prefix={uuid4().hex}"))
    inbox._limit = 1  # type: ignore[attr-defined]
    crawl.inbox = inbox
    yield crawl
    crawl.replica.stop()
    inbox.close()


def taken_out(inbox: Inbox) -> list[str]:
    leased = inbox.lease(100, worker="test")
    inbox.ack(leased)
    return [one.item.mention.id for one in leased]


def test_a_full_inbox_holds_the_gatherer_up_until_there_is_room(narrow: Crawl) -> None:
    seen: list[str] = []
    gathering = threading.Thread(target=narrow.run, kwargs={"once": True})
    gathering.start()
    while gathering.is_alive():
        seen += taken_out(narrow.inbox)
        gathering.join(0.05)
    seen += taken_out(narrow.inbox)
    assert len(seen) == len(set(seen)) == 6
    assert narrow.states() == {"off": "disabled", "hackernews": "ok", "news": "ok"}


def test_stopped_before_a_full_inbox_the_gatherer_skips_nothing(narrow: Crawl) -> None:
    def stop_at_the_second_page(progress: Progress) -> None:
        if progress.counts.queued:
            narrow.stop.set()

    narrow.run(on_progress=stop_at_the_second_page)
    first = taken_out(narrow.inbox)
    assert 0 < len(first) < 6
    narrow.stop.clear()
    narrow.inbox._limit = 1_000_000  # type: ignore[attr-defined]
    narrow.run(once=True)
    assert len({*first, *taken_out(narrow.inbox)}) == 6
