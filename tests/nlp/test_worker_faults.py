"""What a worker does when something goes wrong: crashes, bad items, faults of the store, a pause, being stopped."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from worker_world import WordListModel, World, item

from index.alerts.engine import AlertEngine
from index.documents import Case, Record
from index.errors import ModelError, StoreError
from index.inbox.sqlite import SqliteInbox
from index.settings import Settings
from index.stores.protocol import Saved, Store
from nlp import worker as worker_module
from nlp.engine import Probabilities


class Died(BaseException):
    """Stands for kill -9 at this very line: nothing after it runs, nothing catches it."""


def test_a_crash_between_saving_and_acknowledging_repeats_harmlessly(world: World) -> None:
    class DiesBeforeAck(SqliteInbox):
        def ack(self, *_: Any, **__: Any) -> None:
            raise Died

    dying = DiesBeforeAck(world.settings.path(world.settings.inbox), max_tries=3)
    world.inbox.put([item(n) for n in range(3)])
    world.settings = _shorter_lease(world.settings)
    with pytest.raises(Died):
        world.work(inbox=dying)
    dying.close()
    world.work()
    assert len(world.model.seen) == 3, "what was saved is not scored a second time"
    assert world.counts() == {"saved": 3, "put_back": 3}
    assert sorted(m for case in world.cases() for m in case.mention_ids) == ["weibo:0", "weibo:1", "weibo:2"]


def test_a_crash_between_saving_and_alerting_loses_no_case(world: World) -> None:
    class DiesBeforeAlerts(AlertEngine):
        def consider(self, *_: Any, **__: Any) -> list[Case]:
            raise Died

    world.inbox.put([item(1)])
    world.settings = _shorter_lease(world.settings)
    with pytest.raises(Died):
        world.work(alerts=DiesBeforeAlerts(world.settings, world.store, world.records))
    assert world.record(1)
    assert world.cases() == []
    world.work()
    assert [case.mention_ids for case in world.cases()] == [("weibo:1",)]
    assert len(world.model.seen) == 1


def _shorter_lease(settings: Settings) -> Settings:
    return replace(settings, lease_seconds=0.05)


class Choking(WordListModel):
    """Cannot stand one text, as a model with a bug would."""

    def __init__(self, error: Exception, times: int = 1_000) -> None:
        super().__init__()
        self._error, self._times = error, times

    def predict(self, texts: Sequence[str]) -> Probabilities:
        if self._times and any("毒" in text for text in texts):
            self._times -= 1
            raise self._error
        return super().predict(texts)


def test_one_bad_item_is_set_aside_with_the_reason_and_the_others_go_on(world: World) -> None:
    world.inbox.put([item(n, "毒" if n == 13 else "好茶") for n in range(40)])
    world.work(model=Choking(ValueError("cannot read this")))
    (kept,) = world.inbox.quarantined()
    assert kept.mention
    assert kept.mention.id == "weibo:13"
    assert kept.reason == "ValueError: cannot read this"
    assert not kept.given_up
    assert world.counts() == {"saved": 39, "quarantined": 1}


def test_when_nothing_works_the_items_are_not_blamed(world: World) -> None:
    """A broken model must not empty the inbox into quarantine."""
    world.inbox.put([item(n, "毒") for n in range(10)])
    with pytest.raises(ValueError, match="broken"):
        world.work(model=Choking(ValueError("the model is broken")))
    assert world.inbox.quarantined() == []
    assert world.inbox.depth() == 10


def test_a_passing_fault_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "RETRY_AFTER", 0.0)
    world.inbox.put([item(1, "毒")])
    world.work(model=Choking(ModelError("out of memory"), times=2))
    assert world.counts() == {"saved": 1, "retried": 2}


def test_a_fault_that_does_not_pass_is_given_up_and_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "RETRY_AFTER", 0.0)
    world.inbox.put([item(1, "毒"), item(2)])
    world.work(model=Choking(ModelError("out of memory")))
    (kept,) = world.inbox.quarantined()
    assert (kept.given_up, kept.reason) == (True, "ModelError: out of memory")
    assert world.counts() == {"saved": 1, "retried": 2, "given_up": 1}


class Failing:
    """A store that is unusable for the next `times` saves."""

    def __init__(self, store: Store, times: int) -> None:
        self._store, self.times = store, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def save(self, records: Sequence[Record]) -> list[Saved]:
        if self.times:
            self.times -= 1
            raise StoreError("disk full")
        return self._store.save(records)


def test_while_the_store_is_unusable_nothing_is_lost_or_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LONGEST_PAUSE", 0.01)
    world.inbox.put([item(n) for n in range(5)])
    failing = Failing(world.store, times=world.settings.max_tries * 3)
    world.work(store=failing)
    assert failing.times == 0
    assert world.counts() == {"saved": 5, "put_back": 5 * world.settings.max_tries * 3}
    assert world.inbox.quarantined() == []


class Blind:
    """A store that does not show what it keeps the next `times` times, as a copy of it that lags behind."""

    def __init__(self, store: Store, times: int) -> None:
        self._store, self.times = store, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        self.times -= 1
        return [None] * len(ids) if self.times >= 0 else self._store.get(ids)


def test_what_cannot_be_read_back_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "LONGEST_PAUSE", 0.01)
    world.inbox.put([item(n, "茶茶太差") for n in range(3)])
    world.work(store=Blind(world.store, times=2))
    assert sorted(m for case in world.cases() for m in case.mention_ids) == ["weibo:0", "weibo:1", "weibo:2"]
    assert world.counts()["put_back"] == 6


def test_a_worker_that_was_paused_past_its_lease_does_no_harm(world: World) -> None:
    """Its item is lent to another worker, edited and saved meanwhile; then it wakes up and goes on."""

    class Paused(WordListModel):
        def predict(self, texts: Sequence[str]) -> Probabilities:
            world.work()  # the other worker
            world.inbox.put([item(1, "茶茶真好", version=2)])
            world.work()
            return super().predict(texts)

    world.inbox.put([item(1, "茶茶太差")])
    usual, world.settings = world.settings, _shorter_lease(world.settings)
    late = world.worker(model=Paused())
    world.settings = usual
    late.run(until_idle=True)
    record = world.record(1)
    assert record
    assert record.mention.text == "茶茶真好"
    assert world.counts() == {"saved": 2, "put_back": 1}
    assert [case.mention_ids for case in world.cases()] == [("weibo:1",)]


def test_stopping_finishes_the_batch_in_hand_and_leaves_the_rest(world: World) -> None:
    class Stops(WordListModel):
        def predict(self, texts: Sequence[str]) -> Probabilities:
            stopping.stop()
            return super().predict(texts)

    world.inbox.put([item(n) for n in range(100)])
    stopping = world.worker(model=Stops())
    stopping.run()
    assert world.counts() == {"saved": world.settings.batch, "waiting": 100 - world.settings.batch}


def test_an_idle_worker_hears_at_once_that_it_should_stop(world: World) -> None:
    idle = world.worker()
    thread = threading.Thread(target=idle.run)
    thread.start()
    idle.stop()
    thread.join(timeout=120)
    assert not thread.is_alive()
