"""The counts by day that make the overview fast: what each mention adds to them, and their rebuilding.

The writer adds and subtracts inside its own transaction, so the tallies are never out of step with the rows.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import permutations
from typing import NamedTuple

import apsw

from index.documents import SENTIMENTS
from index.stores.days import Days
from index.stores.sqlite_terms import ALL, Terms

TALLIES_VERSION = 2  # raise it when what add() counts changes: files are then counted again when opened
SENTIMENT_NUMBERS: dict[str, int] = {name: number for number, name in enumerate(SENTIMENTS)}


class Row(NamedTuple):
    """A row of `mention`, in the order of its columns."""

    rid: int
    ts: int
    brands: int
    platform: int
    sentiment: int
    spam: int
    aspects: int
    intents: int
    lang: int | None
    source: int
    kind: int
    region: int | None
    author: int | None
    engagement: int | None
    followers: int | None
    fingerprint: int
    cluster: int | None


class Tallies:
    """Changes to the tallies of one transaction: collect with add(), write with flush()."""

    def __init__(self, terms: Terms, days: Days) -> None:
        self._terms = terms
        self._days = days
        self._base: defaultdict[tuple[int, ...], int] = defaultdict(int)
        self._by_term: defaultdict[tuple[int, ...], int] = defaultdict(int)

    def add(self, row: Row, sign: int = 1) -> None:
        """Count a mention, or with sign -1 take it back."""
        day, sentiment, spam = self._days.day(row.ts), row.sentiment, row.spam
        brands, by_term = self._terms.members(row.brands), self._by_term
        shared = [(term, sentiment) for term in self._terms.members(row.intents)]
        for term in self._terms.members(row.aspects):
            shared.append((term, self._aspect_sentiment(term)))
        for brand in (ALL, *brands):
            self._base[brand, day, row.platform, sentiment, spam] += sign
            for term, its_sentiment in shared:
                by_term[brand, day, term, its_sentiment, spam] += sign
        for brand in brands:
            by_term[ALL, day, brand, sentiment, spam] += sign
        for brand, other in permutations(brands, 2):
            by_term[brand, day, other, sentiment, spam] += sign

    def _aspect_sentiment(self, term: int) -> int:
        return SENTIMENT_NUMBERS[self._terms.value(term).rpartition(":")[2]]

    def flush(self, connection: apsw.Connection) -> None:
        for table, column, counts in (
            ("tally", "platform", self._base),
            ("tally_term", "term", self._by_term),
        ):
            sql = (
                f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?) "  # noqa: S608 - names from the line above
                f"ON CONFLICT (brand, day, {column}, sentiment, spam) DO UPDATE SET n = n + excluded.n"
            )
            connection.executemany(sql, ((*key, n) for key, n in sorted(counts.items()) if n))
            counts.clear()


def rebuild(connection: apsw.Connection, tallies: Tallies) -> None:
    """Count everything again: after the zone of the days was changed."""
    connection.execute("DELETE FROM tally; DELETE FROM tally_term")
    for row in connection.execute("SELECT * FROM mention"):
        tallies.add(Row(*row))
    tallies.flush(connection)
