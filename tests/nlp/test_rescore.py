"""Scoring again: everything outdated, nothing else, once, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from index.documents import Analysis, Author, Correction, Mention, Picture, Record
from index.errors import StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores import open_store
from index.stores.protocol import Saved, Store
from nlp.analyse import Analyser
from nlp.engine import Probabilities
from nlp.rescore import Outcome, rescore

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


class Counting:
    """A model of one rule (差 is negative, all else positive) that counts what it was shown."""

    name, unsure_below = "counting", 0.4

    def __init__(self, version: str = "2") -> None:
        self.version = version
        self.shown = 0

    def predict(self, texts: Sequence[str]) -> Probabilities:
        self.shown += len(texts)
        if "poison" in texts:
            raise ValueError("no label for this")
        return np.array([[0.9, 0.05, 0.05] if "差" in text else [0.05, 0.05, 0.9] for text in texts], np.float32)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


def old(number: int, text: str = "差评", *, version: str = "1", **labels: object) -> Record:
    mention = Mention(
        id=f"weibo:{number}", platform="weibo", source="s", text=text, published_at=NOW - timedelta(hours=number),
        fetched_at=NOW, version=1, author=Author(id=f"weibo:u{number % 7}"), brands=("茶茶",),
    )  # fmt: skip
    facts = {"lang": "zh-Hans", "sentiment": "neutral", "probabilities": {"neutral": 1.0}} | labels
    return Record(
        mention=mention, analysis=Analysis(model="counting", model_version=version, analysed_at=NOW, **facts)
    )


def again(settings: Settings, store: Store, model: Counting, query: MentionQuery | None = None, **more) -> Outcome:
    return rescore(store, Analyser(settings, model), query or MentionQuery(), batch=8, **more)


def labels(store: Store) -> list[tuple[str, str]]:
    return [(r.analysis.model_version, r.sentiment) for r in store.scan(MentionQuery())]


def test_what_another_version_scored_is_scored_again_and_nothing_else(settings, store):
    store.save([old(n, version="2" if n % 3 == 0 else "1") for n in range(30)])
    model = Counting()
    assert again(settings, store, model) == Outcome(examined=30, current=10, rescored=20)
    assert model.shown == 20
    assert labels(store).count(("2", "negative")) == 20
    assert again(settings, store, model) == Outcome(examined=30, current=30)
    assert model.shown == 20


def test_only_what_the_query_finds_is_touched(settings, store):
    store.save([old(n) for n in range(10)])
    done = again(settings, store, Counting(), MentionQuery(since=NOW - timedelta(hours=3)))
    assert (done.examined, done.rescored) == (4, 4)
    assert labels(store).count(("1", "neutral")) == 6


def test_labels_of_people_and_facts_that_no_model_finds_stay(settings, store):
    store.save([old(1, masked={"phone": 2}, cluster="00000000000002a"), old(2)])
    said = [("sentiment", "positive"), ("intents", "question"), ("aspects", "price:negative")]
    for field, value in said:
        store.correct(Correction(mention_id="weibo:1", field=field, value=value, by="me", at=NOW))
    kept = list(store.corrections())
    again(settings, store, Counting())
    record = store.get(["weibo:1"])[0]
    assert (record.sentiment, record.analysis.sentiment, record.analysis.model_version) == (
        "positive",
        "negative",
        "2",
    )
    assert record.analysis.intents == ("question",)
    assert [(a.name, a.sentiment) for a in record.analysis.aspects] == [("price", "negative")]
    assert (record.analysis.masked, record.analysis.cluster) == ({"phone": 2}, "00000000000002a")
    assert list(store.corrections()) == kept


def test_a_stop_ends_it_after_the_batch_and_the_next_run_goes_on(settings, store):
    store.save([old(n) for n in range(40)])
    stop, model = threading.Event(), Counting()
    first = again(settings, store, model, stop=stop, on_progress=lambda _: stop.set())
    assert (first.examined, first.rescored, first.stopped) == (8, 8, True)
    second = again(settings, store, model)
    assert (second.current, second.rescored, second.stopped) == (8, 32, False)
    assert model.shown == 40


class Changing:
    """A store in which something happens to mention 3 between reading and saving."""

    def __init__(self, store: Store, happen) -> None:
        self._store, self._happen = store, happen

    def scan(self, query: MentionQuery, *, batch: int = 1000) -> Iterator[Record]:
        return self._store.scan(query)

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        return self._store.get(ids)

    def save(self, records: Sequence[Record]) -> list[Saved]:
        self._happen(self._store)
        return self._store.save(records)


def edited(store: Store) -> None:
    newer = old(3, "改过了，差评", version="2", sentiment="negative")
    store.save([replace(newer, mention=replace(newer.mention, version=2))])


@pytest.mark.parametrize("happen", [edited, lambda s: s.delete(["weibo:3"]), lambda s: s.erase_author("weibo:u3")])
def test_what_changes_meanwhile_is_left_as_it_is_now(settings, store, happen):
    store.save([old(n) for n in range(7)])
    done = again(settings, Changing(store, happen), Counting())
    assert (done.rescored, done.skipped) == (6, 1)
    left = store.get(["weibo:3"])[0]
    assert left is None or (left.mention.version, left.mention.text) == (2, "改过了，差评")


class Read(Changing):
    """A store in which it happens while the model is at work, long after a page of mentions was read."""

    def scan(self, query: MentionQuery, *, batch: int = 1000) -> Iterator[Record]:
        page = list(self._store.scan(query))
        self._happen(self._store)
        return iter(page)

    def save(self, records: Sequence[Record]) -> list[Saved]:
        return self._store.save(records)


def test_pictures_that_were_read_meanwhile_keep_their_text(settings, store):
    store.save([old(n) for n in range(7)])
    seen = old(3, pictures=(Picture(url="https://x/1.png", text="不能退款"),))
    seen = replace(seen, analysis=replace(seen.analysis, analysed_at=NOW + timedelta(minutes=1)))
    done = again(settings, Read(store, lambda s: s.save([seen])), Counting())
    assert (done.rescored, done.skipped) == (6, 1)
    assert again(settings, store, Counting()).rescored == 1
    record = store.get(["weibo:3"])[0]
    assert (record.analysis.model_version, record.analysis.pictures[0].text) == ("2", "不能退款")


def test_a_mention_that_cannot_be_scored_keeps_its_labels_and_holds_nobody_up(settings, store):
    store.save([old(n, "poison" if n == 4 else "差评") for n in range(20)])
    done = again(settings, store, Counting())
    assert (done.rescored, done.failed) == (19, 1)
    assert store.get(["weibo:4"])[0].analysis.model_version == "1"


class Full(Changing):
    def save(self, records: Sequence[Record]) -> list[Saved]:
        if list(store_versions(self._store)).count("2") >= 16:
            raise StoreError("disk full")
        return self._store.save(records)


def store_versions(store: Store) -> Iterator[str]:
    return (record.analysis.model_version for record in store.scan(MentionQuery()))


def test_after_a_store_that_failed_the_next_run_does_the_rest(settings, store):
    store.save([old(n) for n in range(40)])
    model = Counting()
    with pytest.raises(StoreError):
        again(settings, Full(store, None), model)
    done = again(settings, store, model)
    assert (done.current, done.rescored) == (16, 24)
