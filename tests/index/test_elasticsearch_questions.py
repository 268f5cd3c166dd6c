"""How much a question costs the cluster, and that what is asked in one request fails as it would alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import elastic
import naive_store as naive
import pytest
from elastic_transport import Transport, TransportApiResponse
from elasticsearch import BadRequestError, NotFoundError

from index.errors import StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores import (
    elasticsearch_client,
    elasticsearch_days,
    elasticsearch_facts,
    elasticsearch_people,
    elasticsearch_places,
    open_store,
)
from index.stores.elasticsearch import ElasticsearchStore
from index.stores.elasticsearch_scan import hits
from index.stores.elasticsearch_together import together

record, NOW = naive.record, naive.NOW
EVERYTHING = MentionQuery()


@pytest.fixture
def store(tmp_path: Path, elasticsearch_address: str) -> Iterator[ElasticsearchStore]:
    settings = Settings(home=tmp_path, store=elasticsearch_address)
    open_store(settings).close()
    elastic.empty(elasticsearch_address)
    opened = open_store(settings)
    assert isinstance(opened, ElasticsearchStore)
    yield opened
    opened.close()


def test_the_first_authors_cost_two_requests(store: ElasticsearchStore, asked: list[str]) -> None:
    store.save([record(n, author=f"a{n % 3}") for n in range(7)])
    store.top_authors(EVERYTHING)  # what was written here is made visible
    asked.clear()
    assert [stat.mentions for stat in store.top_authors(EVERYTHING)] == [3, 2, 2]
    assert asked == ["_search", "_msearch"]


@pytest.mark.parametrize("by", ["mentions", "engagement"])
def test_the_first_authors_are_right_when_no_month_names_them_first(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, asked: list[str], by: Any
) -> None:
    """Whoever is first in all may be second in every month."""
    monkeypatch.setattr(elasticsearch_people, "SHARD_AUTHORS", 1)
    monkeypatch.setattr(elasticsearch_people, "POOL", 2)
    months = [NOW - timedelta(days=40 * n) for n in range(3)]
    number = iter(range(10_000))
    for turn, month in enumerate(months):
        for author, times in [("always", 9), *((f"only{turn}-{n}", 10 + n) for n in range(6))]:
            store.save([record(next(number), author=author, at=month, likes=1) for _ in range(times)])
    (first,) = store.top_authors(EVERYTHING, by=by, limit=1)
    assert (first.author.id, first.mentions, first.engagement, first.counts.total) == ("weibo:always", 27, 27, 27)
    assert asked.count("_search") >= (2 if by == "mentions" else 1)


def test_authors_come_in_order_however_little_each_month_names(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.setattr(elasticsearch_people, "SHARD_AUTHORS", 1)
    monkeypatch.setattr(elasticsearch_people, "POOL", 2)
    chance = random.Random(2)
    said = Counter[str]()
    records = []
    for n in range(400):
        author = f"a{int(40 * chance.random() ** 3):02}"
        said[f"weibo:{author}"] += 1
        records.append(record(n, author=author, at=NOW - timedelta(days=chance.randrange(120))))
    store.save(records)
    expected = sorted(said.items(), key=lambda item: (-item[1], item[0]))
    ways = set()
    for limit in range(1, 12):
        asked.clear()
        found = store.top_authors(EVERYTHING, limit=limit)
        assert [(stat.author.id, stat.mentions) for stat in found] == expected[:limit]
        ways.add(asked.count("_search"))
    assert ways >= {2, 3}  # sure once those named were counted, and once more were named


def test_an_overview_is_one_request(store: ElasticsearchStore, asked: list[str]) -> None:
    store.save([record(1, author="a"), record(2, author="b")])
    query = MentionQuery(since=NOW - timedelta(days=3))
    store.count(MentionQuery(hide_spam=True))  # what was written here is made visible
    asked.clear()
    assert sum(bucket.counts.total for bucket in store.histogram(query)) == store.count(query) == 2
    assert store.facets(query, ("brand", "platform", "sentiment", "aspect", "intent"))
    assert asked == ["_search"]


def test_a_large_overview_asks_again_only_whether_anything_changed(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.setattr(elasticsearch_places, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(elasticsearch_days, "MANY", 0)
    store.save([record(1, author="a"), record(2, author="b")])
    today = datetime.fromisoformat("2020-01-01T00:00+08:00")
    today += timedelta(days=(NOW - today).days)
    query = MentionQuery(since=today, until=today + timedelta(days=1))
    assert [store.count(query) for _ in range(2)] == [2, 2]  # as a whole, then by day
    asked.clear()
    assert store.count(query) == 2
    assert asked == ["docs"]  # the sequence numbers
    assert store.erase_author("weibo:a") == 1
    assert store.count(query) == 1


def test_the_questions_asked_last_keep_their_days(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_places, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(elasticsearch_days, "MANY", 0)
    monkeypatch.setattr(elasticsearch_days, "MOST_KEPT", 20)
    store.save([record(n, brands=(f"b{n}",)) for n in range(4)])
    for name in ("b0", "b1", "b0", "b2", "b0", "b3"):
        query = MentionQuery(brands=(name,), since=NOW - timedelta(days=9), until=NOW + timedelta(days=1))
        assert [store.count(query) for _ in range(2)] == [1, 1]
    kept = store._counting._days._kept  # type: ignore[attr-defined]
    assert [key.count("b0") + 2 * key.count("b3") for key in kept][-2:] == [1, 2]
    assert sum(map(len, kept.values())) <= 30


def test_facts_about_an_author_do_not_read_what_others_said(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noting(*args: Any, **options: Any) -> Iterator[dict[str, Any]]:
        for hit in hits(*args, **options):
            read.append(hit["_id"])
            yield hit

    monkeypatch.setattr(elasticsearch_facts, "hits", noting)
    store.save([record(n, author="a") for n in range(2)])
    store.save([record(10 + n, author=f"b{n}") for n in range(50)])
    (facts,) = store.author_facts("喜茶", since=NOW - timedelta(days=1), authors=["weibo:a"])
    assert (facts.posts, facts.duplicate_posts) == (2, 2)
    assert sorted(read) == ["weibo:0", "weibo:1"]


def test_one_of_several_searches_that_fails_fails_all(store: ElasticsearchStore) -> None:
    good = (store.layout.mentions, {"query": {"match_all": {}}})
    assert [answer["status"] for answer in together(store.client, good, good)] == [200, 200]
    with pytest.raises(BadRequestError):
        together(store.client, good, (store.layout.mentions, {"query": {"nonsense": {}}}))
    with pytest.raises(NotFoundError):
        together(store.client, good, (f"{store.layout.prefix}-none", {}))


def test_what_an_operator_can_mend_is_told_of_each_part(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_client, "FIRST_PAUSE", 0)
    busy: dict[str, Any] = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "full"}}
    real, times = Transport.perform_request, iter(range(100))

    def crowded(transport: Transport, method: str, target: str, **options: Any) -> TransportApiResponse:
        answer = real(transport, method, target, **options)
        if "_msearch" in target and next(times) < refused:
            answer.body["responses"][-1] = busy
        return answer

    monkeypatch.setattr(Transport, "perform_request", crowded)
    good = (store.layout.mentions, {})
    refused = 2
    assert [answer["status"] for answer in together(store.client, good, good)] == [200, 200]
    refused = 1000
    with pytest.raises(StoreError, match="has too much to do"):
        together(store.client, good, good)
