"""KOC scores follow what is saved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from index.crm.customers import Customers
from index.documents import Analysis, Author, Mention, Record
from index.settings import Settings
from index.stores import open_store
from index.stores.protocol import Store
from nlp import scores as scores_module
from nlp.scores import Scores

NOW = datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


def record(number: int, author: str, brands: tuple[str, ...] = ("茶茶",)) -> Record:
    return Record(
        mention=Mention(
            id=f"weibo:{number}",
            platform="weibo",
            source="s",
            text=f"茶茶第{number}次",
            published_at=NOW - timedelta(days=number % 30),
            version=1,
            author=Author(id=f"weibo:{author}", followers=900),
            brands=brands,
        ),
        analysis=Analysis(
            model="m", model_version="1", analysed_at=NOW, lang="zh-Hans", sentiment="positive",
            probabilities={"negative": 0.1, "neutral": 0.1, "positive": 0.8},
        ),
    )  # fmt: skip


def scored(store: Store, author: str) -> dict[str | None, float]:
    stat = store.author(f"weibo:{author}")
    return {stat.influence.brand: stat.influence.score} if stat and stat.influence else {}


def test_authors_of_what_was_saved_are_scored_for_each_brand(settings: Settings, store: Store) -> None:
    records = [record(1, "a"), record(2, "b", ("茶茶", "果果")), record(3, "c", ())]
    store.save(records)
    scores = Scores(settings, store, Customers(settings))
    scores.remember(records)
    scores.refresh(at_once=True)
    assert set(scored(store, "a")) == {"茶茶"}
    assert set(scored(store, "b")) <= {"茶茶", "果果"}
    assert scored(store, "c") == {}


def test_between_batches_only_one_chunk_is_scored(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mentions that come in meanwhile must not wait until ten thousand authors are scored."""
    monkeypatch.setattr(scores_module, "CHUNK", 2)
    monkeypatch.setattr(scores_module, "EVERY", 0.0)
    records = [record(n, f"u{n}") for n in range(5)]
    store.save(records)
    scores = Scores(settings, store, Customers(settings))
    scores.remember(records)

    def how_many() -> int:
        return sum(bool(scored(store, f"u{n}")) for n in range(5))

    seen = []
    for _ in range(4):
        scores.refresh()
        seen.append(how_many())
    assert seen == [2, 4, 5, 5]


def test_scores_wait_for_their_time(settings: Settings, store: Store) -> None:
    store.save([record(1, "a")])
    scores = Scores(settings, store, Customers(settings))
    scores.remember([record(1, "a")])
    scores.refresh()
    assert scored(store, "a") == {}
    scores.refresh(at_once=True)
    assert scored(store, "a") != {}


def test_who_began_a_campaign_is_scored_again_when_others_join(settings: Settings, store: Store) -> None:
    """One by one, as they come in: the first two accounts looked honest, and will not post again."""

    def paid(number: int) -> Record:
        one = record(number, f"paid{number}")
        mention = replace(one.mention, published_at=NOW - timedelta(hours=9 - number))
        return replace(one, mention=mention, analysis=replace(one.analysis, cluster="00000000000000a"))

    scores = Scores(settings, store, Customers(settings))
    for number in range(4):
        store.save([paid(number)])
        scores.remember([paid(number)])
        scores.refresh(at_once=True)
    facts = store.author_facts("茶茶", since=NOW - timedelta(days=30))
    assert [one.coordinated_posts for one in facts] == [1] * 4
    for number in range(4):
        stat = store.author(f"weibo:paid{number}")
        assert stat
        assert stat.influence
        assert stat.influence.parts["authenticity"] == 0, number
