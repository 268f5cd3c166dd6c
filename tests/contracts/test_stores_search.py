"""What every store promises of a search: what is found, where it stands, in which order, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from every_store import ids
from naive_store import NOW, record

from index.errors import QueryError
from index.query import MentionQuery
from index.stores.cursors import write_cursor
from index.stores.protocol import Store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("奶茶", [1, 2, 3]),
        ("奶茶 咖啡", [2]),
        ("奶茶 OR iphone15", [1, 2, 3, 5]),
        ("-奶茶", [4, 5, 6, 7]),
        ("臺灣", [3]),
        ("台湾", [3]),
        ("IPHONE15手机", [5]),
        ("ｉＰｈｏｎｅ", []),
        ("iphone*", [5]),
        ("手机 iphone15", [5]),
        ("甜 茶", [1, 3]),
        ("茶 -甜", [2]),
        ('"good morning"', [4]),
        ("morning", [4, 6]),
        ("good -morning", []),
        ("😋", [4]),
        ("👍", [7]),
        ("brand:喜茶 OR 😋", [1, 2, 3, 4]),
        ("(奶茶 OR good) -(台湾 OR 😋)", [1, 2]),
        ("-brand:喜茶 -😋", [5, 6, 7]),
        ("-(奶茶 brand:喜茶)", [4, 5, 6, 7]),
        ("作者：小王", [1]),
        ("author:weibo:u2", [2]),
        ("since:2026-11-20 奶茶", [1, 2]),
        ("until:2026-11-19 奶茶", [3]),
        ("is:spam", [7]),
        ("lang:EN", [4, 6]),
        ("title", [6]),
    ],
)
def test_search(store: Store, query: str, found: list[int]) -> None:
    store.save(
        [
            record(1, "奶茶太甜了，差评！", name="小王"),
            record(2, "奶茶和咖啡都不错", hours=1),
            record(3, "臺灣的奶茶偏甜，茶味淡", hours=30),
            record(4, "Good morning 😋 tea", hours=40, lang="en", brands=()),
            record(5, "新的ｉＰｈｏｎｅ15手机", hours=50, brands=("果牌",)),
            record(6, "morning.star", hours=60, lang="en", brands=(), title="Title"),
            record(7, "赞👍🏽", hours=70, brands=(), spam=0.9),
        ]
    )
    assert ids(store, query) == found
    assert store.count(MentionQuery(text=query)) == len(found)
    assert [int(r.mention.id[6:]) for r in store.scan(MentionQuery(text=query), batch=2)] == found


def test_a_search_that_cannot_be_read_points_at_the_place(store: Store) -> None:
    with pytest.raises(QueryError) as caught:
        store.search(MentionQuery(text='奶茶 "差评'))
    assert caught.value.position == 3


def test_highlights_stand_where_the_words_stand(store: Store) -> None:
    store.save([record(1, "臺灣的ＩＰｈｏｎｅ手机", title="奶茶")])
    (hit,) = store.search(MentionQuery(text="台湾 iphone手 OR -奶")).hits
    text = hit.record.mention.full_text
    assert [text[a:b] for a, b in hit.highlights] == ["臺灣", "ＩＰｈｏｎｅ手"]
    assert store.search(MentionQuery(text="台湾"), highlight=False).hits[0].highlights == ()


@pytest.mark.parametrize("sort", ["newest", "relevance", "engagement"])
def test_pages_go_on_where_they_stopped_while_mentions_come_in(store: Store, sort: str) -> None:
    store.save([record(n, f"奶茶 {'很好 ' * (n % 5)}", hours=n % 7, likes=n % 4 or None) for n in range(50)])
    query = MentionQuery(text="奶茶", sort=sort)  # type: ignore[arg-type]
    before = [h.record.mention.id for h in store.search(query, limit=100).hits]
    seen: list[str] = []
    cursor = None
    for new in range(100, 400, 3):
        page = store.search(query, limit=7, cursor=cursor)
        seen += [hit.record.mention.id for hit in page.hits]
        store.save([record(new + i, "奶茶 新的", hours=i * 3, likes=i) for i in range(3)])
        cursor = page.cursor
        if cursor is None:
            break
    old = [mention_id for mention_id in seen if int(mention_id[6:]) < 50]
    assert len(seen) == len(set(seen))
    assert old == before


def test_orders(store: Store) -> None:
    store.save(
        [
            record(1, "奶茶 咖啡 果汁 牛奶 饼干 蛋糕", hours=1, likes=5),
            record(2, "奶茶 奶茶 奶茶", hours=3, likes=None),
            record(3, "奶茶 咖啡", hours=2, likes=9),
        ]
    )
    assert ids(store, "奶茶") == [1, 3, 2]
    assert ids(store, "奶茶", sort="relevance") == [2, 3, 1]
    assert ids(store, "奶茶", sort="engagement") == [3, 1, 2]
    assert ids(store, sort="relevance") == [1, 3, 2]


def test_a_damaged_page_link_is_explained(store: Store) -> None:
    store.save([record(1), record(2)])
    odd = [write_cursor("newest", *[number] * n, "weibo:1") for number in (float("nan"), 1 << 70) for n in (1, 2)]
    other_order = store.search(MentionQuery(sort="engagement"), limit=1).cursor
    for cursor in ("x", "!!!!", "bnVsbA", "W10", *odd, other_order):
        with pytest.raises(QueryError, match="first page"):
            store.search(MentionQuery(), cursor=cursor)


def test_text_that_would_be_code_elsewhere_is_only_text(store: Store) -> None:
    nasty = '\'; DROP TABLE mention;-- <b>\x00\u202e "NEAR(a b)" AND fts:* ☃'
    said = record(1, nasty, brands=("Robert'); --", "a:b"), name="x' OR 1=1", region='"', source="s;")
    assert store.save([said]) == ["inserted"]
    assert store.get(["weibo:1"]) == [said]
    assert ids(store, "drop table mention") == ids(store, brands=("Robert'); --",)) == [1]
    assert {b.key for b in store.facets(MentionQuery(), ["brand"])["brand"]} == {"Robert'); --", "a:b"}


def test_many_mentions_of_one_moment(store: Store) -> None:
    """A source that gives the day only: more mentions in a second than row ids, and all are found."""
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    day = MentionQuery(since=midnight, until=midnight + timedelta(seconds=1))
    for start in range(0, 3000, 500):
        store.save([record(n, f"第{n}篇", at=midnight) for n in range(start, start + 500)])
    store.save([record(5000, at=midnight + timedelta(seconds=1)), record(5001, at=midnight - timedelta(seconds=1))])
    assert store.count(day) == 3000
    assert len({r.mention.id for r in store.scan(day)}) == 3000
    assert store.count(msgspec.structs.replace(day, langs=("zh",), since=None)) == 3001
    assert store.count(MentionQuery(text="第 OR 奶茶")) == 3002


def test_times_before_1970_and_far_ahead(store: Store) -> None:
    moments = [datetime.min.replace(tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 500, tzinfo=UTC), NOW]
    moments.append(datetime.max.replace(tzinfo=UTC))
    store.save([record(n, at=at) for n, at in enumerate(moments)])
    assert ids(store) == ids(store, "奶茶") == [3, 2, 1, 0]
    assert ids(store, until=datetime(1970, 1, 1, tzinfo=UTC)) == [1, 0]
    assert ids(store, "奶茶", since=moments[1], until=NOW) == [1]
    for step, length in (("day", 10), ("hour", 16)):
        keys = [b.key for b in store.histogram(MentionQuery(), step=step)]  # type: ignore[arg-type]
        assert keys == sorted(keys)
        assert {len(key) for key in keys} == {length}
        assert len(keys) == 4
