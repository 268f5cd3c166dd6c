"""Scores and customers of authors that a process keeps: a page takes one request and shows what the cluster has."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import elastic
import naive_store as naive
import pytest

from index.documents import Influence
from index.query import MentionQuery
from index.settings import Settings
from index.stores import elasticsearch_kept_cards, elasticsearch_places, open_store
from index.stores.elasticsearch import ElasticsearchStore

record, NOW = naive.record, naive.NOW
EVERYTHING = MentionQuery()
AUTHORS = [f"weibo:u{n}" for n in range(12)]


@pytest.fixture
def stores(tmp_path: Path, elasticsearch_address: str) -> Iterator[tuple[ElasticsearchStore, ElasticsearchStore]]:
    """Those of two processes."""
    settings = Settings(home=tmp_path, store=elasticsearch_address)
    open_store(settings).close()
    elastic.empty(elasticsearch_address)
    first, second = open_store(settings), open_store(settings)
    assert isinstance(first, ElasticsearchStore)
    assert isinstance(second, ElasticsearchStore)
    first.save([record(n, author=f"u{n}") for n in range(len(AUTHORS))])
    yield first, second
    first.close()
    second.close()


def score(author: str, value: float, brand: str | None = "喜茶") -> Influence:
    words: dict[str, Any] = {"tier": "ordinary", "parts": {}, "reason_zh": "", "reason_en": ""}
    return Influence(author_id=author, brand=brand, score=value, computed_at=NOW, **words)


def shown(store: ElasticsearchStore) -> dict[str, tuple[float | None, str | None]]:
    """Score and customer beside each mention of a page."""
    records = [hit.record for hit in store.search(EVERYTHING).hits]
    return {r.mention.id: (r.koc, r.customer_id) for r in records}


def asked_for(store: ElasticsearchStore, ids: Sequence[str]) -> dict[str, tuple[float | None, str | None]]:
    """The same, of the cluster."""
    return {r.mention.id: (r.koc, r.customer_id) for r in store.get(ids) if r}


def test_a_page_shows_what_another_process_or_this_one_just_wrote(
    stores: tuple[ElasticsearchStore, ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_places, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(elasticsearch_kept_cards, "BATCH", 3)
    chance = random.Random(4)
    left = list(AUTHORS)
    for turn in range(40):
        writer, reader = chance.sample(stores, k=2)
        match chance.randrange(3):
            case 0:
                brands = ("喜茶", None)
                writer.set_influence([score(a, turn + n, chance.choice(brands)) for n, a in enumerate(left)])
            case 1:
                writer.set_customer(chance.choice(left), chance.choice(["c1", "c2", None]))
            case 2 if turn % 4 == 0:
                writer.erase_author(left.pop())
        for store in (reader, writer):
            page = shown(store)
            assert page == asked_for(store, list(page))
            assert len(page) == len(left)
    for store in stores:
        kept = store._cards._kept
        assert kept._mark
        assert kept._customers.keys() <= set(left)  # nothing is remembered of the erased


def test_a_page_takes_one_request(
    stores: tuple[ElasticsearchStore, ElasticsearchStore], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = stores
    store.set_influence([score(a, 7) for a in AUTHORS])
    shown(store)
    store._places.doubt()  # a second went by
    shown(store)
    asked.clear()
    assert {koc for koc, _ in shown(store).values()} == {7}
    assert asked == ["_search"]
    monkeypatch.setattr(elasticsearch_kept_cards, "MOST", len(AUTHORS) - 1)
    store.set_customer(AUTHORS[0], "c1")
    assert shown(store)["weibo:0"] == (7, "c1")  # too many to keep: those of the page are asked for
    asked.clear()
    shown(store)
    assert asked == ["_search", "_msearch"]


def test_an_index_that_was_made_anew_is_read_anew(
    stores: tuple[ElasticsearchStore, ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_places, "STALE_SECONDS", 0.0)
    store, other = stores
    store.set_influence([score(a, 7) for a in AUTHORS])
    for _ in range(2):
        assert {koc for koc, _ in shown(store).values()} == {7}
    other.client.indices.delete(index=other.layout.people)
    other.layout.make(other.layout.generation)
    other.set_influence([score(a, 8) for a in AUTHORS])
    assert {koc for koc, _ in shown(store).values()} == {8}
