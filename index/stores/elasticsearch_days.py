"""Counts by local day, kept in this process as long as they are true: what makes the overview fast.

Nothing is kept that could be old. Every answer begins with the sequence numbers of each month: a month that took no
write since a day of it was counted still has that count; of a month that did, the days are counted again that its
newer documents lie in, or lay in before an edit or a removal (each document says so in `left`). Where whole
documents vanished (an erased author, a dropped month), everything is counted again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import msgspec
from elasticsearch import Elasticsearch

from index.query import MentionQuery
from index.stores.days import Days, microseconds
from index.stores.elasticsearch_counts import BY_SENTIMENT, Counts, pairs
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_query import FIELDS, Dsl, time_range
from index.stores.elasticsearch_state import State
from index.stores.protocol import Facet

Field = Literal[Facet, "day"]
KNOWN: frozenset[Field] = frozenset({"brand", "platform", "sentiment", "aspect", "intent", "day"})
MOST_DAYS = 1000  # of one question; a longer one is asked as a whole
MOST_KEPT = 50_000  # days of all questions together: about 100 MB
DAYS_AT_ONCE = 31
VALUES = 500  # of one field on one day: with more, nothing is kept
MILLISECOND = 1000


class Span(NamedTuple):
    """Whole local days [first, last), and the parts of days left at the ends."""

    first: int
    last: int
    edges: list[tuple[datetime, datetime]]


class DayCounts:
    """Used by any number of threads."""

    def __init__(
        self, client: Elasticsearch, layout: Layout, state: State, dsl: Callable[[MentionQuery], Dsl], zone: str
    ) -> None:
        self._client = client
        self._dsl = dsl
        self._layout = layout
        self._state = state
        self._days = Days(zone)
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, Field, int], Counts] = {}  # (question, field, day)
        self._marks: dict[str, tuple[int, ...]] = {}  # month -> sequence number up to which what is kept is true
        self._purges: Any = None

    @property
    def zone(self) -> str:
        """Where its days begin."""
        return self._days.zone.key

    def counts(self, query: MentionQuery, fields: Sequence[Field]) -> dict[Field, Counts] | None:
        """None when the question is not one of whole days."""
        span = self._span(query) if KNOWN.issuperset(fields) else None
        if span is None:
            return None
        found: dict[Field, Counts] = {field: Counter() for field in fields}
        if span.edges and not self._add_edges(query, span.edges, found):
            return None
        key = repr(msgspec.structs.replace(query, since=None, until=None, sort="newest"))
        with self._lock:
            self._catch_up()
            days = range(span.first, span.last)
            missing = [d for d in days if any((key, field, d) not in self._kept for field in fields)]
            for start in range(0, len(missing), DAYS_AT_ONCE):
                if not self._count(query, key, fields, missing[start : start + DAYS_AT_ONCE]):
                    return None
            for field in fields:
                for day in days:
                    found[field].update(self._kept[key, field, day])
        return found

    def _span(self, query: MentionQuery) -> Span | None:
        """The period in whole days and rests; None when there is none, or when the answer hangs on more than the
        mentions themselves."""
        if query.since is None or query.until is None or query.text or query.customers or query.linked is not None:
            return None
        first, last = self._days.day(microseconds(query.since)), self._days.day(microseconds(query.until))
        edges = []
        if self._days.start(first) < query.since:
            first += 1
            edges.append((query.since, self._days.start(first)))
        if self._days.start(last) < query.until:
            edges.append((self._days.start(last), query.until))
        return Span(first, last, edges) if first < last <= first + MOST_DAYS else None

    def _catch_up(self) -> None:
        """Forget what is no longer true. The sequence numbers are read first and the writes up to them made
        visible after: what is counted from then on holds all of them."""
        purges, marks = self._state.purged(), self._sequence_numbers()
        changed = [month for month, mark in marks.items() if self._marks.get(month) != mark]
        if changed:
            self._client.indices.refresh(index=changed)
        vanished = self._marks.keys() - marks.keys()  # dropped, or left behind by a migration
        if vanished or purges != self._purges or len(self._kept) > MOST_KEPT:
            self._kept.clear()
        if self._kept:
            touched = {day for month in changed for day in self._touched(month)}
            self._kept = {key: counts for key, counts in self._kept.items() if key[2] not in touched}
        self._purges, self._marks = purges, marks

    def _sequence_numbers(self) -> dict[str, tuple[int, ...]]:
        """Of each month and shard of it: every write up to there is on all copies."""
        only = "indices.*.shards.*.seq_no.global_checkpoint"
        stats = self._client.indices.stats(
            index=self._layout.mentions, level="shards", metric="docs", filter_path=only
        )
        return {
            month: tuple(
                min(c["seq_no"]["global_checkpoint"] for c in copies) for copies in found["shards"].values()
            )
            for month, found in stats.body.get("indices", {}).items()
        }

    def _touched(self, month: str) -> Iterator[int]:
        """The days in which mentions lie, or lay, that were written since what is kept was counted."""
        since = min(self._marks.get(month, (-1,)))
        days = {field: {"date_histogram": {**self._by_day(), "field": field}} for field in ("published_at", "left")}
        answer = self._client.search(
            index=month,
            query={"range": {"_seq_no": {"gt": since}}},
            size=0,
            aggs=days,
            track_total_hits=False,
            allow_partial_search_results=False,
        )["aggregations"]
        for field in days:
            yield from (self._day(bucket) for bucket in answer[field]["buckets"])

    def _count(self, query: MentionQuery, key: str, fields: Sequence[Field], missing: Sequence[int]) -> bool:
        """Count these days; False when a field has too many values to be kept."""
        since, until = self._days.start(missing[0]), self._days.start(missing[-1] + 1)
        days = {"days": {"date_histogram": self._by_day(), "aggs": _aggs(fields)}}
        answer = self._ask(msgspec.structs.replace(query, since=since, until=until), days)
        buckets = {self._day(bucket): bucket for bucket in answer["days"]["buckets"]}
        for day in missing:
            for field in fields:
                bucket = buckets.get(day)
                counts = _counts(field, bucket, _iso(day)) if bucket else Counter()
                if counts is None:
                    return False
                self._kept[key, field, day] = counts
        return True

    def _add_edges(
        self, query: MentionQuery, edges: Sequence[tuple[datetime, datetime]], found: dict[Field, Counts]
    ) -> bool:
        """The parts of days, in one request; False when a field has too many values."""
        parts = {f"{n}": _between(*edge) for n, edge in enumerate(edges)}
        whole = msgspec.structs.replace(query, since=edges[0][0], until=edges[-1][1])
        answer = self._ask(whole, {"edges": {"filters": {"filters": parts}, "aggs": _aggs(list(found))}})
        for n, (start, _) in enumerate(edges):
            for field, counts in found.items():
                day = _iso(self._days.day(microseconds(start)))
                more = _counts(field, answer["edges"]["buckets"][f"{n}"], day)
                if more is None:
                    return False
                counts.update(more)
        return True

    def _ask(self, query: MentionQuery, aggs: Dsl) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.search(
            index=self._layout.mentions,
            query=self._dsl(query),
            size=0,
            aggs=aggs,
            track_total_hits=False,
            pre_filter_shard_size=1,
            allow_partial_search_results=False,
        )["aggregations"]
        return answer

    def _by_day(self) -> Dsl:
        zone = self._days.zone.key
        return {"field": "published_at", "calendar_interval": "day", "time_zone": zone, "min_doc_count": 1}

    def _day(self, bucket: Mapping[str, Any]) -> int:
        return self._days.day(int(bucket["key"]) * MILLISECOND)


def _aggs(fields: Sequence[Field]) -> Dsl:
    """Counts by sentiment of everything, and of each value of the fields."""
    values = [field for field in fields if field not in ("day", "sentiment")]
    terms: Dsl = {str(f): {"terms": {"field": FIELDS[f], "size": VALUES}, "aggs": BY_SENTIMENT} for f in values}
    return {**BY_SENTIMENT, **terms}


def _counts(field: Field, bucket: Mapping[str, Any], day: str) -> Counts | None:
    sentiments = {each["key"]: each["doc_count"] for each in bucket["sentiment"]["buckets"]}
    if field == "day":
        return Counter({(day, sentiment): n for sentiment, n in sentiments.items()})
    if field == "sentiment":
        return Counter({(sentiment, sentiment): n for sentiment, n in sentiments.items()})
    if bucket[field]["sum_other_doc_count"] or bucket[field]["doc_count_error_upper_bound"]:
        return None
    return pairs(field, bucket[field])


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _between(start: datetime, end: datetime) -> Dsl:
    return {"bool": {"filter": time_range(start, end)}}
