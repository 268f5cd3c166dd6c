"""A home folder with its own records database and store, and a way to make what people say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from index.documents import Analysis, Aspect, Author, Engagement, Mention, Record
from index.records import open_records
from index.records.protocol import Records
from index.records.sqlite import SQLiteRecords
from index.settings import Brand, Settings
from index.stores import open_store
from index.stores.protocol import Store

NOW = datetime(2026, 8, 14, 4, 0, tzinfo=UTC)
Say = Callable[..., Record]


@pytest.fixture
def settings(tmp_path: Path, records_address: str) -> Settings:
    brands = (
        Brand(name="星野咖啡", competitors=("云海茶",)),
        Brand(name="云海茶", own=False),
        Brand(name="Noctua"),
    )
    return Settings(home=tmp_path, brands=brands, records=records_address)


@pytest.fixture
def records(settings: Settings) -> Iterator[Records]:
    database = open_records(settings)
    yield database
    database.close()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


@pytest.fixture
def content() -> Callable[[Records], str]:
    """Everything that lies in the records: of a file every byte, so that what was erased would show too."""
    return _content


def _content(records: Records) -> str:
    if isinstance(records, SQLiteRecords):
        return records.path.read_bytes().decode(errors="replace")
    tables = records.all("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return "\n".join(str(row) for (table,) in tables for row in records.all(f"SELECT * FROM {table}"))


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def say() -> Say:
    """say("1", by="weibo:7", sentiment="negative", aspects={"taste": "negative"}) -> Record"""
    return make_record


def make_record(
    native_id: str,
    *,
    by: str | Author | None = "weibo:7",
    text: str = "今天的拿铁太甜了",
    sentiment: str = "negative",
    sure: float = 0.9,
    aspects: dict[str, str] | None = None,
    intents: tuple[str, ...] = (),
    brands: tuple[str, ...] = ("星野咖啡",),
    followers: int | None = None,
    views: int | None = None,
    hours_ago: float = 1.0,
    lang: str | None = "zh-Hans",
    spam: float | None = None,
    **mention: Any,
) -> Record:
    author = Author(id=by, name=by.partition(":")[2], followers=followers) if isinstance(by, str) else by
    platform = author.id.partition(":")[0] if author else "weibo"
    rest = (1 - sure) / 2
    probabilities = dict.fromkeys(("negative", "neutral", "positive"), rest) | {sentiment: sure}
    published = NOW - timedelta(hours=hours_ago)
    return Record(
        mention=Mention(
            id=f"{platform}:{native_id}",
            platform=platform,
            source="test",
            text=text,
            published_at=published,
            fetched_at=published,
            version=1,
            author=author,
            brands=brands,
            engagement=Engagement(views=views),
            **mention,
        ),
        analysis=Analysis(
            model="test",
            model_version="1",
            analysed_at=published,
            lang=lang,
            sentiment=sentiment,  # type: ignore[arg-type]
            probabilities=probabilities,
            aspects=tuple(Aspect(name=n, sentiment=s) for n, s in (aspects or {}).items()),  # type: ignore[arg-type]
            intents=intents,
            spam=spam,
        ),
    )
