"""What stands in an exported row: the columns of a mention, and cells that no spreadsheet runs.

A cell that a spreadsheet would run as a formula gets a ' in front (OWASP, "CSV Injection"; the full-width
signs as well, because spreadsheets in Chinese and Japanese take them for the plain ones).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from dashboard import words
from index.documents import Record
from index.stores.days import local

Value = str | int | float | datetime | list[str] | None
Cell = str | int | float | None
Kind = Literal["text", "whole", "number", "moment", "list"]
LONGEST_CELL = 32_767  # characters, Excel's own limit
_FORMULA = re.compile(r"[\s\u200b\ufeff]*[=+\-@\t\r＝＋－＠]")
_ILLEGAL = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]")


class Column(NamedTuple):
    """A column: its key, which names it for programs and finds its heading for people, and its value."""

    key: str
    value: Callable[[Record], Value]
    kind: Kind = "text"


COLUMNS: tuple[Column, ...] = (
    Column("id", lambda r: r.mention.id),
    Column("platform", lambda r: r.mention.platform),
    Column("kind", lambda r: r.mention.kind),
    Column("published_at", lambda r: r.mention.published_at, "moment"),
    Column("author", lambda r: _of_author(r, "name")),
    Column("author_id", lambda r: _of_author(r, "id")),
    Column("followers", lambda r: _of_author(r, "followers"), "whole"),
    Column("region", lambda r: r.mention.region or _of_author(r, "region")),
    Column("text", lambda r: r.mention.full_text),
    Column("brands", lambda r: list(r.mention.brands), "list"),
    Column("sentiment", lambda r: r.sentiment),
    Column("corrected", lambda r: r.corrected_sentiment),
    Column("negative", lambda r: _probability(r, "negative"), "number"),
    Column("neutral", lambda r: _probability(r, "neutral"), "number"),
    Column("positive", lambda r: _probability(r, "positive"), "number"),
    Column("aspects", lambda r: [f"{a.name}:{a.sentiment}" for a in r.analysis.aspects], "list"),
    Column("intents", lambda r: list(r.analysis.intents), "list"),
    Column("lang", lambda r: r.analysis.lang),
    Column("likes", lambda r: r.mention.engagement.likes, "whole"),
    Column("comments", lambda r: r.mention.engagement.comments, "whole"),
    Column("shares", lambda r: r.mention.engagement.shares, "whole"),
    Column("views", lambda r: r.mention.engagement.views, "whole"),
    Column("koc", lambda r: r.koc, "number"),
    Column("customer_id", lambda r: r.customer_id),
    Column("model", lambda r: f"{r.analysis.model} {r.analysis.model_version}"),
    Column("url", lambda r: r.mention.url),
)


def _of_author(record: Record, field: str) -> Value:
    author = record.mention.author
    value: Value = getattr(author, field) if author else None
    return value


def _probability(record: Record, label: str) -> float | None:
    value = record.analysis.probabilities.get(label)
    return None if value is None else round(value, 4)


def neutral(value: Cell) -> Cell:
    """A cell no spreadsheet runs and every spreadsheet can hold. Numbers stay numbers."""
    if not isinstance(value, str):
        return value
    clean = _ILLEGAL.sub("", value)
    return ("'" + clean if _FORMULA.match(clean) else clean)[:LONGEST_CELL]


def row(record: Record, zone: ZoneInfo) -> list[Cell]:
    """The cells of a spreadsheet, moments on the clocks of `zone`."""
    return [neutral(_cell(column.value(record), zone)) for column in COLUMNS]


def _cell(value: Value, zone: ZoneInfo) -> Cell:
    if isinstance(value, datetime):
        return local(value, zone).isoformat(timespec="seconds")
    return "; ".join(value) if isinstance(value, list) else value


def headings(language: words.Language) -> list[str]:
    return [words.catalogue(language)[f"export.{column.key}"] for column in COLUMNS]
