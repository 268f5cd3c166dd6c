"""What only the store in a cluster must hold: races without transactions, months, refused documents, migration."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, product
from pathlib import Path
from queue import Queue
from typing import Any

import elastic
import msgspec
import naive_store as naive
import pytest
from elastic_transport import ConnectionError as Cut
from elastic_transport import Urllib3HttpNode as HttpNode
from mappings import newer
from waiting import until

from index.documents import Author, Correction, Mention, Record
from index.errors import Conflict, Rejected, StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores import elasticsearch_days, elasticsearch_layout, elasticsearch_places, open_store
from index.stores.draft import Draft
from index.stores.elasticsearch import ElasticsearchStore, wanted_generation
from index.stores.elasticsearch_bulk import Action, send
from index.stores.elasticsearch_documents import to_document
from index.stores.elasticsearch_migrate import Migration
from index.stores.elasticsearch_retention import drop_before, months

record, NOW = naive.record, naive.NOW
OTHER_MONTH = NOW - timedelta(days=40)
EVERYTHING = MentionQuery()


@pytest.fixture
def settings(tmp_path: Path, elasticsearch_address: str) -> Settings:
    settings = Settings(home=tmp_path, store=elasticsearch_address)
    open_store(settings).close()
    elastic.empty(elasticsearch_address)
    return settings


@pytest.fixture
def store(settings: Settings) -> Iterator[ElasticsearchStore]:
    opened = another(settings)
    yield opened
    opened.close()


def another(settings: Settings) -> ElasticsearchStore:
    """A store as another process has it."""
    opened = open_store(settings)
    assert isinstance(opened, ElasticsearchStore)
    return opened


def label(value: str, number: int = 1) -> Correction:
    return Correction(mention_id=f"weibo:{number}", field="sentiment", value=value, by="me", at=NOW)


def test_an_edit_to_another_month_keeps_what_a_person_said(store: ElasticsearchStore) -> None:
    store.save([record(1, at=OTHER_MONTH, version=1)])
    store.correct(label("positive"))
    assert store.save([record(1, "改", version=2)]) == ["updated"]
    (hit,) = store.search(EVERYTHING).hits
    assert (hit.record.mention.published_at, hit.record.sentiment) == (NOW, "positive")
    assert store.count(MentionQuery(since=NOW - timedelta(days=1))) == 1
    assert store.count(MentionQuery(until=NOW - timedelta(days=1))) == 0


def test_two_writers_that_put_one_mention_into_two_months_leave_one(settings: Settings) -> None:
    """Both look before either has written, so both find nothing; each corrects its own; one mention stays."""
    first, second = another(settings), another(settings)
    late, early = record(1, "新", version=2), record(1, "旧", at=OTHER_MONTH, version=1)
    for store, said in ((first, late), (second, early)):
        assert store._places.locate(["weibo:1"]) == {}
        blind(store, said)
    assert first.count(EVERYTHING) == 1
    assert [r.mention.text for r in second.scan(EVERYTHING)] == ["新"]
    first.close()
    second.close()


def test_a_writer_that_ends_has_looked_once_more_at_what_it_wrote(settings: Settings) -> None:
    first, second = another(settings), another(settings)
    blind(first, record(1, version=2))
    blind(second, record(1, at=OTHER_MONTH, version=1))
    first.close()
    second.close()
    with closing(another(settings)) as store:
        store.client.indices.refresh(index=store.layout.mentions)
        found = store.client.search(index=store.layout.mentions, source=["version"])["hits"]["hits"]
    assert [hit["_source"]["version"] for hit in found] == [2]


def blind(store: ElasticsearchStore, said: Record) -> None:
    """Write as a writer does who looked before anybody else wrote."""
    where = store.layout.month(said.mention.published_at)
    actions = [Action(where, said.mention.id, to_document(Draft(said), ()))]
    assert all(result.done for result in send(store.client, actions))
    store._places.wrote(actions)


def test_a_mention_in_two_places_keeps_the_corrections_of_both(settings: Settings) -> None:
    first, second = another(settings), another(settings)
    blind(first, record(1, version=2))
    blind(second, record(1, at=OTHER_MONTH, version=1))
    where = second.layout.month(OTHER_MONTH)
    source = second.client.get(index=where, id="weibo:1")["_source"]
    source["corrections"] = [msgspec.to_builtins(label("positive"))]
    second.client.index(index=where, id="weibo:1", document=source)
    corrected = first.correct(Correction(mention_id="weibo:1", field="intents", value="praise", by="me", at=NOW))
    assert (corrected.sentiment, corrected.analysis.intents) == ("positive", ("praise",))
    assert first.count(EVERYTHING) == 1
    first.close()
    second.close()


def test_eight_writers_of_the_same_mentions_in_any_month_and_version(settings: Settings) -> None:
    days = (NOW, OTHER_MONTH, NOW - timedelta(days=70))
    edits = [record(n, f"第{v}版", at=days[(n + v) % 3], version=v) for n in range(20) for v in range(1, 6)]

    with closing(another(settings)) as store:  # the months are there: making them is not what is raced for
        store.save([record(n, at=day, version=0) for n, day in enumerate(days)])

    def write(turn: int) -> None:
        store = another(settings)
        turned = edits[turn * 12 :] + edits[: turn * 12]
        for start in range(0, len(turned), 20):
            store.save(turned[start : start + 20])
            store.correct(label("positive", int(turned[start].mention.id.partition(":")[2])))
        store.count(EVERYTHING)  # the last look at what it wrote
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with_fresh_eyes = another(settings)
    assert with_fresh_eyes.count(EVERYTHING) == 20
    assert {r.mention.version for r in with_fresh_eyes.scan(EVERYTHING)} == {5}
    assert {r.corrected_sentiment for r in with_fresh_eyes.scan(EVERYTHING)} == {"positive"}
    with_fresh_eyes.close()


def test_a_request_whose_answer_was_lost_is_not_written_twice(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster has done the work, the connection breaks before it can say so."""
    whole = HttpNode.perform_request
    left = [2]

    def torn(node: HttpNode, method: str, target: str, *given: Any, **named: Any) -> Any:
        answer = whole(node, method, target, *given, **named)
        if target.startswith("/_bulk") and left[0]:
            left[0] -= 1
            raise Cut("the cable is out")
        return answer

    monkeypatch.setattr(HttpNode, "perform_request", torn)
    assert store.save([record(1, version=1), record(2, version=1)]) == ["inserted", "inserted"]
    assert all(store.get(["weibo:1", "weibo:2"]))  # the worker asks at once, to alert
    left[0] = 1
    assert store.save([record(1, "改", version=2), record(3)]) == ["updated", "inserted"]
    assert left == [0]
    assert {r.mention.text for r in store.get(["weibo:1"]) if r} == {"改"}
    assert store.count(EVERYTHING) == 3


