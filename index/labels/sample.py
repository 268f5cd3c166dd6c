"""Mentions drawn at random, each as likely as any other, from any store."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from random import Random

from msgspec.structs import replace

from index.documents import Record
from index.query import MentionQuery
from index.stores.protocol import Store

HOUR = timedelta(hours=1)


def draw(store: Store, query: MentionQuery, count: int, chance: Random, *, run: int = 1) -> list[Record]:
    """`count` different mentions of `query` in random order, or all when there are no more.

    Ranks are drawn from the hourly counts and only the hours hit are read, so that a draw from a million
    mentions costs at most one small question a mention. With `run` each rank drawn brings its next `run` - 1
    neighbours along: fewer questions for an estimate, neighbours being a little alike.
    """
    hours = store.histogram(query, step="hour", zone="UTC")
    ends = list(accumulate(bucket.counts.total for bucket in hours))
    total = ends[-1] if ends else 0
    wanted: defaultdict[int, set[int]] = defaultdict(set)
    for start in chance.sample(range(0, total, run), min(-(-count // run), -(-total // run))):
        for rank in range(start, min(start + run, total)):
            hour = bisect_right(ends, rank)
            wanted[hour].add(rank - (ends[hour - 1] if hour else 0))
    found = [
        record
        for hour, ranks in wanted.items()
        for record in _at(store, _within(query, datetime.fromisoformat(hours[hour].key)), ranks)
    ]
    chance.shuffle(found)
    return found[:count]


def _within(query: MentionQuery, hour: datetime) -> MentionQuery:
    start = hour.replace(tzinfo=UTC)
    since = max(start, query.since) if query.since else start
    until = min(start + HOUR, query.until) if query.until else start + HOUR
    return replace(query, since=since, until=until)


def _at(store: Store, query: MentionQuery, ranks: set[int]) -> list[Record]:
    """The records at these places, newest first. What came or went since it was counted shifts them: no harm."""
    last = max(ranks) + 1
    records = islice(store.scan(query, batch=min(last, 1000)), last)
    return [record for place, record in enumerate(records) if place in ranks]
