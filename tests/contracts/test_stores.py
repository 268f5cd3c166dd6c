"""What every store promises of what is saved, corrected and removed. To add a store: one entry in STORES of
tests/fixtures/every_store.py."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import naive_store as naive
import pytest
from every_store import ids
from naive_store import NOW, record

from index.documents import Correction, version_of
from index.errors import NotFound, SettingsError, StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores import open_store
from index.stores.protocol import Store

MINUTE = timedelta(minutes=1)


def test_an_address_nobody_knows_is_explained() -> None:
    with pytest.raises(SettingsError, match="sqlite:"):
        open_store(Settings(store="paper:cupboard"))


def test_what_was_saved_comes_back_as_it_was(store: Store) -> None:
    said = record(
        1, "好喝😋", title="标题", likes=3, followers=9, aspects={"taste": "positive"}, spam=0.1, sarcasm=0.7
    )
    assert store.save([said]) == ["inserted"]
    assert store.get([said.mention.id, "weibo:none"]) == [said, None]
    assert store.digests([said.mention.id, "weibo:none"]) == {
        said.mention.id: (said.mention.version, said.mention.digest())
    }


def test_saving_again_changes_nothing_even_when_analysed_later(store: Store) -> None:
    store.save([record(1), record(2)])
    moment = datetime.now(UTC)
    assert store.save([record(1), record(2, analysed_at=NOW + timedelta(days=1))]) == ["unchanged"] * 2
    assert not store.changed_since(moment)
    assert store.count(MentionQuery()) == 2


def test_an_edit_replaces_and_an_older_version_does_not(store: Store) -> None:
    version = version_of(NOW)
    assert store.save([record(1, "第二版", version=version + 2)]) == ["inserted"]
    assert store.save([record(1, "第一版", version=version + 1)]) == ["stale"]
    assert store.save([record(1, "第三版", version=version + 3, hours=5)]) == ["updated"]
    assert ids(store, "第二版") == []
    assert ids(store, "第三版") == [1]
    assert store.count(MentionQuery()) == 1


def test_a_mention_twice_in_a_batch_is_saved_in_order(store: Store) -> None:
    version = version_of(NOW)
    batch = [
        record(1, "甲", version=version),
        record(1, "乙", version=version + 1),
        record(1, "丙", version=version),
    ]
    assert store.save(batch) == ["inserted", "updated", "stale"]
    assert ids(store, "乙") == [1]


def test_a_rescored_mention_gets_its_new_labels(store: Store) -> None:
    store.save([record(1, sentiment="neutral")])
    assert store.save([record(1, sentiment="positive", model="better")]) == ["updated"]
    assert ids(store, sentiments=("positive",)) == [1]
    assert ids(store, sentiments=("neutral",)) == []


def test_counters_alone_can_change(store: Store) -> None:
    store.save([record(1, likes=1)])
    assert store.save([record(1, likes=500, version=version_of(NOW) + 1)]) == ["updated"]
    assert ids(store, "奶茶", min_engagement=500) == [1]


def test_deleted_at_the_source_is_gone_and_stays_gone(store: Store) -> None:
    version = version_of(NOW)
    store.save([record(1, version=version)])
    assert store.save([record(1, version=version + 2, deleted=True)]) == ["updated"]
    assert store.save([record(1, version=version + 1)]) == ["stale"]
    assert store.save([record(1, version=version + 2, deleted=True)]) == ["unchanged"]
    assert ids(store) == ids(store, "奶茶") == []
    assert store.save([record(1, version=version + 3)]) == ["inserted"]


def test_a_deletion_that_comes_first_keeps_the_mention_out(store: Store) -> None:
    assert store.save([record(1, version=7, deleted=True)]) == ["unchanged"]
    assert store.save([record(1, version=6)]) == ["stale"]


def test_deleted_by_hand(store: Store) -> None:
    store.save([record(1), record(2)])
    assert store.delete(["weibo:1", "weibo:none"]) == 1
    assert ids(store) == ids(store, "奶茶") == [2]
    assert store.save([record(1)]) == ["stale"]


def test_an_erased_author_is_gone_and_not_let_in_again(store: Store) -> None:
    store.save([record(1, author="gone"), record(2, author="gone"), record(3, author="here")])
    store.correct(Correction(mention_id="weibo:1", field="sentiment", value="neutral", by="me", at=NOW))
    store.set_customer("weibo:gone", "C1")
    assert store.erase_author("weibo:gone") == 2
    assert store.erase_author("weibo:gone") == 0
    assert ids(store) == ids(store, "奶茶") == [3]
    assert store.save([record(1, author="gone"), record(4, author="gone")]) == ["erased"] * 2
    assert list(store.corrections()) == []
    assert store.author("weibo:gone") is None
    store.set_customer("weibo:gone", "C1")
    assert ids(store, linked=True) == []


def test_a_correction_wins_and_survives_another_save(store: Store) -> None:
    store.save([record(1, sentiment="negative", intents=("complaint",), aspects={"taste": "negative"})])
    for field, value in (("sentiment", "positive"), ("intents", "praise, question"), ("aspects", "price:positive")):
        correction = Correction(mention_id="weibo:1", field=field, value=value, by="me", at=NOW)
        corrected = store.correct(correction)
    assert corrected.sentiment == "positive"
    store.save([record(1, "改过的字", version=version_of(NOW) + 1, sentiment="negative", model="better")])
    (found,) = store.get(["weibo:1"])
    assert found
    assert (found.sentiment, found.analysis.sentiment) == ("positive", "negative")
    assert found.analysis.intents == ("praise", "question")
    assert [(a.name, a.sentiment) for a in found.analysis.aspects] == [("price", "positive")]
    assert ids(store, "改过", sentiments=("positive",), intents=("praise",), aspects=("price",)) == [1]
    assert store.facets(MentionQuery(), ["sentiment"])["sentiment"][0].key == "positive"
    assert len(list(store.corrections())) == 3


def test_corrections_keep_who_when_and_whether_drawn_and_the_latest_of_a_field_wins(store: Store) -> None:
    store.save([record(1), record(2)])
    first = Correction(mention_id="weibo:1", field="sentiment", value="neutral", by="甲", at=NOW)
    later = Correction(
        mention_id="weibo:1", field="sentiment", value="positive", by="乙", at=NOW + MINUTE, drawn=True
    )
    other = Correction(mention_id="weibo:2", field="intents", value="", by="甲", at=NOW)
    for correction in (later, first, other):  # `first` comes late and changes nothing
        store.correct(correction)
    assert sorted(store.corrections(), key=lambda c: c.mention_id) == [later, other]


@pytest.mark.parametrize("again", ["same", "other model", "edited", "older"])
def test_no_save_overwrites_what_a_person_said(store: Store, again: str) -> None:
    version = version_of(NOW)
    labels = {"intents": ("complaint",), "aspects": {"taste": "negative"}}
    store.save([record(1, sentiment="negative", version=version, **labels)])
    for field, value in (("sentiment", "positive"), ("intents", ""), ("aspects", "price:positive,store:neutral")):
        store.correct(Correction(mention_id="weibo:1", field=field, value=value, by="me", at=NOW))
    kept = list(store.corrections())
    store.save(
        {
            "same": [record(1, sentiment="negative", version=version, **labels)],
            "other model": [record(1, sentiment="neutral", model="better", version=version, **labels)],
            "edited": [record(1, "改了", sentiment="neutral", version=version + 1, **labels)],
            "older": [record(1, "旧的", sentiment="neutral", version=version - 1, **labels)],
        }[again]
    )
    (found,) = store.get(["weibo:1"])
    assert found
    assert found.sentiment == "positive"
    assert found.analysis.intents == ()
    assert [(a.name, a.sentiment) for a in found.analysis.aspects] == [("price", "positive"), ("store", "neutral")]
    assert ids(store, sentiments=("positive",), aspects=("store",)) == [1]
    assert ids(store, intents=("complaint",)) == ids(store, aspects=("taste",)) == []
    assert next(store.scan(MentionQuery())) == found
    assert sorted(store.corrections(), key=str) == sorted(kept, key=str)


def test_a_correction_that_cannot_be_kept_is_refused(store: Store) -> None:
    with pytest.raises(NotFound):
        store.correct(Correction(mention_id="weibo:9", field="sentiment", value="neutral", by="me", at=NOW))
    store.save([record(1)])
    with pytest.raises(ValueError, match="no sentiment"):
        store.correct(Correction(mention_id="weibo:1", field="sentiment", value="angry", by="me", at=NOW))
    assert list(store.corrections()) == []


def test_health_tells_the_doctor(store: Store) -> None:
    assert store.health()["mentions"] == 0
    store.save([record(1), record(2, hours=1)])
    health = store.health()
    assert (health["mentions"], health["newest"]) == (2, NOW)
    assert health["address"]
    assert health["bytes"] > 0


WRITER = """
import sys
from pathlib import Path
from index.settings import Settings
from index.stores import open_store
from index.stores.cursors import write_cursor
sys.path.append(sys.argv[3])
import naive_store as naive
store = open_store(Settings(home=Path(sys.argv[1]), store=sys.argv[2]))
for start in range(0, 200, 20):
    numbers = range(start, start + 20)
    store.save([naive.record(n, f"奶茶 {n}", hours=n % 30, brands=(f"品牌{n % 9}",)) for n in numbers])
"""


def test_several_processes_write_the_same_and_nothing_doubles(settings: Settings, store: Store) -> None:
    command = [sys.executable, "-c", WRITER, str(settings.home), settings.store, str(Path(naive.__file__).parent)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait(300) for writer in writers] == [0, 0, 0]
    assert store.count(MentionQuery()) == store.count(MentionQuery(text="奶茶")) == 200
    assert sum(b.counts.total for b in store.facets(MentionQuery(), ["brand"])["brand"]) == 200
    assert len(list(store.scan(MentionQuery()))) == 200


def test_a_file_that_is_no_store_is_explained(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_text("hello, I am not a database " * 200)
    with pytest.raises(StoreError, match="broken"):
        open_store(Settings(home=tmp_path, store="sqlite:broken.sqlite"))
