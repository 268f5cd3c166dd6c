"""The counts by day that make the overview fast: what each mention adds to them, and their rebuilding.

The writer adds and subtracts inside its own transaction, so the tallies are never out of step with the rows.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import permutations
from typing import NamedTuple
from zoneinfo import ZoneInfo

import apsw

from index.documents import SENTIMENTS
from index.stores.sqlite_terms import ALL, Terms

SECOND = 1_000_000
TALLIES_VERSION = 2  # raise it when what add() counts changes: files are then counted again when opened
EPOCH = datetime.fromtimestamp(0, UTC)
SENTIMENT_NUMBERS: dict[str, int] = {name: number for number, name in enumerate(SENTIMENTS)}


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exact; negative before."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment on the clocks of a zone; in UTC at the very ends of the calendar, where no zone fits."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


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


class Days:
    """Local days of a zone, numbered as date.toordinal()."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        # A zone changes its offset on a quarter of an hour at the finest
        self._quarter = lru_cache(maxsize=4096)(self._day_of_quarter)

    def day(self, ts: int) -> int:
        """The local day of a moment in microseconds since 1970."""
        return self._quarter(ts // (900 * SECOND))

    def _day_of_quarter(self, quarter: int) -> int:
        return local(EPOCH + timedelta(seconds=quarter * 900), self.zone).toordinal()

    def start(self, day: int) -> datetime:
        """When a local day begins, in UTC."""
        try:
            return datetime.fromordinal(day).replace(tzinfo=self.zone).astimezone(UTC)
        except (OverflowError, ValueError):  # the calendar ends here
            return datetime.min.replace(tzinfo=UTC) if day <= 1 else datetime.max.replace(tzinfo=UTC)


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
