"""Counts by local day, kept in this process as long as they are true: what makes the overview fast.

No answer is older than that of a search (elasticsearch_places.STALE_SECONDS). After each refresh that a read asks
for, the sequence numbers of the months are compared: a month that took no write since a day of it was counted still
has that count; of a month that did, the days are counted again that its newer documents lie in, or lay in before an
edit or a removal (each document says so in `left`). Where whole documents vanished (an erased author, a dropped
month), everything is counted again.
"""

from __future__ import annotations

import threading
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
KNOWN: frozenset[Field] = frozenset({"brand", "platform", "aspect", "intent", "sentiment", "day"})
MOST_DAYS = 1000  # of one question; a longer one is asked as a whole
MOST_KEPT = 10_000  # days of all questions together: about 100 MB
DAYS_AT_ONCE = 31
VALUES = 500  # of one field on one day: with more, nothing is kept
MILLISECOND = 1000
# Values below sentiments: the other way round takes twice the time. An aspect comes with its sentiment anyway
BELOW: tuple[Facet, ...] = ("brand", "platform", "intent")
VALUES_OF: Dsl = {f: {"terms": {"field": FIELDS[f], "size": VALUES}} for f in ("aspect", *BELOW)}
AGGS: Dsl = {
    "aspect": VALUES_OF["aspect"],
    "sentiment": {**BY_SENTIMENT["sentiment"], "aggs": {f: VALUES_OF[f] for f in BELOW}},
}
Edge = tuple[datetime, datetime]
# Of a day, or of what the period has of one: sentiment -> value -> mentions. Strings and numbers alone: the garbage
# collector passes them by, and a string knows its hash, which a pair of strings does not.
Part = dict[Field, dict[str, dict[str, int]]]


