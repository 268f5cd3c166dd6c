"""What every store promises, one body for all. To add a store: one entry in STORES."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import elastic
import msgspec
import naive_store as naive
import pytest

from index.documents import Correction, version_of
from index.errors import NotFound, QueryError, SettingsError, StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores import open_store
from index.stores.cursors import write_cursor
from index.stores.protocol import Store

STORES = ("sqlite", "elasticsearch")


record, NOW = naive.record, naive.NOW
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=STORES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    address = "sqlite:mentions.sqlite"
    if request.param == "elasticsearch":
        address = elastic.empty(request.getfixturevalue("elasticsearch_address"))
    return Settings(home=tmp_path, store=address)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


def ids(store: Store, text: str = "", **filters: object) -> list[int]:
    """Numbers of the mentions found, in order."""
    page = store.search(MentionQuery(text=text, **filters), limit=100)  # type: ignore[arg-type]
    return [int(hit.record.mention.id.partition(":")[2]) for hit in page.hits]


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


def test_health_tells_the_doctor(store: Store) -> None:
    assert store.health()["mentions"] == 0
    store.save([record(1), record(2, hours=1)])
    health = store.health()
    assert (health["mentions"], health["newest"]) == (2, NOW)
    assert health["address"]
    assert health["bytes"] > 0


def test_text_that_would_be_code_elsewhere_is_only_text(store: Store) -> None:
    nasty = '\'; DROP TABLE mention;-- <b>\x00\u202e "NEAR(a b)" AND fts:* ☃'
    said = record(1, nasty, brands=("Robert'); --", "a:b"), name="x' OR 1=1", region='"', source="s;")
    assert store.save([said]) == ["inserted"]
    assert store.get(["weibo:1"]) == [said]
    assert ids(store, "drop table mention") == ids(store, brands=("Robert'); --",)) == [1]
    assert {b.key for b in store.facets(MentionQuery(), ["brand"])["brand"]} == {"Robert'); --", "a:b"}


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
