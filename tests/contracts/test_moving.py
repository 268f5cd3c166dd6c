"""Moving from any store to any other keeps everything, whatever interrupts it, and says when it did not."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import elastic
import naive_store as naive
import pytest

from index.documents import Correction, Influence, Record
from index.errors import Conflict
from index.query import MentionQuery
from index.settings import Settings
from index.stores import open_store
from index.stores.moving import move
from index.stores.protocol import Store

STORES = ("sqlite", "elasticsearch")
PAIRS = [pair for pair in itertools.product(STORES, repeat=2) if pair != ("elasticsearch", "elasticsearch")]
FACETS = ("brand", "platform", "sentiment", "aspect", "intent", "lang", "source", "kind", "region")
MOMENTS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


record, NOW = naive.record, naive.NOW
Open = Callable[[str, str], Store]
Address = Callable[[str, str], str]


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Address:
    """address("sqlite", "old") names a store of that kind, empty when it is first named."""
    emptied: set[str] = set()

    def of(kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:{name}.sqlite"
        named = f"{request.getfixturevalue('elasticsearch_address')}-{name}"
        if named not in emptied:
            emptied.add(elastic.empty(named))
        return named

    return of


@pytest.fixture
def opened(tmp_path: Path, address: Address) -> Iterator[Open]:
    """opened("sqlite", "old") opens the store of that kind and name; all are closed at the end."""
    stores: list[Store] = []

    def one(kind: str, name: str) -> Store:
        stores.append(open_store(Settings(home=tmp_path, store=address(kind, name))))
        return stores[-1]

    yield one
    for store in stores:
        store.close()


@pytest.fixture(params=PAIRS, ids=map("-to-".join, PAIRS))
def pair(request: pytest.FixtureRequest, opened: Open) -> tuple[Store, Store]:
    """A filled store, and an empty one to move into."""
    source, target = request.param
    old = opened(source, "old")
    fill(old)
    return old, opened(target, "new")


def mentions() -> list[Record]:
    chance = random.Random(4)
    return [
        record(
            number,
            chance.choice(["奶茶太甜了", "臺灣的奶茶", "Good morning 😋", "iPhone15手机"]) + f" {number}",
            hours=number * 1.7,
            author=f"u{number % 40}",
            name=f"名{number % 40}",
            followers=chance.choice([None, 0, 900]),
            likes=chance.choice([None, 0, 7, 300]),
            brands=chance.choice([("喜茶",), ("喜茶", "奈雪"), ()]),
            sentiment=chance.choice(["negative", "neutral", "positive", "unsure"]),
            aspects=chance.choice([{}, {"taste": "negative"}, {"price": "positive", "taste": "unsure"}]),
            intents=chance.choice([(), ("praise",), ("complaint", "question")]),
            lang=chance.choice(["zh", "en", None]),
            spam=chance.choice([None, 0.1, 0.9]),
            region=chance.choice([None, "上海"]),
        )
        for number in range(600)
    ]


def fill(store: Store) -> None:
    store.save(mentions())
    store.save([record(9000 + n, at=moment, author=None) for n, moment in enumerate(MOMENTS)])
    store.save([record(3, "改过的第二版", version=10**14, hours=3)])
    for field, value in (("sentiment", "positive"), ("intents", "praise"), ("aspects", "price:negative")):
        store.correct(
            Correction(mention_id="weibo:5", field=field, value=value, by="小陈", at=NOW + timedelta(hours=1))
        )
    store.set_customer("weibo:u1", "C1")
    store.set_customer("weibo:not-yet-heard", "C2")
    store.set_influence([influence(f"weibo:u{n}", brand, 40.0 + n) for n in range(12) for brand in ("喜茶", None)])
    store.delete(["weibo:7"])
    store.save([record(8, version=10**14, deleted=True)])
    store.erase_author("weibo:u9")


def influence(author_id: str, brand: str | None, score: float) -> Influence:
    return Influence(
        author_id=author_id, brand=brand, score=score, tier="KOC", parts={"frequency": 0.25},
        reason_zh="常发", reason_en="posts often", computed_at=NOW,
    )  # fmt: skip


def picture(store: Store) -> dict[str, Any]:
    """Everything that can be asked."""
    week = MentionQuery(since=NOW - timedelta(days=7), brands=("喜茶",), hide_spam=True)
    questions = [MentionQuery(), week, MentionQuery(text="奶茶 -台湾"), MentionQuery(linked=True)]
    shown: dict[str, Any] = {
        "plain": {r.mention.id: r for r in store.scan(MentionQuery(), plain=True)},
        "corrections": sorted(store.corrections(), key=lambda c: c.field),
        "customers": dict(store.customers()),
        "influences": {(i.author_id, i.brand): i for i in store.influences()},
        "traces": {(t.hash, t.version) for t in store.traces()},
        "authors": [store.author(f"weibo:u{n}") for n in range(40)],
        "facts": {f.author.id: f for f in store.author_facts("喜茶", since=NOW - timedelta(days=30))},
    }
    for number, question in enumerate(questions):
        shown[f"found {number}"] = {r.mention.id: r for r in store.scan(question)}
        shown[f"facets {number}"] = store.facets(question, FACETS, size=100)  # type: ignore[arg-type]
        shown[f"days {number}"] = store.histogram(question)
        top = store.top_authors(question, by="engagement", limit=1000)
        shown[f"top {number}"] = {stat.author.id: stat for stat in top}
    return shown


def assert_same(source: Store, target: Store, but: str = "") -> None:
    here, there = picture(source), picture(target)
    for name in here.keys() - {but}:
        assert there[name] == here[name], name


def test_everything_moves_and_the_report_counts_it(pair: tuple[Store, Store]) -> None:
    source, target = pair
    report = move(source, target)
    assert report.differences == ()
    assert report.mentions == report.copied == source.count(MentionQuery())
    assert (report.corrections, report.customers, report.influences) == (3, 2, 22)
    assert report.traces == len(list(source.traces())) == 3
    assert_same(source, target)


def test_what_was_removed_stays_away_in_the_new_store(pair: tuple[Store, Store]) -> None:
    source, target = pair
    move(source, target)
    coming = [record(7), record(8), record(9, author="u9"), record(7, version=10**15), record(9999, author="u9")]
    assert target.save(coming) == ["stale", "stale", "erased", "inserted", "erased"]


def test_a_removed_mention_that_comes_back_newer_is_in_both(pair: tuple[Store, Store]) -> None:
    source, target = pair
    move(source, target)
    for store in pair:
        assert store.save([record(8, version=10**15)]) == ["inserted"]
    assert move(source, target).differences == ()
    assert_same(source, target, but="traces")


def test_what_people_said_still_wins_over_a_new_model(pair: tuple[Store, Store]) -> None:
    source, target = pair
    move(source, target)
    target.save([record(5, "新版", version=10**14, model="better", sentiment="negative")])
    (found,) = target.get(["weibo:5"])
    assert found
    assert (found.sentiment, found.analysis.sentiment, found.analysis.intents) == (
        "positive",
        "negative",
        ("praise",),
    )


def test_moving_again_copies_nothing(pair: tuple[Store, Store]) -> None:
    move(*pair)
    report = move(*pair)
    assert (report.copied, report.differences) == (0, ())


def test_a_store_with_something_of_its_own_is_left_alone(pair: tuple[Store, Store]) -> None:
    source, target = pair
    target.save([record(1, "别人家的")])
    key = target.trace_key()
    with pytest.raises(Conflict, match="1 mentions of its own"):
        move(source, target)
    assert (target.count(MentionQuery()), target.trace_key()) == (1, key)


def test_a_copy_that_went_on_is_not_set_back(pair: tuple[Store, Store]) -> None:
    source, target = pair
    move(source, target)
    target.save([record(7777, "搬家之后说的", hours=-1)])
    target.set_customer("weibo:u1", "C9")
    with pytest.raises(Conflict, match="other way round"):
        move(source, target)
    assert dict(target.customers())["weibo:u1"] == "C9"
    assert target.get(["weibo:7777"]) != [None]


def test_there_and_back_again(pair: tuple[Store, Store]) -> None:
    source, target = pair
    move(source, target)
    target.save([record(7777, "搬家之后说的")])
    target.erase_author("weibo:u2")
    target.delete(["weibo:11"])
    report = move(target, source)
    assert report.differences == ()
    assert_same(target, source)
    assert source.save([record(2, author="u2"), record(11)]) == ["erased", "stale"]


class Killed(Exception):
    pass


class Mortal:
    """The real store, until its `calls`-th write: then the process is no more."""

    def __init__(self, store: Store, calls: int) -> None:
        self._store = store
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("keep_traces", "set_customer", "set_influence", "save", "correct"):
            return method

        def counted(*given: Any) -> Any:
            if self._left == 0:
                raise Killed
            self._left -= 1
            return method(*given)

        return counted


def test_a_move_cut_off_after_any_write_is_carried_on(pair: tuple[Store, Store]) -> None:
    source, target = pair
    for writes in itertools.count():
        try:
            move(source, Mortal(target, writes % 7))  # type: ignore[arg-type]
        except Killed:
            continue
        break
    assert writes > 5
    assert_same(source, target)


def test_somebody_erased_between_two_attempts_goes_from_the_copy_too(pair: tuple[Store, Store]) -> None:
    source, target = pair
    with pytest.raises(Killed):
        move(source, Mortal(target, 30))  # type: ignore[arg-type]
    moved = {r.mention.author.id for r in target.scan(MentionQuery()) if r.mention.author}
    gone = sorted(moved)[0]
    source.erase_author(gone)
    assert move(source, target).differences == ()
    assert target.author(gone) is None
    assert_same(source, target)


def test_what_is_said_while_copying_comes_along(pair: tuple[Store, Store]) -> None:
    source, target = pair

    def tell(step: str, done: int, _: int) -> None:
        if (step, done) == ("check", 0):
            source.save([record(8888, "搬家的时候说的"), record(12, "改了", version=10**14, hours=12 * 1.7)])

    assert move(source, target, tell).differences == ()
    assert_same(source, target)


def test_a_difference_that_stays_is_told_by_day(pair: tuple[Store, Store]) -> None:
    source, target = pair

    def tell(step: str, done: int, _: int) -> None:
        if (step, done) == ("check", 0):
            source.delete(["weibo:12"])

    found = {d.what: (d.source.count, d.target.count) for d in move(source, target, tell).differences}
    day = (NOW - timedelta(hours=12 * 1.7)).date().isoformat()
    assert set(found) == {day, "traces"}
    assert found[day][0] == found[day][1] - 1
    assert move(source, target).differences == ()


COMMAND = "import sys; from dashboard.cli import run_command; sys.exit(run_command(sys.argv[1:]))"


@pytest.mark.parametrize(("here", "there"), PAIRS, ids=map("-to-".join, PAIRS))
def test_killed_again_and_again(
    tmp_path: Path, opened: Open, address: Address, here: str, there: str, monkeypatch: Any
) -> None:
    """The command itself, with SIGKILL whenever some more mentions have arrived."""
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    source, target = opened(here, "old"), opened(there, "new")
    fill(source)
    source.save(
        [record(n, f"很多 {n}", hours=(n - 20_000) / 9, author=f"u{n % 40}") for n in range(20_000, 22_000)]
    )
    command = [
        sys.executable, "-c", COMMAND, "copy",
        address(here, "old"), address(there, "new"), "--json",
    ]  # fmt: skip
    for wanted in (1, 700, 2000):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while target.count(MentionQuery()) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)  # a count makes a cluster show what it has: asked more often it does little else
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["mentions"] == source.count(MentionQuery())
    assert report["differences"] == []
    assert_same(source, target)
