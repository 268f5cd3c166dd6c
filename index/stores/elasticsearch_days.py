"""Counts of a period in one request; of large ones by local day, kept in this process as long as they are true.

A question is first asked as a whole, in every field at once: histogram, facets and total of an overview cost one
request. When it is about many mentions, its days are counted one by one from the next look on and kept: then an
overview asks whether anything was written, and counts today.

No answer is older than that of a search (elasticsearch_places.STALE_SECONDS). After each refresh that a read asks
for, the sequence numbers of the months are compared: a month that took no write since a day of it was counted still
has that count; of a month that did, the days are counted again that its newer documents lie in, or lay in before an
edit or a removal (each document says so in `left`). Where whole documents vanished (an erased author, a dropped
month), everything is counted again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
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
MANY = 30_000  # mentions, which take the cluster about 10 ms to count: fewer are counted again each time
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
Edge = tuple[datetime | None, datetime | None]  # since, until
# Of a day, or of what the period has of one: sentiment -> value -> mentions. Strings and numbers alone: the garbage
# collector passes them by, and a string knows its hash, which a pair of strings does not.
Part = dict[Field, dict[str, dict[str, int]]]
NOTHING: Part = {field: {} for field in KNOWN}
LAST_DAY = date.max.toordinal()
FIRST_MOMENT = microseconds(datetime.min.replace(tzinfo=UTC))


class Span(NamedTuple):
    """Whole local days [first, last), and what is left at the ends."""

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
        self._look = 0  # of which the answers below are
        self._answers: dict[tuple[str, Edge], Part | None] = {}  # to questions asked at once
        self._edges: dict[tuple[str, Edge], list[Part | None]] = {}  # rests of those asked by day
        # Of large questions, the last asked last: day -> what it counts. None: too many values
        self._kept: OrderedDict[str, dict[int, Part | None]] = OrderedDict()
        self._caught_up = 0  # look with which what is kept was last compared with the cluster
        self._marks: dict[str, tuple[int, ...]] = {}  # month -> sequence number up to which what is kept is true
        self._purges: Any = None
        self._noted: Any = None  # sequence number of the state, where purges are noted

    @property
    def zone(self) -> str:
        """Where its days begin."""
        return self._days.zone.key

    def counts(self, query: MentionQuery, fields: Sequence[Field], look: int) -> dict[Field, Counts] | None:
        """As the cluster was at this look (Places.freshen) or later; None when the question is about other fields,
        when its answer hangs on more than the mentions themselves, or when a field has too many values."""
        if not KNOWN.issuperset(fields) or query.text or query.customers or query.linked is not None:
            return None
        key = repr(msgspec.structs.replace(query, since=None, until=None, sort="newest"))
        with self._lock:
            if look > self._look:
                self._answers.clear()
                self._edges.clear()
                self._look = look
            parts = self._parts(query, key)
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        return {field: _total(part[field] for part in whole) for field in fields}

    def _parts(self, query: MentionQuery, key: str) -> list[Part | None]:
        asked = key, (query.since, query.until)
        if key in self._kept and asked not in self._answers and (span := self._span(query)):
            return self._by_days(query, key, span)
        if asked not in self._answers:
            self._answers[asked] = self._at_once(query, key)
        return [self._answers[asked]]

    def _at_once(self, query: MentionQuery, key: str) -> Part | None:
        """The whole period as one part, in every field: the next question about it is about another field. Of
        many mentions, days are kept from the next look on."""
        days = {"days": {"date_histogram": self._by_day(), "aggs": BY_SENTIMENT}}
        found = self._ask(self._dsl(query), AGGS | days)
        if sum(each["doc_count"] for each in found["sentiment"]["buckets"]) >= MANY:
            self._kept.setdefault(key, {})
        return _part(found, [(_iso(self._day(each)), each) for each in found["days"]["buckets"]])

    def _by_days(self, query: MentionQuery, key: str, span: Span) -> list[Part | None]:
        if self._caught_up < self._look:
            self._catch_up()
            self._caught_up = self._look
        self._make_room(key)
        kept = self._kept[key]
        days = range(span.first, span.last)
        missing = [day for day in days if day not in kept]
        edges = [edge for edge in span.edges if (key, edge) not in self._edges]
        for start in range(0, max(len(missing), len(edges)), DAYS_AT_ONCE):
            some = missing[start : start + DAYS_AT_ONCE]
            self._count(query, key, some, [] if start else edges)
        return [kept[day] for day in days] + [part for edge in span.edges for part in self._edges[key, edge]]

    def _make_room(self, key: str) -> None:
        """Forget the questions that nobody asked for longest; this one was asked last."""
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > MOST_KEPT:
            self._kept.popitem(last=False)

    def _span(self, query: MentionQuery) -> Span | None:
        """The period in whole days and rests. One without end has all days until today, and the days to come as a
        rest (clocks of platforms are fast at times); one without beginning goes back as far as days are kept."""
        until = query.until or self._days.start(self._days.day(microseconds(datetime.now(UTC))) + 1)
        last = self._days.day(microseconds(until))
        first = self._days.day(microseconds(query.since)) if query.since else last - MOST_DAYS
        edges: list[Edge] = []
        if query.since is None or self._days.start(first) < query.since:
            first += bool(query.since)
            edges.append((query.since, self._days.start(first)))
        if query.until is None or self._days.start(last) < until:
            edges.append((self._days.start(last), query.until))
        return Span(first, last, edges) if 0 < first < last <= first + MOST_DAYS else None

    def _catch_up(self) -> None:
        """Forget what is no longer true. The sequence numbers are read first and the writes up to them made
        visible after: what is counted from then on holds all of them."""
        marks = self._sequence_numbers()
        noted = marks.pop(self._layout.state, None)
        purges = self._purges if noted == self._noted else self._state.purged()
        changed = [month for month, mark in marks.items() if self._marks.get(month) != mark]
        if changed:
            self._client.indices.refresh(index=changed)
        kept = self._kept.values()
        vanished = self._marks.keys() - marks.keys()  # dropped, or left behind by a migration
        if vanished or purges != self._purges:
            for days in kept:
                days.clear()
        if any(kept):
            for day in {day for month in changed for day in self._touched(month)}:
                for days in kept:
                    days.pop(day, None)
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
        aggs = {"days": {"date_histogram": self._by_day(), "aggs": AGGS}}
        periods = {"bool": {"should": [_between(*period) for period in (*whole, *edges)]}}
        always = self._dsl(msgspec.structs.replace(query, since=None, until=None))
        answer = self._ask({"bool": {"filter": [always, periods]}}, aggs)["days"]["buckets"]
        found = {(day := self._day(each)): _part(each, [(_iso(day), each)]) for each in answer}
        for day in days:
            self._kept[key][day] = found.get(day, NOTHING)
        for since, until in edges:
            first = self._days.day(microseconds(since)) if since else 0
            last = self._days.day(microseconds(until) - 1) if until else LAST_DAY
            self._edges[key, (since, until)] = [part for day, part in found.items() if first <= day <= last]

    def _ask(self, query: Dsl, aggs: Dsl) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._client.search(
            index=self._layout.mentions,
            query=query,
            size=0,
            aggs=aggs,
            track_total_hits=False,
            pre_filter_shard_size=1,
            allow_partial_search_results=False,
        )["aggregations"]
        return found

    def _by_day(self) -> Dsl:
        zone = self._days.zone.key
        return {"field": "published_at", "calendar_interval": "day", "time_zone": zone, "min_doc_count": 1}

    def _day(self, bucket: Mapping[str, Any]) -> int:
        # The first local day of the calendar may begin before it in UTC
        return self._days.day(max(int(bucket["key"]) * MILLISECOND, FIRST_MOMENT))


def _part(found: Mapping[str, Any], by_day: Sequence[tuple[str, Mapping[str, Any]]]) -> Part | None:
    """What AGGS found, and its days by sentiment. None when a field has more values than were asked for."""
    part: Part = {field: {} for field in KNOWN}
    for each in found["sentiment"]["buckets"]:
        sentiment = each["key"]
        part["sentiment"][sentiment] = {sentiment: each["doc_count"]}
        for field in BELOW:
            if not _whole(each[field]):
                return None
            part[field][sentiment] = {value["key"]: value["doc_count"] for value in each[field]["buckets"]}
    for day, bucket in by_day:
        for each in bucket["sentiment"]["buckets"]:
            part["day"].setdefault(each["key"], {})[day] = each["doc_count"]
    for (aspect, sentiment), n in pairs("aspect", found["aspect"]).items():
        part["aspect"].setdefault(sentiment, {})[aspect] = n
    return part if _whole(found["aspect"]) else None


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


def _between(start: datetime | None, end: datetime | None) -> Dsl:
    return {"bool": {"filter": time_range(start, end)}}
