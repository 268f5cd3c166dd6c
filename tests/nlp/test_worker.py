"""What a worker does with what is in the inbox: everything real but the model, which is a list of words."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from index.alerts.cases import Cases
from index.alerts.engine import AlertEngine
from index.clusters import Clusters
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.documents import Author, Case, Mention, Record
from index.errors import ModelError, StoreError
from index.inbox.protocol import Inbox, Item
from index.inbox.sqlite import SqliteInbox
from index.records import open_records
from index.settings import Brand, Rule, Settings
from index.stores import open_store
from index.stores.protocol import Saved, Store
from nlp import worker as worker_module
from nlp.analyse import Analyser
from nlp.engine import Probabilities
from nlp.worker import Desk, Worker

NOW = datetime.now(UTC).replace(microsecond=0)
SOURCE = "weibo-api"


class WordListModel:
    """Sentiment from two word lists, behind the interface of the real models; remembers what it was shown."""

    name = "word-list"
    version = "1"
    unsure_below = 0.4

    def __init__(self) -> None:
        self.seen: list[str] = []

    def predict(self, texts: Sequence[str]) -> Probabilities:
        self.seen += texts
        rows = [[_hits(text, "差太贵烂"), 0.5, _hits(text, "好喜爱赞")] for text in texts]
        table = np.array(rows, np.float32).reshape(-1, 3)
        return table / table.sum(axis=1, keepdims=True)


def _hits(text: str, words: str) -> float:
    return 0.1 + 2.0 * sum(text.count(word) for word in words)


class Died(BaseException):
    """Stands for kill -9 at this very line: nothing after it runs, nothing catches it."""


class World:
    """The parts of a worker on one folder, as a process would open them."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.settings = Settings(
            home=folder,
            brands=(Brand(name="茶茶"),),
            rules=(
                Rule(name="unhappy customer", kind="negative_customer"),
                Rule(name="bad taste", kind="complaint_aspect", aspects=("taste",)),
            ),
            max_tries=3,
            **changes,
        )
        self.inbox = SqliteInbox(self.settings.path(self.settings.inbox), max_tries=3)
        self.store: Store = open_store(self.settings)
        self.records = open_records(self.settings)
        self.model = WordListModel()
        self.linker = Linker(self.settings, self.store, self.records)
        self.alerts = AlertEngine(self.settings, self.store, self.records)
        self.customers = Customers(self.settings, self.records)

    def worker(
        self,
        *,
        inbox: Inbox | None = None,
        store: Store | None = None,
        alerts: AlertEngine | None = None,
        model: WordListModel | None = None,
    ) -> Worker:
        return Worker(
            self.settings,
            inbox or self.inbox,
            store or self.store,
            Analyser(self.settings, model or self.model),
            Desk(self.linker, alerts or self.alerts, self.customers, Clusters(self.records)),
        )

    def work(self, **parts: Any) -> None:
        self.worker(**parts).run(until_idle=True)

    def counts(self, batch: str | None = None) -> dict[str, int]:
        return {end: n for end, n in self.inbox.counts(batch=batch).get(SOURCE, {}).items() if n}

    def record(self, number: int) -> Record | None:
        return self.store.get([f"weibo:{number}"])[0]

    def cases(self) -> list[Case]:
        return Cases(self.settings, self.records).list()

    def close(self) -> None:
        self.inbox.close()
        self.store.close()
        self.records.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def item(number: int, text: str = "茶茶的奶茶太难喝，差评", *, batch: str | None = None, **changes: Any) -> Item:
    facts = {
        "published_at": NOW - timedelta(minutes=5),
        "fetched_at": NOW,
        "version": 1,
        "author": Author(id=f"weibo:u{number}", name="小王"),
    }
    mention = Mention(
        id=f"weibo:{number}", platform="weibo", source=SOURCE, text=text, brands=("茶茶",), **(facts | changes)
    )
    return Item(mention=mention, raw=b"{}", batch=batch)


def test_what_is_put_is_understood_and_saved(world: World) -> None:
    world.inbox.put([item(1), item(2, "茶茶真好喝，喜欢")])
    world.work()
    bad, good = world.record(1), world.record(2)
    assert bad
    assert good
    assert (bad.sentiment, good.sentiment) == ("negative", "positive")
    assert (bad.analysis.model, bad.analysis.model_version, bad.analysis.lang) == ("word-list", "1", "zh-Hans")
    assert abs(sum(bad.analysis.probabilities.values()) - 1) < 1e-5
    assert world.counts() == {"saved": 2}


def test_contact_data_is_masked_before_it_is_stored_and_spans_fit_the_stored_text(world: World) -> None:
    world.inbox.put([item(1, "口味太差，打我13812345678说清楚，服务也差", title="电话13812345678 价格贵")])
    world.work()
    record = world.record(1)
    assert record
    assert "13812345678" not in record.mention.full_text
    assert record.analysis.masked == {"phone": 2}
    text = record.mention.full_text
    assert {a.name for a in record.analysis.aspects} >= {"taste", "staff", "price"}
    for aspect in record.analysis.aspects:
        assert aspect.span
        assert aspect.evidence is None or aspect.evidence in text[slice(*aspect.span)]


