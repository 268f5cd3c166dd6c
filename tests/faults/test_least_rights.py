"""Each user does its whole work with its role and no right more, on a cluster with TLS and users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import msgspec
import naive_store as naive
import pytest
from elasticsearch import helpers
from mappings import newer

from index.documents import Correction
from index.errors import StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores import open_store
from index.stores.elasticsearch_client import connect
from index.stores.protocol import Store

record, NOW = naive.record, naive.NOW
EVERYTHING = MentionQuery()
MONTH = timedelta(days=31)
Become = Callable[[str], None]
Earshot = Callable[..., Any]


@pytest.fixture
def made(earshot: Earshot, become: Become) -> None:
    """The indices are made by the set-up user; from then on we are the product's."""
    become("earshot_setup")
    earshot("index", "init", "--json")
    become("earshot")


@pytest.fixture
def store(settings: Settings, made: None) -> Iterator[Store]:
    with closing(open_store(settings)) as opened:
        yield opened


def say(store: Store, *, version: int = 1) -> None:
    """Twelve mentions of three months."""
    text = f"太甜了，第{version}版"
    saved = [record(n, text, at=NOW - n % 3 * MONTH, version=version, likes=n) for n in range(12)]
    assert set(store.save(saved)) <= {"inserted", "updated"}


def test_the_product_s_user_saves_finds_counts_and_corrects(store: Store) -> None:
    say(store)
    edits = [record(1, "搬到本月", at=NOW, version=3), record(2, "旧", version=0)]
    assert store.save(edits) == ["updated", "stale"]
    store.correct(Correction(mention_id="weibo:1", field="sentiment", value="positive", by="me", at=NOW))
    store.set_customer("weibo:u1", "C1")
    store.set_influence([naive.influence("weibo:u1", "喜茶", 70.0)])
    assert store.delete(["weibo:5"]) == 1

    (moved,) = store.search(MentionQuery(text="搬到本月", sort="relevance")).hits
    assert (moved.record.sentiment, moved.record.customer_id, moved.record.koc) == ("positive", "C1", 70.0)
    month = MentionQuery(since=NOW - timedelta(days=30), until=NOW + timedelta(days=1))
    assert store.count(month) == sum(bucket.counts.total for bucket in store.histogram(month)) == 5
    assert store.facets(month, ["brand", "aspect", "region"])["brand"][0].counts.positive == 1
    assert [store.top_authors(EVERYTHING, by=by)[0].author.id for by in ("engagement", "koc")] == [
        "weibo:u11",
        "weibo:u1",
    ]
    assert [len(store.author_facts("喜茶", since=NOW - 2 * MONTH)), len(list(store.scan(EVERYTHING)))] == [11, 11]
    assert store.find_authors("weibo", ["u1"])[0] == store.author("weibo:u1").author  # type: ignore[union-attr]
    assert store.health()["mentions"] == 11


def test_the_product_s_user_may_not_do_what_a_person_sets_up(store: Store, settings: Settings) -> None:
    say(store)
    month = "earshot-mentions-1-202611"
    with connect(settings) as client:
        for action in (
            lambda: client.indices.delete(index=month),
            lambda: client.indices.put_index_template(name="earshot-x", index_patterns=["earshot-x"]),
            lambda: client.indices.update_aliases(actions=[{"remove": {"index": month, "alias": "*"}}]),
            lambda: client.indices.create(index="earshot-x"),
            lambda: client.search(index="payroll", allow_partial_search_results=False),
            lambda: client.cluster.put_settings(persistent={"cluster.max_shards_per_node": 1}),
        ):
            with pytest.raises(StoreError, match="does not allow 'earshot'"):
                action()


def test_the_product_s_user_is_told_to_have_the_indices_made(
    earshot: Earshot, become: Become, settings: Settings
) -> None:
    become("earshot")
    with pytest.raises(StoreError, match=r"may not make one.*earshot_setup.json: earshot index init"):
        open_store(settings)


def test_the_product_s_user_runs_every_command(store: Store, earshot: Earshot, settings: Settings) -> None:
    say(store)
    store.correct(Correction(mention_id="weibo:1", field="sentiment", value="positive", by="me", at=NOW))
    assert earshot("search", "太甜", "--count", "--json") == 12
    assert earshot("export", "--to", str(settings.home / "all.csv"), "--json")["mentions"] == 12
    assert earshot("corrections", "--json")["fields"][0]["labels"] == 1
    assert earshot("status", "--json")["mentions"] == 12
    assert sum(month["mentions"] for month in earshot("index", "status", "--json")["months"]) == 12
    checks = earshot("doctor", "--json", code=1)["checks"]  # the Redis of the tests forgets the last second
    assert [check["name"] for check in checks if check["level"] == "problem"] == ["inbox"]


def test_the_product_s_user_moves_house_in_both_directions(
    store: Store, earshot: Earshot, settings: Settings
) -> None:
    with closing(open_store(msgspec.structs.replace(settings, store="sqlite:m.sqlite"))) as file:
        say(file)
        file.erase_author("weibo:u3")
    for source, target in (("sqlite:m.sqlite", settings.store), (settings.store, "sqlite:back.sqlite")):
        report = earshot("copy", source, target, "--json")
        assert (report["mentions"], report["traces"], report["differences"]) == (11, 1, [])


def holding(settings: Settings, word: str) -> list[str]:
    """Documents of any index, in use or not, in which this word stands."""
    with connect(settings) as client:
        client.indices.refresh(index="earshot-*", ignore_unavailable=True)
        everything = helpers.scan(client, index="earshot-*", query={"query": {"match_all": {}}})
        return [f"{hit['_index']}/{hit['_id']}" for hit in everything if word in repr(hit)]


def test_set_up_and_product_go_to_a_newer_mapping_and_back(
    store: Store, earshot: Earshot, become: Become, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An author who is erased between the two is gone from the generation that waits, too."""
    say(store)
    newer(monkeypatch)
    become("earshot_setup")
    assert earshot("index", "migrate", "--json")["copied"] == 12
    become("earshot")
    with closing(open_store(settings)) as product:
        say(product, version=2)
        who = ("--by", "Li", "--reason", "asked", "--yes", "--json")
        assert earshot("erase", "--author", "weibo:u3", *who) == {"authors": ["weibo:u3"], "mentions": 1, "left": 0}
        assert product.save([record(3)]) == ["erased"]
    become("root")
    assert holding(settings, "weibo:u3") == []
    become("earshot_setup")
    assert earshot("index", "migrate", "--back", "--json")["copied"] >= 11
    assert len(earshot("index", "migrate", "--finish", "--json")["removed"]) == 4
    assert earshot("index", "drop", "--before", "2026-11-01", "--yes", "--json")["mentions"] == 8