class Span(NamedTuple):
    """Whole local days [first, last), and the parts of days left at the ends."""

    first: int
    last: int
    edges: list[Edge]


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
        self._kept: dict[tuple[str, int], Part | None] = {}  # (question, day); None: too many values
        self._edges: dict[tuple[str, Edge], Part | None] = {}  # true at this look alone
        self._look = 0  # with which what is kept was last compared with the cluster
        self._marks: dict[str, tuple[int, ...]] = {}  # month -> sequence number up to which what is kept is true
        self._purges: Any = None
        self._noted: Any = None  # sequence number of the state, where purges are noted

    @property
    def zone(self) -> str:
        """Where its days begin."""
        return self._days.zone.key

    def counts(self, query: MentionQuery, fields: Sequence[Field], look: int) -> dict[Field, Counts] | None:
        """As the cluster was at this look (Places.freshen) or later; None when the question is not one of whole
        days."""
        span = self._span(query) if KNOWN.issuperset(fields) else None
        if span is None:
            return None
        key = repr(msgspec.structs.replace(query, since=None, until=None, sort="newest"))
        with self._lock:
            if look > self._look:
                self._catch_up()
                self._edges.clear()
                self._look = look
            parts = self._parts(query, key, span)
        if parts is None:
            return None
        return {field: _total(part[field] for part in parts) for field in fields}

    def _parts(self, query: MentionQuery, key: str, span: Span) -> list[Part] | None:
        """The counts of each day and rest; None when a field has too many values to be kept. Those that are not
        kept are counted in every field at once: the next question about this period is about another field."""
        days = range(span.first, span.last)
        missing = [day for day in days if (key, day) not in self._kept]
        edges = [edge for edge in span.edges if (key, edge) not in self._edges]
        for start in range(0, max(len(missing), len(edges)), DAYS_AT_ONCE):
            some = missing[start : start + DAYS_AT_ONCE]
            self._count(query, key, some, [] if start else edges)
        parts = [self._kept[key, day] for day in days] + [self._edges[key, edge] for edge in span.edges]
        whole = [part for part in parts if part is not None]
        return whole if len(whole) == len(parts) else None

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
        marks = self._sequence_numbers()
        noted = marks.pop(self._layout.state, None)
        purges = self._purges if noted == self._noted else self._state.purged()
        changed = [month for month, mark in marks.items() if self._marks.get(month) != mark]
        if changed:
            self._client.indices.refresh(index=changed)
        vanished = self._marks.keys() - marks.keys()  # dropped, or left behind by a migration
        if vanished or purges != self._purges or len(self._kept) > MOST_KEPT:
            self._kept.clear()
        if self._kept:
            touched = {day for month in changed for day in self._touched(month)}
            self._kept = {key: counts for key, counts in self._kept.items() if key[1] not in touched}
        self._purges, self._noted, self._marks = purges, noted, marks

    def _sequence_numbers(self) -> dict[str, tuple[int, ...]]:
        """Of each month, and of the state, and each shard of it: every write up to there is on all copies."""
        only = "indices.*.shards.*.seq_no.global_checkpoint"
        stats = self._client.indices.stats(
            index=[self._layout.mentions, self._layout.state], level="shards", metric="docs", filter_path=only
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

    def _count(self, query: MentionQuery, key: str, days: Sequence[int], edges: Sequence[Edge]) -> None:
        """Count these in one request. A rest of a day is all that is asked for of its day."""
        whole = [(self._days.start(days[0]), self._days.start(days[-1] + 1))] if days else []
        buckets = {self._day(each): each for each in self._ask(query, [*whole, *edges])}
        for day in days:
            self._kept[key, day] = _part(buckets.get(day), _iso(day))
        for edge in edges:
            day = self._days.day(microseconds(edge[0]))
            self._edges[key, edge] = _part(buckets.get(day), _iso(day))

    def _ask(self, query: MentionQuery, periods: Sequence[Edge]) -> Sequence[Mapping[str, Any]]:
        always = self._dsl(msgspec.structs.replace(query, since=None, until=None))
        answer = self._client.search(
            index=self._layout.mentions,
            query={"bool": {"filter": [always, {"bool": {"should": [_between(*period) for period in periods]}}]}},
            size=0,
            aggs={"days": {"date_histogram": self._by_day(), "aggs": AGGS}},
            track_total_hits=False,
            pre_filter_shard_size=1,
            allow_partial_search_results=False,
        )
        buckets: Sequence[Mapping[str, Any]] = answer["aggregations"]["days"]["buckets"]
        return buckets

    def _by_day(self) -> Dsl:
        zone = self._days.zone.key
        return {"field": "published_at", "calendar_interval": "day", "time_zone": zone, "min_doc_count": 1}

    def _day(self, bucket: Mapping[str, Any]) -> int:
        return self._days.day(int(bucket["key"]) * MILLISECOND)


def _part(bucket: Mapping[str, Any] | None, day: str) -> Part | None:
    """None when a field has more values than were asked for."""
    part: Part = {field: {} for field in KNOWN}
    if bucket is None:
        return part
    for each in bucket["sentiment"]["buckets"]:
        sentiment = each["key"]
        part["day"][sentiment] = {day: each["doc_count"]}
        part["sentiment"][sentiment] = {sentiment: each["doc_count"]}
        for field in BELOW:
            if not _whole(each[field]):
                return None
            part[field][sentiment] = {value["key"]: value["doc_count"] for value in each[field]["buckets"]}
    for (aspect, sentiment), n in pairs("aspect", bucket["aspect"]).items():
        part["aspect"].setdefault(sentiment, {})[aspect] = n
    return part if _whole(bucket["aspect"]) else None


def _total(parts: Iterator[dict[str, dict[str, int]]]) -> Counts:
    """The sum of all. A loop takes a part of the time of Counter.update; an overview adds ten thousand numbers."""
    sums: dict[str, dict[str, int]] = {}
    for part in parts:
        for sentiment, found in part.items():
            counts = sums.setdefault(sentiment, {})
            seen = counts.get
            for value, n in found.items():
                counts[value] = seen(value, 0) + n
    return {(value, sentiment): n for sentiment, counts in sums.items() for value, n in counts.items()}


def _whole(answer: Mapping[str, Any]) -> bool:
    return not answer["sum_other_doc_count"] and not answer["doc_count_error_upper_bound"]


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _between(start: datetime, end: datetime) -> Dsl:
    return {"bool": {"filter": time_range(start, end)}}
