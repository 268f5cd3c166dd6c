"""What every connector and spider promises, one body for all; they are found by scanning.

Pairs of raw item and expected mentions lie in tests/fixtures/PLATFORM; the network parts read the replica site.
To add a platform: its file, some pairs, posts on the replica, and one entry in SITES.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crawlers.connector import Connector
from crawlers.http import Client
from crawlers.intake import Counts
from crawlers.pipelines.clean import clean
from crawlers.platforms import connector_for, platforms
from crawlers.records import unfamiliar
from crawlers.replica import Author, Fault, Post, Replica
from crawlers.schedule import run
from index.documents import Mention, encode
from index.errors import MapError, SettingsError
from index.inbox.sqlite import SqliteInbox
from index.settings import Brand, Settings, Source
from index.sources import SourceHealth, Sources

FIXTURES = Path(__file__).parent.parent / "fixtures"
MANGLED = int(os.environ.get("EARSHOT_MANGLED", "2000"))
NOW = datetime.now(UTC).replace(microsecond=0)
PLATFORMS = sorted(platforms())


@dataclass(frozen=True)
class Site:
    """How a platform is met in the tests: the least options, where its replica is read, how many posts make
    several pages, and what its own errors look like."""

    options: dict[str, Any]
    path: str
    posts: int
    per_thread: int = 1
    own_errors: tuple[tuple[Fault, str], ...] = ()
    broken: str | None = "retry"
    spider: bool = False


def weibo_error(code: int | str, status: int = 403) -> Fault:
    return Fault.error({"request": "/2/x.json", "error_code": code, "error": "see code"}, status)


TOO_FAST = {"errors": ["too many times"], "error_type": "rate_limit", "extras": {"wait_seconds": 23}}
SITES = {
    "weibo": Site(
        {},
        "/2/",
        posts=450,
        own_errors=(
            (weibo_error(10023), "quota"),
            (weibo_error("10024"), "quota"),
            (weibo_error(10022), "throttled"),
            (weibo_error(21327, 400), "auth"),
            (weibo_error("21332", 401), "auth"),
            (weibo_error(10001, 200), "retry"),
            (weibo_error(10014), "auth"),
        ),
    ),
    "hackernews": Site(
        {"queries": ["hoshino"]},
        "/api/v1/",
        posts=230,
        own_errors=((Fault.error({"message": "Unknown parameter", "status": 400}, 400), "error"),),
    ),
    "rss_news": Site({"url": "https://news.example.cn/feed.xml"}, "/feed.xml", posts=230, broken=None),
    "discourse": Site(
        {"base_url": "https://forum.example.com"},
        "/discourse/posts.json",
        posts=50,
        per_thread=7,
        own_errors=((Fault.error(TOO_FAST, 429), "throttled"),),
        spider=True,
    ),
    "forum": Site(
        {"boards": ["https://bbs.example.cn/viewforum.php?f=1"]},
        "/board/viewtopic.php",
        posts=48,  # the next one continues a topic: only then is the topic read again
        per_thread=25,
        spider=True,
    ),
}


def test_every_platform_is_under_this_contract() -> None:
    assert set(PLATFORMS) == set(SITES)
    assert all(pairs(platform) for platform in PLATFORMS)


def pairs(platform: str) -> list[Path]:
    expected = ".expected"
    return [
        path.with_name(path.name.replace(expected, "")) for path in (FIXTURES / platform).glob(f"*{expected}.json")
    ]


ALL_PAIRS = [(platform, path) for platform in PLATFORMS for path in sorted(pairs(platform))]


def connector(platform: str, options: dict[str, Any] | None = None) -> Connector:
    source = Source(name="s", platform=platform, options={**SITES[platform].options, **(options or {})})
    return connector_for(platform)(source, Client(), "token")


@cache
def connector_of(path: Path) -> Connector:
    options = path.with_suffix(".options.json")
    return connector(path.parent.name, json.loads(options.read_text()) if options.exists() else {})


@pytest.mark.parametrize(("platform", "path"), ALL_PAIRS, ids=[f"{p}/{path.stem}" for p, path in ALL_PAIRS])
def test_a_raw_item_becomes_what_is_expected(platform: str, path: Path) -> None:
    raw = json.loads(path.read_text())
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert [json.loads(encode(mention)) for mention in connector_of(path).map(raw)] == expected
    assert not unfamiliar(platform)


@pytest.mark.parametrize(("platform", "path"), ALL_PAIRS, ids=[f"{p}/{path.stem}" for p, path in ALL_PAIRS])
def test_mapping_is_pure(platform: str, path: Path) -> None:
    raw = json.loads(path.read_text())
    before = copy.deepcopy(raw)
    once = connector_of(path).map(raw)
    again = connector(platform, connector_of(path)._source.options).map(raw)
    assert once == again
    assert raw == before
    assert all(m.platform == platform and m.id.startswith(f"{platform}:") for m in once)
    assert all(m.published_at.tzinfo is not None for m in once)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_unknown_option_is_named(platform: str) -> None:
    with pytest.raises(SettingsError, match="speed"):
        connector(platform, {"speed": 9})


ODD: list[Any] = [
    None, "", " ", "x", "0", 0, -1, 1.5, float(2**70), 2**63, -(2**63), True, False, [], {}, [[]], {"a": {}},
    [None], "\x00", "\u202e", "\ud800", "<b", "<p>" * 300, "&#0;&#xfffff;", "9" * 400, "𠮷" * 50,
    "2026-13-45T99:99:99Z", "昨天 99:99", "Fri, 99 Foo 2026", "javascript:alert(1)", "http://[::1", "e" * 10_000,
]  # fmt: skip


def mangle(raw: Any, dice: random.Random) -> Any:
    """The raw item with a few of its values, at any depth, replaced, removed or added."""
    raw = copy.deepcopy(raw)
    for _ in range(dice.randint(1, 4)):
        holder = dice.choice(list(holders(raw)) or [raw])
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        action = dice.random()
        if keys and action < 0.75:
            holder[dice.choice(keys)] = copy.deepcopy(dice.choice(ODD))
        elif keys and action < 0.9:
            del holder[dice.choice(keys)]
        elif isinstance(holder, dict):
            holder[dice.choice(["x", "", "id", "\ud800"])] = copy.deepcopy(dice.choice(ODD))
    return raw


def holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from holders(inner)
    elif isinstance(value, list):
        yield value
        for inner in value:
            yield from holders(inner)


@hypothesis_settings(max_examples=MANGLED, deadline=30_000, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ALL_PAIRS), st.integers(0, 2**32))
def test_a_mangled_item_maps_or_raises_map_error(pair: tuple[str, Path], seed: int) -> None:
    raw = mangle(json.loads(pair[1].read_text()), random.Random(seed))
    with suppress(MapError):
        for mention in connector_of(pair[1]).map(raw):
            assert msgspec.json.decode(encode(clean(mention)), type=Mention).id == mention.id


@dataclass
class World:
    """A replica, a source that reads it, an inbox, and a clock that can be moved."""

    platform: str
    home: Path
    replica: Replica
    elapsed: float = 0.0
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        source = next(s for s in self.replica.sources() if s.platform == self.platform)
        brand = Brand(name="星野咖啡", aliases=("hoshino",))
        self.settings = Settings(home=self.home, brands=(brand,), sources=(source,))
        self.inbox = SqliteInbox(self.home / "inbox.sqlite")

    def digests(self, ids: Any) -> dict[str, tuple[int, str]]:
        """A store that holds nothing yet."""
        return {}

    def crawl(self) -> Counts:
        clock = lambda: datetime.now(UTC) + timedelta(seconds=self.elapsed)  # noqa: E731
        given_counts = asyncio.run(run(self.settings, self.inbox, self, threading.Event(), True, clock=clock))
        return given_counts.get(self.settings.sources[0].name, Counts())

    @property
    def health(self) -> SourceHealth:
        sources = Sources(self.settings)
        try:
            return sources.health(self.settings)[0]
        finally:
            sources.close()

    def waiting(self) -> dict[str, str]:
        """Texts of what is in the inbox, by id; fails when something is there twice."""
        leased = self.inbox.lease(10_000, worker="test")
        self.inbox.put_back(leased)
        texts = {each.item.mention.id: each.item.mention.full_text for each in leased}
        assert len(texts) == len(leased)
        return texts


def post_of(platform: str, number: int) -> Post:
    """Number 0 is the oldest. Text speaks of the brand."""
    site = SITES[platform]
    first = number - number % site.per_thread
    comment = platform == "weibo" and number % 3 == 0
    return Post(
        platform=platform,
        id=str(10_000 + number),
        author=Author(id=str(100 + number % 9), name=f"reader{number % 9}", followers=number),
        text=f"Hoshino 星野咖啡 第{number}杯" + (" @x" if number % 2 else ""),
        at=NOW - timedelta(minutes=1000 - number),
        kind="comment" if comment or (platform == "hackernews" and number % 2) else "post",
        title=f"Topic {first}",
        thread=str(10_000 + first) if platform in ("discourse", "forum") else None,
    )


@pytest.fixture(params=PLATFORMS)
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DEMO_WEIBO_TOKEN", "a-token")
    platform = request.param
    replica = Replica(post_of(platform, number) for number in range(SITES[platform].posts)).start()
    made = World(platform, tmp_path, replica)
    yield made
    made.inbox.close()
    replica.stop()


def test_every_post_arrives_once_and_a_second_poll_brings_only_what_is_new(world: World) -> None:
    site = SITES[world.platform]
    world.replica.fault(site.path, Fault.twice(), after=1)
    first = world.crawl()
    assert world.health.state == "ok", world.health.last_error
    assert (first.read, first.queued) == (site.posts, site.posts)
    assert len(world.waiting()) == site.posts

    assert world.crawl() == Counts()

    edited = post_of(world.platform, site.posts - 1)
    world.replica.add(replace(edited, text="改过了：星野咖啡真好喝", edited_at=datetime.now(UTC)))
    world.replica.add(post_of(world.platform, site.posts))
    second = world.crawl()
    texts = world.waiting()
    assert len(texts) == site.posts + 1
    assert sum("改过了" in text for text in texts.values()) == 1
    assert second.read <= 25  # an overlap at most, never the history again


def test_trouble_is_named_and_nothing_is_lost_or_doubled(world: World) -> None:
    site = SITES[world.platform]
    for fault, times, after, kind in troubles(site):
        world.replica.faults.clear()
        world.replica.fault(site.path, fault, times, after)
        world.crawl()
        assert world.health.error_kind == kind, (fault, world.health)
        world.elapsed += 7_300  # past every rest
    world.replica.faults.clear()
    world.crawl()
    assert world.health.state == "ok", world.health.last_error
    assert len(world.waiting()) == site.posts
    assert world.health.items == site.posts


def troubles(site: Site) -> Iterator[tuple[Fault, int, int, str | None]]:
    """(fault, times, after, the kind it is known by)."""
    yield Fault.throttled(7), 1, 0, "throttled"
    yield from ((fault, 1, 0, kind) for fault, kind in site.own_errors)
    yield Fault.login_page(), 1, 0, "blocked"
    yield Fault.broken(), 1, 0, site.broken
    yield Fault.cut(), 9, 1, "retry"  # after one good page: the cursor stands in the middle
    if not site.spider:
        yield Fault.login_page(403), 1, 0, "blocked"
        yield Fault.failing(500), 9, 0, "retry"


def test_a_pause_that_the_site_asks_for_is_kept(world: World) -> None:
    world.replica.fault(SITES[world.platform].path, Fault.throttled(600))
    world.crawl()
    asked = len(world.replica.requests)
    world.elapsed += 590
    assert world.crawl() == Counts()
    assert len(world.replica.requests) == asked
    world.elapsed += 100
    world.crawl()
    assert len(world.waiting()) == SITES[world.platform].posts  # a spider had read other topics before


def test_a_slow_answer_is_waited_for(world: World) -> None:
    world.replica.fault(SITES[world.platform].path, Fault.slow(0.3))
    assert world.crawl().queued == SITES[world.platform].posts


def test_mangled_items_end_in_quarantine_with_a_reason(tmp_path: Path) -> None:
    from crawlers.intake import Intake

    inbox = SqliteInbox(tmp_path / "inbox.sqlite")
    settings = Settings(home=tmp_path, brands=(Brand(name="星野咖啡", aliases=("hoshino",)),))
    store = World.__new__(World)
    intake, dice, total = Intake(settings, inbox, store), random.Random(7), Counts()
    for _, path in ALL_PAIRS:
        raw = json.loads(path.read_text())
        mangled = ((mangle(raw, dice), f"item {n}") for n in range(8))
        total += intake.take("mangled", mangled, connector_of(path).map)
    assert total.read == len(ALL_PAIRS) * 8 == total.queued + total.duplicate + total.unmatched + total.quarantined
    kept = inbox.quarantined(limit=1000)
    assert kept
    assert all(entry.reason and entry.place and entry.raw for entry in kept)
    assert not any("Unexpected shape" in entry.reason for entry in kept)
    inbox.close()
