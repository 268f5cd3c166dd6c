"""Every store against plain lists and loops: the same saves in any order, the same questions, the same answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import elastic
import msgspec
import naive_store as naive
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from index.documents import Correction, Record
from index.query import And, FieldIs, MentionQuery, Node, Not, Or, Sort, Term, write
from index.query_language import parse
from index.settings import Settings
from index.stores import elasticsearch_days, elasticsearch_places, open_store
from index.stores.protocol import Facet, Store

STORES = ("sqlite", "elasticsearch")
EXAMPLES = {"sqlite": 60, "elasticsearch": 6}  # each question is a dozen requests to a server
FACETS: tuple[Facet, ...] = (
    "brand",
    "platform",
    "sentiment",
    "aspect",
    "intent",
    "lang",
    "source",
    "kind",
    "region",
    "cluster",
)
WORDS = [
    "奶茶",
    "臺灣",
    "台湾",
    "太甜了",
    "iPhone15",
    "ＩＰＨＯＮＥ15",
    "good",
    "Good morning",
    "😋",
    "👍🏽",
    "don't",
    "3.5",
]
CLUSTERS = ["0000000000000a1", "7ffffffffffffff"]
SENTIMENTS = ["negative", "neutral", "positive", "unsure"]


NOW = naive.NOW
moments = st.one_of(
    st.integers(-72, 72).map(lambda h: NOW + timedelta(hours=h)),
    st.datetimes(min_value=datetime(1969, 12, 30), max_value=datetime(2026, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
some_words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
records = st.builds(
    naive.record,
    st.integers(0, 12),
    some_words,
    at=moments,
    platform=st.sampled_from(["weibo", "douyin"]),
    author=st.sampled_from(["a", "b", "c", None]),
    brands=st.lists(st.sampled_from(["喜茶", "奈雪", "HEYTEA"]), max_size=3).map(tuple),
    sentiment=st.sampled_from(SENTIMENTS),
    aspects=st.dictionaries(st.sampled_from(["taste", "price"]), st.sampled_from(SENTIMENTS)),
    intents=st.lists(st.sampled_from(["praise", "complaint"]), max_size=2).map(tuple),
    lang=st.sampled_from(["zh", "en", None]),
    kind=st.sampled_from(["post", "comment"]),
    region=st.sampled_from(["上海", None]),
    spam=st.sampled_from([None, 0.1, 0.5, 0.9]),
    likes=st.sampled_from([None, 0, 5, 500]),
    followers=st.sampled_from([None, 0, 1000]),
    cluster=st.sampled_from([None, *CLUSTERS]),
)


def few(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2).map(tuple))


FIELDS = [
    *(("brand", "heytea"), ("brand", "奈雪"), ("sentiment", "negative"), ("aspect", "TASTE"), ("lang", "en")),
    *(("author", "weibo:a"), ("is", "spam"), ("is", "linked"), ("kind", "post"), ("platform", "weibo")),
    *(("since", "2026-11-19T16:00:00+00:00"), ("until", "2026-11-20T16:00:00+00:00")),
]
nodes: st.SearchStrategy[Node] = st.recursive(
    st.one_of(
        st.sampled_from(WORDS).map(lambda w: parse(f'"{w}"')),
        st.just(Term(tokens=("iph",), prefix=True)),
        st.sampled_from(FIELDS).map(lambda pair: FieldIs(field=pair[0], value=pair[1])),
    ),
    lambda inner: st.one_of(
        inner.map(lambda n: Not(node=n)),
        st.lists(inner, min_size=2, max_size=3).map(lambda n: And(nodes=tuple(n))),
        st.lists(inner, min_size=2, max_size=3).map(lambda n: Or(nodes=tuple(n))),
    ),
    max_leaves=6,
)
queries = st.builds(
    MentionQuery,
    text=st.one_of(st.just(""), nodes.map(write)),
    since=st.one_of(st.none(), moments),
    until=st.one_of(st.none(), moments),
    brands=few(["喜茶", "奈雪", "无名"]),
    platforms=few(["weibo", "douyin"]),
    sentiments=few(SENTIMENTS),
    aspects=few(["taste", "price"]),
    aspect_sentiment=st.sampled_from([None, None, None, "negative"]),
    intents=few(["praise", "x"]),
    langs=few(["zh", "en"]),
    sources=few(["weibo-api"]),
    kinds=few(["post"]),
    authors=few(["weibo:a", "douyin:a", "weibo:none"]),
    customers=few(["C1"]),
    linked=st.sampled_from([None, None, True, False]),
    min_followers=st.sampled_from([None, None, 0, 500]),
    min_engagement=st.sampled_from([None, None, 0, 10]),
    hide_spam=st.booleans(),
    clusters=few([*CLUSTERS, "no key"]),
    not_clusters=few([*CLUSTERS, "no key"]),
)
# What the pages ask all the time, answered from counts kept by day
plain_queries = st.builds(
    MentionQuery,
    since=st.one_of(st.none(), moments),
    until=st.one_of(st.none(), moments),
    brands=st.sampled_from([(), ("喜茶",), ("HEYTEA",)]),
    platforms=st.sampled_from([(), (), ("weibo",)]),
    sentiments=st.sampled_from([(), (), ("negative", "positive")]),
    hide_spam=st.booleans(),
)


Open = Callable[[], AbstractContextManager[Store]]  # an empty store of the kind


@pytest.fixture(scope="module", params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def opened(kind: str, request: pytest.FixtureRequest) -> Open:
    return opening(kind, request)


def opening(kind: str, request: pytest.FixtureRequest) -> Open:
    address = "sqlite:mentions.sqlite"
    if kind == "elasticsearch":
        address = request.getfixturevalue("elasticsearch_address")

    @contextmanager
    def opened() -> Iterator[Store]:
        with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as changed:
            # Each question anew and every one large: asked first as a whole, then day by day
            changed.setattr(elasticsearch_places, "STALE_SECONDS", 0.0)
            changed.setattr(elasticsearch_days, "MANY", 0)
            store = open_store(Settings(home=Path(home), store=address))
            if kind == "elasticsearch":
                elastic.empty(address)
            yield store
            store.close()

    return opened


def test_the_same_answers_as_plain_lists(kind: str, opened: Open) -> None:
    @hypothesis_settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        saved=st.lists(records, max_size=25),
        questions=st.lists(st.one_of(queries, plain_queries), min_size=1, max_size=12 if kind == "sqlite" else 5),
        data=st.data(),
    )
    def compare(saved: list[Record], questions: list[MentionQuery], data: st.DataObject) -> None:
        with opened() as store:
            store.save(saved)
            store.set_customer("weibo:a", "C1")
            stored = {r.mention.id: r for r in store.scan(MentionQuery())}
            correct_some(store, stored, data)
            kept = list(store.scan(MentionQuery(), batch=7))
            assert {r.mention.id for r in kept} == {r.mention.id for r in saved}
            for question in questions:
                check(store, question, [r for r in kept if naive.matches(question, r)])

    compare()


def test_both_stores_give_the_same_lists(request: pytest.FixtureRequest) -> None:
    """Everything that a page shows: ids and their order, facets, histograms, authors and what they did."""
    one, other = (opening(kind, request) for kind in STORES)

    @hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        saved=st.lists(st.lists(records, max_size=25), max_size=3),
        questions=st.lists(st.one_of(queries, plain_queries), min_size=1, max_size=5),
    )
    def compare(saved: list[list[Record]], questions: list[MentionQuery]) -> None:
        with one() as first, other() as second:
            for store in (first, second):
                fill(store, saved)
            for question in questions:
                assert shown(first, question) == shown(second, question)

    compare()


def fill(store: Store, saved: list[list[Record]]) -> None:
    for batch in saved:
        store.save(batch)
    store.set_customer("weibo:a", "C1")
    scores = [
        ("weibo:a", "喜茶", 40.0),
        ("weibo:b", "喜茶", 40.0),
        ("weibo:b", "奈雪", 70.0),
        ("weibo:c", None, 9.0),
    ]
    store.set_influence([naive.influence(*score) for score in scores])


def shown(store: Store, question: MentionQuery) -> dict[str, Any]:
    orders: tuple[Sort, ...] = ("newest", "engagement", "relevance")
    return {
        "orders": {o: in_pages(store, msgspec.structs.replace(question, sort=o)) for o in orders},
        "count": store.count(question),
        "facets": store.facets(question, FACETS, size=2),
        "of an overview": store.facets(question, FACETS[:5], size=2),
        "days": store.histogram(question),
        "hours": store.histogram(question, step="hour", zone="America/New_York"),
        "authors": store.top_authors(question, limit=3),
        "engaging": store.top_authors(question, by="engagement", limit=3),
        "koc": store.top_authors(question, by="koc", limit=3),
        "facts": store.author_facts("喜茶", since=question.since or NOW - timedelta(days=30)),
        "found": store.find_authors("weibo", ["a", "weibo:b", "nobody"]),
        "one": store.author("weibo:a"),
    }


def correct_some(store: Store, stored: dict[str, Record], data: st.DataObject) -> None:
    for mention_id in sorted(stored):
        value = data.draw(st.sampled_from([None, None, "positive"]))
        if value:
            store.correct(Correction(mention_id=mention_id, field="sentiment", value=value, by="me", at=NOW))


def check(store: Store, question: MentionQuery, expected: list[Record]) -> None:
    ids = {r.mention.id for r in expected}
    assert {r.mention.id for r in store.scan(question)} == ids
    assert store.count(question) == len(ids)
    by_time = sorted(expected, key=lambda r: (r.mention.published_at, r.mention.id), reverse=True)
    assert list(store.scan(question, batch=3)) == by_time
    assert in_pages(store, msgspec.structs.replace(question, sort="newest")) == by_time
    by_engagement = sorted(by_time, key=naive.engagement, reverse=True)
    assert in_pages(store, msgspec.structs.replace(question, sort="engagement")) == by_engagement
    for field, buckets in (store.facets(question, FACETS, size=100) | store.facets(question, FACETS[:5])).items():
        assert {b.key: counts(b) for b in buckets} == naive.facet(expected, field)
    for step, form in (("day", "%Y-%m-%d"), ("hour", "%Y-%m-%dT%H:00")):
        for zone in ("Asia/Shanghai", "America/New_York"):
            found = store.histogram(question, step=step, zone=zone)  # type: ignore[arg-type]
            assert {b.key: counts(b) for b in found} == naive.histogram(expected, form, zone)


def in_pages(store: Store, question: MentionQuery) -> list[Record]:
    found, cursor = [], None
    while True:
        page = store.search(question, limit=4, cursor=cursor, highlight=False)
        found += [hit.record for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            return found


def counts(bucket: Any) -> dict[str, int]:
    return {s: getattr(bucket.counts, s) for s in SENTIMENTS}


def test_any_order_and_any_repeats_end_in_the_same_store(kind: str, opened: Open) -> None:
    @hypothesis_settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        versions=st.lists(st.tuples(records, st.integers(1, 4), st.booleans()), min_size=1, max_size=20),
        data=st.data(),
    )
    def compare(versions: list[tuple[Record, int, bool]], data: st.DataObject) -> None:
        one, other, size = two_orders(versions, data)
        assert picture(opened, one, 1) == picture(opened, other, size)

    compare()


def two_orders(
    versions: list[tuple[Record, int, bool]], data: st.DataObject
) -> tuple[list[Record], list[Record], int]:
    # One content for each version of a mention, as on a platform
    edits = {
        (r.mention.id, v): naive.record(
            int(r.mention.id.partition(":")[2]),
            f"{r.mention.text} v{v}",
            at=r.mention.published_at,
            platform=r.mention.platform,
            version=v,
            deleted=gone,
            brands=r.mention.brands,
            sentiment=r.analysis.sentiment,
        )
        for r, v, gone in versions
    }
    one = data.draw(st.permutations(list(edits.values())))
    other = data.draw(
        st.permutations([*edits.values(), *data.draw(st.lists(st.sampled_from(list(edits.values()))))])
    )
    size = data.draw(st.integers(1, 7))
    return one, other, size


def picture(opened: Open, saves: list[Record], size: int) -> tuple[Any, ...]:
    """Everything that can be seen of a store after these saves."""
    with opened() as store:
        for start in range(0, len(saves), size):
            store.save(saves[start : start + size])
        kept = {r.mention.id: r for r in store.scan(MentionQuery())}
        found = {
            w: {r.mention.id for r in store.scan(MentionQuery(text=w))} for w in ("v1", "v2", "v3", "v4", "奶茶")
        }
        facets = store.facets(MentionQuery(), FACETS)
        return (kept, found, facets, store.histogram(MentionQuery()), store.count(MentionQuery()))