def test_what_another_wrote_just_now_is_found_by_its_id(store: ElasticsearchStore, settings: Settings) -> None:
    """A worker that is lent what a dead one had saved alerts about it, visible to searches or not."""
    with closing(another(settings)) as dead:
        dead.save([record(1)])
        assert all(store.get(["weibo:1"]))


def test_a_refused_mention_is_named_with_the_reason_and_the_others_are_kept(store: ElasticsearchStore) -> None:
    huge = record(2, brands=("长" * 20_000,))
    with pytest.raises(Rejected, match="brands") as caught:
        store.save([record(1), huge, record(3), record(3, "改了", version=10**13)])
    assert list(caught.value.reasons) == ["weibo:2"]
    assert store.digests(["weibo:3"])["weibo:3"][0] == 10**13
    assert sorted(r.mention.id for r in store.scan(EVERYTHING)) == ["weibo:1", "weibo:3"]


def test_a_long_walk_sees_one_picture_whatever_is_written_meanwhile(store: ElasticsearchStore) -> None:
    """A point in time: nothing comes twice or is left out by edits to other days, removals and arrivals."""
    store.save([record(n, f"第{n}杯", at=NOW - timedelta(days=n), version=1) for n in range(60)])
    walk = store.scan(EVERYTHING, batch=7)
    seen = [next(walk) for _ in range(3)]
    store.save([record(n, "改了", at=NOW - timedelta(days=70 - n), version=2) for n in range(0, 60, 2)])
    store.save([record(n, "新来", at=NOW - timedelta(hours=n)) for n in range(100, 140)])
    store.delete([f"weibo:{n}" for n in range(1, 60, 4)])
    store.erase_author("weibo:u59")
    seen += walk
    assert [r.mention.text for r in seen] == [f"第{n}杯" for n in range(60)]
    assert store.count(EVERYTHING) == 60 + 40 - 15 - 1


