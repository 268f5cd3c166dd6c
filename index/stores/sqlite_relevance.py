"""The order by relevance (index.query.MentionQuery.sort) as a function of the full-text index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import apsw

from index.query import RELEVANT_TIMES, Term

LONGEST = 1 << 20  # words of a text that count for its length


def register(connection: apsw.Connection) -> None:
    """Make `relevance(fts, plan)` known to a connection: higher is more relevant."""
    connection.register_fts5_function("relevance", _relevance)


def plan(terms: Sequence[Term]) -> str:
    """What the function must know of the first phrases of the match: how often each counts at most, its words."""
    return " ".join(f"{1 if term.prefix else RELEVANT_TIMES}:{len(term.tokens)}" for term in terms)


def _relevance(api: apsw.FTS5ExtensionApi, *arguments: Any) -> int:
    said = 0
    for phrase, (most, size) in enumerate(_read(arguments[0])):
        said += _times(api.phrase_column_offsets(phrase, 0), most, size)
    return said * LONGEST - min(api.column_size(0), LONGEST - 1)


@lru_cache(maxsize=64)
def _read(text: str) -> list[tuple[int, int]]:
    parts = (part.split(":") for part in text.split())
    return [(int(most), int(size)) for most, size in parts]


def _times(places: Sequence[int], most: int, size: int) -> int:
    """How often a phrase stands there without overlapping itself."""
    if size == 1 or len(places) < 2:
        return min(most, len(places))
    found, end = 0, -1
    for place in places:
        if place >= end and found < most:
            found, end = found + 1, place + size
    return found
