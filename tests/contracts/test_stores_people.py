"""What every store promises of authors, customers and what several people say alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import naive_store as naive
from every_store import ids
from naive_store import NOW, record

from index.query import MentionQuery
from index.stores.protocol import Store


def test_authors(store: Store) -> None:
    store.save([record(n, author="busy", likes=1, hours=n, followers=n) for n in range(5)])
    store.save([record(10, author="loud", likes=99, sentiment="positive"), record(11, author=None)])
    top = store.top_authors(MentionQuery())
    assert [(a.author.id, a.mentions, a.engagement) for a in top] == [("weibo:busy", 5, 5), ("weibo:loud", 1, 99)]
    assert top[0].counts.negative == 5
    assert [a.author.id for a in store.top_authors(MentionQuery(), by="engagement", limit=1)] == ["weibo:loud"]
    assert [a.mentions for a in store.top_authors(MentionQuery(since=NOW - timedelta(hours=2)))] == [3, 1]
    found = store.author("weibo:loud")
    assert found
    assert found.counts.positive == 1
    assert store.author("weibo:nobody") is None


def test_the_author_is_shown_as_the_newest_version_has_them(store: Store) -> None:
    store.save(
        [record(1, author="a", name="新名", followers=7, version=9), record(2, author="a", name="旧名", version=5)]
    )
    found = store.author("weibo:a")
    assert found
    assert (found.author.name, found.author.followers) == ("新名", 7)
    assert [a.id for a in store.find_authors("weibo", ["新名"])] == ["weibo:a"]
    assert store.find_authors("weibo", ["旧名"]) == store.find_authors("douyin", ["新名", "a"]) == []
    assert [a.id for a in store.find_authors("weibo", ["a"])] == ["weibo:a"]


def test_customers_own_past_and_future_mentions(store: Store) -> None:
    store.save([record(1, author="a"), record(2, author="b")])
    store.set_customer("weibo:a", "C1")
    store.save([record(3, author="a", hours=1)])
    assert ids(store, customers=("C1",)) == ids(store, linked=True) == ids(store, "is:linked") == [1, 3]
    assert ids(store, linked=False) == ids(store, "-is:linked") == [2]
    assert [h.record.customer_id for h in store.search(MentionQuery(linked=True)).hits] == ["C1", "C1"]
    store.set_customer("weibo:a", None)
    assert ids(store, linked=True) == []


def test_influence_is_shown_with_mentions_and_ranks_authors(store: Store) -> None:
    store.save([record(1, author="a"), record(2, author="b"), record(3, author="c")])
    for author, brand, score in (("a", "喜茶", 40.0), ("b", "喜茶", 70.0), ("c", "别的", 99.0)):
        store.set_influence([naive.influence(f"weibo:{author}", brand, score)])
    assert [r.koc for r in store.get(["weibo:1", "weibo:2", "weibo:3"]) if r] == [40.0, 70.0, None]
    ranked = store.top_authors(MentionQuery(brands=("喜茶",)), by="koc")
    assert [(a.author.id, a.influence and a.influence.score) for a in ranked] == [("weibo:b", 70), ("weibo:a", 40)]
    store.set_influence([naive.influence("weibo:a", "喜茶", 80.0)])
    (best,) = store.top_authors(MentionQuery(brands=("喜茶",)), by="koc", limit=1)
    assert best.author.id == "weibo:a"


def test_facts_about_an_author_for_one_brand(store: Store) -> None:
    minute, taste = 1 / 60, {"taste": "positive"}
    store.save(
        [record(n, f"第{n}次", author="a", hours=n * minute, likes=n, aspects=taste) for n in range(6)]
        + [record(10, "同样的话", author="a", hours=30, spam=0.9, sentiment="positive", followers=5)]
        + [record(11, "同样的話！", author="b", hours=50, intents=("advertisement", "praise"))]
        + [record(12, "说别的", author="a", brands=("奈雪",)), record(13, author="a", hours=24 * 40)]
    )
    store.set_customer("weibo:a", "C1")
    first, second = store.author_facts("喜茶", since=NOW - timedelta(days=30))
    assert (first.author.id, first.posts, first.active_days, first.customer_id) == ("weibo:a", 7, 2, "C1")
    assert (first.engagement, first.experience_posts, first.spam_posts) == (2.5, 6, 1)
    assert (first.duplicate_posts, first.burst_posts) == (1, 6)
    assert (first.negative, first.neutral, first.positive) == (6, 0, 1)
    assert (first.first_at, first.last_at) == (NOW - timedelta(hours=30), NOW)
    assert (second.author.id, second.engagement, second.experience_posts) == ("weibo:b", None, 0)
    (only,) = store.author_facts("喜茶", since=NOW - timedelta(days=30), authors=["weibo:b", "weibo:x"])
    assert only == second
    assert store.author_facts("无名", since=NOW) == []


def test_near_duplicates_are_found_left_out_and_counted(store: Store) -> None:
    paid, other = "00000000000abcd", "7fffffffffffff0"
    store.save([record(n, f"好喝推荐{n}", cluster=paid, platform="weibo") for n in range(3)])
    store.save([record(3, cluster=other), record(4), record(5, cluster=paid, sentiment="positive")])
    assert ids(store, clusters=(paid,)) == [5, 2, 1, 0]
    assert ids(store, "好喝", clusters=(paid, other)) == [2, 1, 0]
    assert ids(store, not_clusters=(paid,)) == [4, 3]
    assert ids(store, clusters=("no key",)) == []
    assert len(ids(store, not_clusters=("no key",))) == 6
    found = store.facets(MentionQuery(), ["cluster"])["cluster"]
    assert [(b.key, b.counts.total, b.counts.positive) for b in found] == [(paid, 4, 1), (other, 1, 0)]
    store.save([record(5, cluster=other, sentiment="positive", model="better")])
    assert ids(store, clusters=(other,)) == [5, 3]


def test_the_same_words_from_several_accounts_within_a_day_are_coordinated(store: Store) -> None:
    paid, repeated, slow = "1", "2", "3"
    store.save([record(n, f"文案{n}", author=f"a{n}", hours=8 * n, cluster=paid) for n in range(4)])
    store.save([record(10 + n, f"自己的话{n}", author="b", hours=n, cluster=repeated) for n in range(4)])
    store.save([record(20 + n, f"老文案{n}", author=f"c{n}", hours=25 * n, cluster=slow) for n in range(4)])
    store.save([record(30, "没有一样的", author="a0"), record(31, "不知是谁", author=None, cluster=repeated)])
    facts = {one.author.id: one for one in store.author_facts("喜茶", since=NOW - timedelta(days=30))}
    assert {a: (f.duplicate_posts, f.coordinated_posts) for a, f in facts.items()} == {
        **{f"weibo:a{n}": (0, 1) for n in range(4)},
        **{f"weibo:c{n}": (0, 0) for n in range(4)},
        "weibo:b": (0, 0),
    }
    assert facts["weibo:a0"].posts == 2
    for author, expected in facts.items():  # of one, by what others did
        assert store.author_facts("喜茶", since=NOW - timedelta(days=30), authors=[author]) == [expected]


def test_a_cached_picture_is_known_to_be_old(store: Store) -> None:
    store.save([record(1)])
    moment = datetime.now(UTC)
    assert store.changed_since(moment - timedelta(minutes=1))
    assert not store.changed_since(moment)
    store.save([record(2)])
    assert store.changed_since(moment)