def test_a_period_asks_only_the_months_it_touches(store: ElasticsearchStore) -> None:
    store.save([record(n, at=NOW - timedelta(days=40 * n)) for n in range(5)])
    emptied = sum(not month["mentions"] for month in months(store.layout))  # by other tests: they know no bounds
    for query in (MentionQuery(since=NOW - timedelta(days=30)), MentionQuery(since=NOW, until=NOW + timedelta(1))):
        dsl = store._people.dsl(query)
        shards = store._counting.ask(dsl, {})["_shards"]
        asked = shards["total"] - shards["skipped"]
        assert shards["total"] >= 5
        assert asked <= 2 + emptied
        assert store.count(query) == 1


def test_old_months_go_whole_and_old_mentions_one_by_one(store: ElasticsearchStore) -> None:
    store.save([record(n, at=NOW - timedelta(days=40 * n), version=1) for n in range(4)])
    store.save([record(4, at=datetime(2011, 1, 1, tzinfo=UTC)), record(3, at=NOW, version=2)])
    dropped = drop_before(store.layout, NOW - timedelta(days=30))
    assert dropped.mentions == 3
    assert sorted(r.mention.id for r in store.scan(EVERYTHING)) == ["weibo:0", "weibo:3"]
    left = {name for name in store.layout.all_months() if name not in dropped.indices}
    assert len(dropped.indices) == 2
    assert {month["index"] for month in months(store.layout)} == left
    assert store.save([record(9, at=NOW - timedelta(days=40))]) == ["inserted"]


