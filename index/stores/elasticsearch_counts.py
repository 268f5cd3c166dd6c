"""Counting: totals, facets and the histogram, by aggregations that are exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from elasticsearch import Elasticsearch

from index.documents import EPOCH, SENTIMENTS
from index.query import MentionQuery
from index.stores.days import local
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_places import Places
from index.stores.elasticsearch_query import FIELDS, Dsl
from index.stores.protocol import Bucket, Facet, SentimentCounts

Counts = dict[tuple[str, str], int]  # (value, sentiment) -> mentions
VALUES = 1000  # of a field that are counted at first
MANY = 10  # times more, until the counts are certain
BY_SENTIMENT: Dsl = {"sentiment": {"terms": {"field": "sentiment", "size": len(SENTIMENTS)}}}


class Asked(Protocol):
    def dsl(self, query: MentionQuery) -> Dsl: ...


class ByDay(Protocol):
    """Counts kept by day (elasticsearch_days)."""

    @property
    def zone(self) -> str: ...

    def counts(self, query: MentionQuery, fields: Sequence[Any], look: int) -> dict[Any, Counts] | None: ...


class Counting:
    def __init__(self, client: Elasticsearch, layout: Layout, places: Places, asked: Asked, days: ByDay) -> None:
        self._days = days
        self._client = client
        self._layout = layout
        self._places = places
        self._asked = asked

    def count(self, query: MentionQuery) -> int:
        if kept := self._days.counts(query, ["sentiment"], self._places.freshen()):
            return sum(kept["sentiment"].values())
        answer = self.ask(self._asked.dsl(query), {}, track_total_hits=True)
        return int(answer["hits"]["total"]["value"])

    def facets(self, query: MentionQuery, fields: Sequence[Facet], size: int) -> dict[str, list[Bucket]]:
        if kept := self._days.counts(query, fields, self._places.freshen()):
            return {field: to_buckets(kept[field])[:size] for field in fields}
        dsl = self._asked.dsl(query)
        found: dict[str, list[Bucket]] = {}
        many = max(VALUES, size)
        left = list(fields)
        while left:
            # An aspect comes with its sentiment, so its most frequent are known only when all are counted
            sizes = {field: many if field == "aspect" else size for field in left}
            aggs = {str(f): terms(FIELDS[f], n, _below(f), shard_size=many) for f, n in sizes.items()}
            answer = self.ask(dsl, aggs)["aggregations"]
            for field, n in sizes.items():
                whole = field != "aspect" or len(answer[field]["buckets"]) < n
                if whole and certain(answer[field], n):
                    found[field] = to_buckets(pairs(field, answer[field]))[:size]
            left = [field for field in left if field not in found]
            many *= MANY
        return {field: found[field] for field in fields}

    def histogram(self, query: MentionQuery, step: Literal["hour", "day"], zone: str) -> list[Bucket]:
        look = self._places.freshen()
        if step == "day" and zone == self._days.zone and (kept := self._days.counts(query, ["day"], look)):
            return sorted(to_buckets(kept["day"]), key=lambda bucket: bucket.key)
        steps = {
            "field": "published_at",
            "calendar_interval": step,
            "time_zone": zone,
            "min_doc_count": 1,
        }
        aggs = {"steps": {"date_histogram": steps, "aggs": BY_SENTIMENT}}
        answer = self.ask(self._asked.dsl(query), aggs)["aggregations"]["steps"]["buckets"]
        counts: Counts = {}
        for bucket in answer:
            key = _label(bucket["key"], step, ZoneInfo(zone))
            for each in bucket["sentiment"]["buckets"]:
                at = key, each["key"]  # an hour that the clocks repeat is one hour
                counts[at] = counts.get(at, 0) + each["doc_count"]
        return sorted(to_buckets(counts), key=lambda bucket: bucket.key)

    def ask(self, query: Dsl, aggs: Dsl, **options: Any) -> Mapping[str, Any]:
        """Aggregations over the months that the query can touch."""
        answer: Mapping[str, Any] = self._client.search(
            index=self._layout.mentions,
            query=query,
            aggs=aggs or None,
            size=0,
            pre_filter_shard_size=1,  # months outside of the period are not asked
            allow_partial_search_results=False,
            **{"track_total_hits": False, **options},
        ).body
        return answer


def _below(field: Facet) -> Dsl:
    return {} if field == "aspect" else BY_SENTIMENT


def terms(field: str, size: int, inner: Dsl, **options: Any) -> Dsl:
    """The most frequent values of a field."""
    return {"terms": {"field": field, "size": size, "show_term_doc_count_error": True, **options}, "aggs": inner}


def certain(answer: Mapping[str, Any], size: int) -> bool:
    """Whether these are the `size` most frequent values, counted whole. Each index names its most frequent ones,
    and what it left out is told as the most that a value can have there."""
    unseen: int = answer["doc_count_error_upper_bound"]
    if unseen == 0:
        return True
    buckets = answer["buckets"]
    if len(buckets) < size or unseen >= buckets[-1]["doc_count"]:
        return False
    return all(bucket["doc_count_error_upper_bound"] == 0 for bucket in buckets)


def pairs(field: Facet, answer: Mapping[str, Any]) -> Counts:
    if field != "aspect":
        return {
            (bucket.get("key_as_string", bucket["key"]), each["key"]): each["doc_count"]
            for bucket in answer["buckets"]
            for each in bucket["sentiment"]["buckets"]
        }
    found = ((*bucket["key"].rpartition(":")[::2], bucket["doc_count"]) for bucket in answer["buckets"])
    return {(name, sentiment): n for name, sentiment, n in found}


def to_buckets(counts: Mapping[tuple[str, str], int]) -> list[Bucket]:
    """Most frequent first, ties by key."""
    by_key: dict[str, dict[str, int]] = {}
    for (key, sentiment), n in counts.items():
        by_key.setdefault(key, {})[sentiment] = n
    buckets = [Bucket(key=key, counts=SentimentCounts(**found)) for key, found in by_key.items()]
    return sorted(buckets, key=lambda bucket: (-bucket.counts.total, bucket.key))


def sentiment_counts(buckets: Iterable[Mapping[str, Any]]) -> SentimentCounts:
    return SentimentCounts(**{each["key"]: each["doc_count"] for each in buckets})


def _label(milliseconds: int, step: str, zone: ZoneInfo) -> str:
    """The local day or hour that begins then."""
    try:
        start = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:  # the first local day of the calendar may begin before it in UTC
        start = datetime.min.replace(tzinfo=UTC)
    day, hour = local(start, zone).isoformat().split("T")
    return day if step == "day" else f"{day}T{hour[:2]}:00"
