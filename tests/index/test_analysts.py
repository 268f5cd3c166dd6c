"""The ready questions of docs/analysts.md, asked of a real Elasticsearch that holds mentions with known answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import elastic
import naive_store as naive
import pytest
from elasticsearch import Elasticsearch

from index.documents import Correction, Record
from index.settings import Settings
from index.stores import kibana, open_store

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/analysts.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^### (\d+)\. .*?\n```json\n(.*?)```\n\n```esql\n(.*?)```", re.MULTILINE | re.DOTALL)
QUESTIONS = {int(number): (json.loads(dsl), esql) for number, dsl, esql in _SECTION.findall(PAGE)}
COFFEE, TEA = "星野咖啡", "云海茶"
COPIED = "0000000000000c1"


def mentions(now: datetime) -> list[Record]:
    def said(number: int, text: str, hours: float, **given: Any) -> Record:
        given = {"brands": (COFFEE,), "sentiment": "negative", "likes": 1, "name": f"名{number}"} | given
        record: Record = naive.record(number, text, at=now - timedelta(hours=hours), **given)
        return record

    taste, copied = {"aspects": {"taste": "negative"}}, {"cluster": COPIED}
    return [
        said(1, "今天的拿铁太甜了", 3, author="big", followers=50_000, likes=90, **taste, **copied),
        said(2, "拿铁太甜了吧", 4, author="a", followers=100, likes=5, **taste, **copied),
        said(3, "店员态度差", 30, platform="douyin", author="b", aspects={"service": "negative"}),
        said(4, "拿铁好喝", 50, author="c", sentiment="positive", aspects={"taste": "positive"}),
        said(5, "云海茶的价格良心", 26, author="a", sentiment="positive", brands=(TEA,)),
        said(6, "星野还是云海", 60, platform="douyin", author="d", sentiment="neutral", brands=(COFFEE, TEA)),
        said(7, "上周就太甜了", 240, author="e", **taste),
        said(8, "太甜了太甜了加微信", 2, author="f", spam=0.9, **taste),
        said(9, "一个多月前太甜了", 24 * 45, author="g", **taste),
        said(10, "今天的拿铁太甜了。", 5, author="h", likes=2, **taste, **copied),
        said(11, "杯子漏了", 70, author="loud", followers=20_000, aspects={"packaging": "negative"}),
        said(12, "太甜了，后来删掉", 1, author="gone", **taste),
    ]


@pytest.fixture(scope="module")
def ask(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Any]]:
    """ask(3) is the answer to the third question."""
    prefix, now = f"analysts-{os.getpid()}", datetime.now(UTC)
    settings = Settings(home=tmp_path_factory.mktemp("home"), store=f"elasticsearch:{elasticsearch_url}/{prefix}")
    store = open_store(settings)
    store.save(mentions(now))
    store.delete(["weibo:12"])
    store.correct(Correction(mention_id="weibo:11", field="aspects", value="packaging:negative", by="小陈", at=now))
    store.correct(Correction(mention_id="weibo:4", field="sentiment", value="positive", by="小陈", at=now))
    with Elasticsearch(elasticsearch_url) as client:
        client.indices.refresh(index=f"{prefix}-mentions")
        yield lambda number: client.search(index=f"{prefix}-mentions", body=QUESTIONS[number][0]).body
    store.close()
    elastic.remove(elasticsearch_url, prefix)


def counts(answer: Any, name: str) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"][name]["buckets"]}


def ids(answer: Any) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def test_there_are_ten_questions_in_both_languages() -> None:
    assert list(QUESTIONS) == list(range(1, 11))


def test_1_brands_and_what_is_negative(ask: Callable[[int], Any]) -> None:
    answer = ask(1)
    assert counts(answer, "brands") == {COFFEE: 8, TEA: 2}
    negative = {b["key"]: b["negative"]["doc_count"] for b in answer["aggregations"]["brands"]["buckets"]}
    assert negative == {COFFEE: 6, TEA: 0}


def test_2_what_is_blamed(ask: Callable[[int], Any]) -> None:
    found = counts(ask(2), "blamed")
    assert found == {"taste:negative": 3, "service:negative": 1, "packaging:negative": 1}


def test_3_hours(ask: Callable[[int], Any]) -> None:
    assert [b["doc_count"] for b in ask(3)["aggregations"]["hours"]["buckets"]] == [1, 1, 1]


def test_4_who_moved_most(ask: Callable[[int], Any]) -> None:
    buckets = ask(4)["aggregations"]["authors"]["buckets"]
    assert [(b["key"], b["engagement"]["value"]) for b in buckets[:4]] == [
        ("weibo:big", 90), ("weibo:a", 5), ("weibo:h", 2), ("douyin:b", 1),
    ]  # fmt: skip
    assert buckets[0]["newest"]["hits"]["hits"][0]["_source"]["author"]["name"] == "名1"


def test_5_exact_words(ask: Callable[[int], Any]) -> None:
    answer = ask(5)
    assert ids(answer) == ["weibo:1", "weibo:2", "weibo:10", "weibo:7"]
    assert "<em>太甜了</em>" in answer["hits"]["hits"][0]["highlight"]["text"][0].replace("</em><em>", "")


def test_6_platforms(ask: Callable[[int], Any]) -> None:
    platforms = ask(6)["aggregations"]["platforms"]["buckets"]
    found = {p["key"]: {b["key"]: b["doc_count"] for b in p["brands"]["buckets"]} for p in platforms}
    assert found == {"weibo": {COFFEE: 6, TEA: 1}, "douyin": {COFFEE: 2, TEA: 1}}


def test_7_reached_many_and_not_looked_at(ask: Callable[[int], Any]) -> None:
    assert ids(ask(7)) == ["weibo:1"]


def test_8_copies(ask: Callable[[int], Any]) -> None:
    (text,) = ask(8)["aggregations"]["texts"]["buckets"]
    assert (text["doc_count"], text["accounts"]["value"]) == (3, 3)
    assert text["example"]["hits"]["hits"][0]["_source"]["text"] == "今天的拿铁太甜了。"


def test_9_more_than_the_week_before(ask: Callable[[int], Any]) -> None:
    buckets = {b["key"]: b["weeks"]["buckets"] for b in ask(9)["aggregations"]["aspects"]["buckets"]}
    assert buckets["taste:negative"]["this"]["doc_count"] == 3
    assert buckets["taste:negative"]["before"]["doc_count"] == 1
    assert buckets["service:negative"]["before"]["doc_count"] == 0


def test_10_what_people_changed(ask: Callable[[int], Any]) -> None:
    fields = {b["key"]: b for b in ask(10)["aggregations"]["fields"]["buckets"]}
    assert {name: bucket["doc_count"] for name, bucket in fields.items()} == {"aspects": 1, "sentiment": 1}
    assert [b["key"] for b in fields["aspects"]["people"]["buckets"]] == ["小陈"]


@pytest.mark.parametrize("number", QUESTIONS)
def test_both_forms_ask_of_fields_that_are_there(number: int) -> None:
    """All that can be said of the ES|QL forms without a server that has it."""
    dsl, esql = QUESTIONS[number]
    known = set(kibana.fields(kibana.read_mapping()))
    assert {"published_at", "corrections.field"} & set(re.findall(r'"([\w.]+)"', json.dumps(dsl)))
    words = set(re.findall(r"\b[a-z][a-z_]*(?:\.[a-z]+)?\b", re.sub(r'"[^"]*"', "", esql)))
    named = set(re.findall(r"\b([a-z]+) = ", esql))
    assert words - named - known - {"earshot", "mentions", "days", "hours", "hour", "false"} == set()


def test_the_role_is_the_one_that_the_page_names() -> None:
    for path in re.findall(r"\]\(\.\./([\w/]+\.json)\)", PAGE):
        role = json.loads((ROOT / path).read_text(encoding="utf-8"))
        assert role["indices"] == [
            {"names": ["earshot-mentions", "earshot-mentions-*"], "privileges": ["read", "view_index_metadata"]}
        ]
