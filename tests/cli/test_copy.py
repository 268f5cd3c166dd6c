"""`earshot copy`: what it prints, how it ends, and a desk that shows the same from the copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import desk_home
import elastic
import pytest

from dashboard import filters, handles, queries
from index import settings as settings_file
from index.documents import Correction
from index.query import MentionQuery
from index.stores import open_store
from index.stores.protocol import Store

Earshot = Callable[..., Any]
MOVED = "sqlite:moved.sqlite"
KEYS = {
    "from",
    "to",
    "mentions",
    "days",
    "copied",
    "corrections",
    "customers",
    "influences",
    "traces",
    "differences",
}


@pytest.fixture
def filled(home: Path) -> Path:
    """A small desk with customers, cases, a label set by hand and an author erased."""
    desk_home.build(home, mentions=400)
    store = open_store(settings_file.load(home))
    newest = store.search(MentionQuery(), limit=2).hits
    store.correct(
        Correction(
            mention_id=newest[0].record.mention.id,
            field="sentiment",
            value="positive",
            by="小陈",
            at=datetime.now(UTC),
        )
    )
    author = newest[1].record.mention.author
    assert author
    store.erase_author(author.id)
    store.close()
    return home


def test_it_prints_the_promised_keys_and_a_second_run_copies_nothing(filled: Path, earshot: Earshot) -> None:
    first = earshot("copy", "sqlite:mentions.sqlite", MOVED, "--json")
    assert first.code == 0, first.err
    assert set(first.json) == KEYS
    assert first.json["copied"] == first.json["mentions"] > 300
    assert (first.json["corrections"], first.json["influences"], first.json["differences"]) == (1, 40, [])
    again = earshot("copy", "sqlite:mentions.sqlite", MOVED)
    assert again.code == 0
    assert "0 copied now" in again.out
    assert 'store = "sqlite:moved.sqlite"' in again.out


def test_a_store_that_is_not_there_is_not_made(home: Path, earshot: Earshot) -> None:
    answer = earshot("copy", "sqlite:typo.sqlite", "sqlite:new.sqlite")
    assert (answer.code, answer.out) == (1, "")
    assert "does not exist" in answer.err
    assert list(home.iterdir()) == []


def test_an_address_that_names_no_store_is_explained(filled: Path, earshot: Earshot) -> None:
    answer = earshot("copy", "sqlite:mentions.sqlite", "paper:cupboard")
    assert answer.code == 1
    assert "unknown kind of store" in answer.err


@pytest.fixture(params=["sqlite", "elasticsearch"])
def address(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return MOVED
    return elastic.empty(request.getfixturevalue("elasticsearch_address"))


def test_the_desk_shows_the_same_numbers_from_the_copy(
    filled: Path, earshot: Earshot, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert earshot("copy", "sqlite:mentions.sqlite", address).code == 0
    now = datetime.now(UTC)
    before = shown(monkeypatch, now)
    toml = filled / "earshot.toml"
    toml.write_text(f'store = "{address}"\n' + toml.read_text(encoding="utf-8"), encoding="utf-8")
    (filled / "mentions.sqlite").unlink()
    assert shown(monkeypatch, now) == before


def shown(monkeypatch: pytest.MonkeyPatch, now: datetime) -> dict[str, Any]:
    """What the pages ask the store, for each brand and period."""
    desk = handles.Desk(settings_file.load())
    monkeypatch.setattr(queries, "desk", lambda: desk)
    answers: dict[str, Any] = {"newest": queries.newest(), "moved": desk.store.health()["mentions"]}
    for brand in ("*", "星云奶茶", "云岭茶铺"):
        for period in ("24h", "7d", "30d", "all"):
            window = filters.window(period, now, filters.ZoneInfo("Asia/Shanghai"))
            question = MentionQuery(since=window.since, brands=filters.brands(brand), hide_spam=True)
            answers[f"{brand} {period}"] = answer(desk.store, question, window.step)
    for sort in ("newest", "engagement", "relevance"):
        page = queries.mentions(MentionQuery(text="太甜 OR 好喝", sort=sort), limit=50)
        answers[sort] = [(hit.record, hit.highlights) for hit in page.hits]
    answers["customer"] = desk.store.search(MentionQuery(linked=True), limit=50).hits
    for part in (desk.store, desk.inbox, desk.records, desk.sources):
        part.close()
    return answers


def answer(store: Store, question: MentionQuery, step: filters.Step) -> tuple[Any, ...]:
    return (
        queries.count(question),
        queries.histogram(question, step, "Asia/Shanghai"),
        queries.facets(question, "platform", "brand", "sentiment", "aspect", "intent"),
        {stat.author.id: stat for stat in queries.top_authors(question, "koc", 500)},
        sorted(
            store.author_facts("星云奶茶", since=datetime.now(UTC) - timedelta(days=400)), key=lambda f: f.author.id
        ),
    )