def test_counts_kept_by_day_are_never_old(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process asks again and again while another writes, edits to other days, corrects, deletes and erases."""
    monkeypatch.setattr(elasticsearch_places, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(elasticsearch_days, "MANY", 0)
    writer, reader = another(settings), another(settings)
    chance = random.Random(1)

    def some(version: int) -> Record:
        n, brands = chance.randrange(25), chance.choice([("喜茶",), ("喜茶", "奈雪"), ()])
        at = NOW - timedelta(hours=chance.randrange(24 * 60))
        if n % 5 == 0:  # beyond the days that are kept
            at = chance.choice([NOW - timedelta(days=1500), datetime.now(UTC) + timedelta(days=2)])
        label = chance.choice(["negative", "positive"])
        given = {"brands": brands, "sentiment": label, "author": f"u{n % 5}", "aspects": {"taste": label}}
        return record(n, f"第{version}版", at=at, version=version, **given)

    for turn in range(1, 9):
        writer.save([some(10 * turn + n) for n in range(4)])
        kept = list(writer.scan(EVERYTHING))
        writer.correct(label("neutral", int(chance.choice(kept).mention.id[6:])))
        if turn % 3 == 0:
            writer.delete([chance.choice(kept).mention.id])
        if turn == 6:
            writer.erase_author("weibo:u1")
        compare_days(reader, list(writer.scan(EVERYTHING)), turn)
    assert all(reader._counting._days._kept.values())  # type: ignore[attr-defined]
    writer.close()
    reader.close()


def compare_days(reader: ElasticsearchStore, kept: list[Record], turn: int) -> None:
    since, until = NOW - timedelta(days=50, hours=turn), NOW - timedelta(days=2, hours=turn / 2)
    for brands, start, end in product(((), ("喜茶",)), (since, None), (until, None)):
        query = MentionQuery(brands=brands, since=start, until=end)
        expected = [r for r in kept if naive.matches(query, r)]
        assert reader.count(query) == len(expected)
        fields = ("brand", "platform", "sentiment", "aspect")
        for field, buckets in reader.facets(query, fields).items():
            assert {b.key: msgspec.structs.asdict(b.counts) for b in buckets} == naive.facet(expected, field)
        days = {b.key: msgspec.structs.asdict(b.counts) for b in reader.histogram(query)}
        assert days == naive.histogram(expected, "%Y-%m-%d", "Asia/Shanghai")


def test_a_score_that_the_cluster_refuses_is_an_error(store: ElasticsearchStore) -> None:
    with pytest.raises(StoreError, match="does not take"):
        store.set_influence([naive.influence("weibo:u1", "喜" * 20_000, 70.0)])


def test_a_reading_whose_picture_is_gone_says_to_start_again(store: ElasticsearchStore) -> None:
    store.save([record(n) for n in range(4)])
    reading = store.scan(EVERYTHING, batch=2)
    next(reading)
    store.client.indices.delete(index=list(store.layout.all_months()))
    with pytest.raises(StoreError, match="Start again"):
        list(reading)


@pytest.mark.parametrize(
    ("part", "document"), [(None, Mention), ("author", Author), ("corrections", Correction)], ids=str
)
def test_the_strict_mapping_knows_every_field(part: str | None, document: type[msgspec.Struct]) -> None:
    mapping = elasticsearch_layout.template("mentions")["mappings"]
    properties = (mapping["properties"][part] if part else mapping)["properties"]
    assert set(document.__struct_fields__) - {"deleted"} <= set(properties)


def test_counts_kept_by_day_hold_over_a_migration(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = another(settings), another(settings)
    day = NOW - timedelta(days=3)
    writer.save([record(1, at=day), record(2, at=NOW)])
    query = MentionQuery(since=day - timedelta(days=2), until=day + timedelta(days=2))
    assert reader.count(query) == 1
    assert writer.save([record(1, at=NOW, version=10**13)]) == ["updated"]  # nothing else was ever said on its day
    newer(monkeypatch)
    assert Migration(writer.layout).forward(wanted_generation(settings))
    until(lambda: reader.count(query) == 0, seconds=30)  # what another wrote is seen within STALE_SECONDS
    monkeypatch.undo()
    assert Migration(writer.layout).back()
    assert reader.count(query) == 0
    assert Migration(writer.layout).finish()
    writer.close()
    reader.close()


def test_of_migrations_that_begin_at_once_one_goes_on_and_none_is_finished_meanwhile(settings: Settings) -> None:
    with closing(another(settings)) as store, ThreadPoolExecutor(8) as pool:
        began = [pool.submit(Migration(store.layout)._take_lease) for _ in range(8)]
        faults = [each.exception() for each in began]
        assert faults.count(None) == 1
        assert all(isinstance(fault, Conflict) for fault in faults if fault)
        with pytest.raises(Conflict, match="runs already"):
            Migration(store.layout).finish()


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        stop.set()


def test_a_newer_mapping_is_switched_to_while_writers_write_and_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, writer = another(settings), another(settings)
    store.save([record(n, at=NOW - timedelta(days=n % 50), author="gone" if n == 7 else "a") for n in range(200)])
    store.correct(label("positive"))
    store.delete(["weibo:2"])
    stop = threading.Event()
    said: Queue[str] = Queue()

    def write(turn: int) -> list[str]:
        """New mentions in several months and edits of two old ones, one after the other."""
        mine = []
        for n in count(1000 + turn, 2):
            if stop.is_set():
                return mine
            edit = record(turn, f"改{n}", version=10**13 + n)
            assert writer.save([record(n, at=NOW - timedelta(days=n % 70)), edit]) == ["inserted", "updated"]
            mine.append(f"weibo:{n}")
            said.put(mine[-1])
        raise AssertionError

    first = store.layout.generation
    newer(monkeypatch)
    with pytest.raises(StoreError, match="earshot index migrate"):
        open_store(settings)
    with ThreadPoolExecutor(2) as pool, stopping(stop):
        writing = [pool.submit(write, turn) for turn in range(2)]
        moved = Migration(store.layout).forward(wanted_generation(settings))
        assert moved
        assert moved.generation.version == first.version + 1
        store.erase_author("weibo:gone")
        for _ in range(said.qsize() + 4):
            said.get(timeout=120)
        returned = Migration(store.layout).back()
        for _ in range(said.qsize() + 4):
            said.get(timeout=120)
        stop.set()
        mine = {mention_id for each in writing for mention_id in each.result()}
    assert returned.generation == first
    monkeypatch.undo()
    fresh = another(settings)
    kept = {f"weibo:{n}" for n in range(200)} - {"weibo:2", "weibo:7"} | mine
    assert {r.mention.id for r in fresh.scan(EVERYTHING)} == kept
    assert fresh.count(EVERYTHING) == len(kept)
    edited = {r.mention.id: r for r in fresh.scan(MentionQuery(authors=("weibo:u0", "weibo:u1")))}
    assert edited["weibo:1"].sentiment == "positive"
    assert Migration(fresh.layout).finish()
    assert fresh.save([record(5000)]) == ["inserted"]
    for each in (store, writer, fresh):
        each.close()