def test_a_masked_mention_that_comes_again_is_not_scored_again(world: World) -> None:
    """The store holds the masked text: a repeat must be compared after masking."""
    text = "太差，电话13812345678"
    world.inbox.put([item(1, text)])
    world.work()
    world.inbox.put([item(1, text, version=2, fetched_at=NOW + timedelta(hours=1))])
    world.work()
    assert len(world.model.seen) == 1
    assert world.counts() == {"saved": 1, "duplicate": 1}


def test_an_edit_replaces_and_an_older_version_never_does(world: World) -> None:
    world.inbox.put([item(1, "茶茶太差", version=5)])
    world.work()
    world.inbox.put([item(1, "茶茶真好", version=6)])
    world.work()
    world.inbox.put([item(1, "茶茶太贵", version=4)])
    world.work()
    record = world.record(1)
    assert record
    assert record.mention.text == "茶茶真好"
    assert world.counts() == {"saved": 2, "duplicate": 1}


def test_an_edit_lent_together_with_the_older_version_wins(world: World) -> None:
    world.inbox.put([item(1, "旧")])
    world.inbox.lease(1, worker="one that dies", seconds=0.0)
    world.inbox.lease(1, worker="one that dies too", seconds=0.2)
    world.inbox.put([item(1, "新", version=2)])
    world.work()
    record = world.record(1)
    assert record
    assert record.mention.text == "新"
    assert world.counts()["saved"] + world.counts()["duplicate"] == 2


def test_a_customer_is_linked_by_the_phone_in_the_text_and_the_complaint_is_a_case(
    world: World, tmp_path: Path
) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text("customer_id,name,phone\nC1,王小姐,13812345678\n", encoding="utf-8")
    world.customers.import_customers(crm)
    world.inbox.put([item(1, "茶茶太差了，要投诉，我电话13812345678，给个说法")])
    world.work()
    record = world.record(1)
    assert record
    assert record.customer_id == "C1"
    assert [(case.customer_id, case.mention_ids) for case in world.cases()] == [("C1", ("weibo:1",))]


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


def test_an_import_waits_for_its_own_rows_even_when_another_worker_has_them(world: World) -> None:
    world.inbox.put([item(1, batch="b1"), item(2, batch="b1"), item(3)])
    held = world.inbox.lease(1, worker="another")
    answers = threading.Timer(0.3, lambda: world.inbox.put_back(held))
    answers.start()
    progress: list[int] = []
    world.worker().run_until("b1", on_progress=progress.append)
    answers.join()
    assert world.counts("b1") == {"saved": 2, "put_back": 1}
    assert sum(progress) == 3


def test_an_erased_author_stays_erased(world: World) -> None:
    world.inbox.put([item(1)])
    world.work()
    world.store.erase_author("weibo:u1")
    world.inbox.put([item(1, version=2)])
    world.work()
    assert world.record(1) is None
    assert world.counts() == {"saved": 1, "erased": 1}


def test_with_pseudonyms_the_store_knows_no_names(tmp_path: Path) -> None:
    world = World(tmp_path, pseudonyms=True)
    world.inbox.put([item(1), item(2, author=Author(id="weibo:u1", name="小王", followers=7))])
    world.work()
    first, second = world.record(1), world.record(2)
    world.close()
    assert first
    assert second
    assert first.mention.author
    assert second.mention.author
    assert first.mention.author.id == second.mention.author.id != "weibo:u1"
    assert (second.mention.author.name, second.mention.author.followers) == (None, 7)


def test_one_text_from_several_accounts_is_one_cluster_and_makes_them_suspect(world: World) -> None:
    text = "家人们，茶茶的新品我真的会无限回购，茶底清爽不腻，小料给得足，闭眼入不踩雷，今天就去买"
    world.inbox.put([item(n, text) for n in range(3)])
    world.work()
    world.inbox.put([item(n, f"{'！💕'[n % 2] * 3}{text.replace('今天', '明天')} #茶茶#") for n in range(3, 6)])
    world.inbox.put([item(6, "茶茶的新品我排了半小时，茶底还行，小料给得少了一点，下次大概不会专门去买了")])
    world.work()
    clusters = [record.analysis.cluster for n in range(7) if (record := world.record(n))]
    assert len(clusters) == 7
    assert clusters[0] is not None
    assert len(set(clusters[:6])) == 1
    assert clusters[6] not in (None, clusters[0])
    facts = world.store.author_facts("茶茶", since=NOW - timedelta(days=1))
    assert sum(one.coordinated_posts for one in facts) == 6
    paid, own = (world.store.author(f"weibo:u{n}") for n in (0, 6))
    assert paid
    assert paid.influence
    assert paid.influence.parts["authenticity"] == 0
    assert own
    assert own.influence
    assert own.influence.parts["authenticity"] == 1
