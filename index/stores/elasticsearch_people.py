"""Authors: who speaks most, what one of them did, who is called like that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from elasticsearch import Elasticsearch

from index.documents import Author
from index.query import MentionQuery
from index.stores.elasticsearch_cards import AT_ONCE, Cards
from index.stores.elasticsearch_counts import BY_SENTIMENT, Counting, certain, sentiment_counts, terms
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_query import PRESENT, Dsl, to_dsl
from index.stores.elasticsearch_scan import NEWEST_FIRST
from index.stores.elasticsearch_together import together
from index.stores.protocol import AuthorStat

By = Literal["mentions", "engagement", "koc"]
ORDER: dict[By, list[dict[str, str]]] = {
    "mentions": [{"_count": "desc"}, {"_key": "asc"}],
    "engagement": [{"engagement": "desc"}, {"_key": "asc"}],
}
ENGAGEMENT: Dsl = {"engagement": {"sum": {"field": "engagement_total"}}}
SUMS: Dsl = {**BY_SENTIMENT, **ENGAGEMENT}
MANY_VALUES = 50_000  # of a field of few values, and of accounts with one name
SHARD_AUTHORS = 1000  # that each index names at first as its most frequent
ALL_AUTHORS = 10_000_000
POOL = 10  # times as many as are wanted are looked at when the first are not sure


class People:
    """Also what a question must know of authors before it can be asked (elasticsearch_query.Lookups)."""

    def __init__(self, client: Elasticsearch, layout: Layout, cards: Cards, zone: str) -> None:
        self._client = client
        self._layout = layout
        self._cards = cards
        self._zone = zone

    def dsl(self, query: MentionQuery) -> Dsl:
        return to_dsl(query, self, self._zone)

    def values(self, field: str) -> list[str]:
        aggs = {"values": {"terms": {"field": field, "size": MANY_VALUES}}}
        answer = self._client.search(
            allow_partial_search_results=False, index=self._layout.mentions, size=0, aggs=aggs
        )
        return [bucket["key"] for bucket in answer["aggregations"]["values"]["buckets"]]

    def authors_linked(self, customers: Sequence[str] | None = None) -> list[str]:
        return self._cards.linked(customers)

    def authors_called(self, name: str) -> list[str]:
        return [author.id for author in self._called([name]) if name in (author.id, author.name, author.handle)]

    def beside(
        self, wanted: Sequence[tuple[str, tuple[str, ...]]], look: int | None
    ) -> list[tuple[str | None, float | None]]:
        """Customer and score of each author about these brands (or about no brand), as they are now or as of a
        look (Places.freshen); None for what is not known."""
        customers, scores = self._cards.known({author for author, _ in wanted if author}, look)
        return [
            (
                customers.get(author),
                max((scores[author, b] for b in (*brands, "") if (author, b) in scores), default=None),
            )
            for author, brands in wanted
        ]

    def top(self, counting: Counting, query: MentionQuery, by: By, limit: int) -> list[AuthorStat]:
        brands = [*query.brands, ""] if query.brands else None
        dsl = {"bool": {"filter": [self.dsl(query), {"exists": {"field": "author.id"}}]}}
        found = (
            self._by_score(counting, dsl, brands, limit) if by == "koc" else self._most(counting, dsl, by, limit)
        )
        parts = [found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE)]
        return [stat for part in parts for stat in self._stats(dsl, part, brands)]

    def one(self, author_id: str) -> AuthorStat | None:
        return next(iter(self._stats(PRESENT, [author_id], None)), None)

    def find(self, platform: str, names: Sequence[str]) -> list[Author]:
        wanted = {*names, *(f"{platform}:{name}" for name in names)}
        found = [a for a in self._called(list(wanted)) if wanted & {a.id, a.name, a.handle}]
        return sorted((a for a in found if a.id.startswith(f"{platform}:")), key=lambda author: author.id)

    def _most(self, counting: Counting, dsl: Dsl, by: By, limit: int) -> list[str]:
        """Each index names its most frequent authors. For the number of mentions it can be told from that whether
        somebody else could be among the first; for a sum it cannot, so then all are named. What else is told of
        the first is asked later: of each of thousands of authors it takes thirty times as long as naming them."""
        pool = POOL * limit
        shard = max(SHARD_AUTHORS, pool) if by == "mentions" else ALL_AUTHORS
        inner = ENGAGEMENT if by == "engagement" else {}
        while True:
            named = self._named(counting, dsl, pool, inner, shard_size=shard, order=ORDER[by])
            buckets = named["buckets"]
            if shard >= ALL_AUTHORS or certain({**named, "buckets": buckets[:limit]}, limit):
                return [bucket["key"] for bucket in buckets[:limit]]
            if first := self._first(counting, dsl, named, pool, limit):
                return first
            shard *= 20

    def _first(
        self, counting: Counting, dsl: Dsl, named: Mapping[str, Any], pool: int, limit: int
    ) -> list[str] | None:
        """The first of those named, counted exactly; None when somebody else may have as many mentions as they."""
        buckets = named["buckets"]
        most: int = named["doc_count_error_upper_bound"]  # that one can have whom no index names
        if len(buckets) == pool:
            most += buckets[-1]["doc_count"]
        ids = [bucket["key"] for bucket in buckets]
        counted = self._named(counting, said_by(dsl, ids), limit, {}, shard_size=pool, order=ORDER["mentions"])
        first = counted["buckets"]
        sure = len(first) == limit and first[-1]["doc_count"] > most
        return [bucket["key"] for bucket in first] if sure else None

    def _named(self, counting: Counting, dsl: Dsl, size: int, inner: Dsl, **options: Any) -> Mapping[str, Any]:
        answer = counting.ask(dsl, {"authors": terms("author.id", size, inner, **options)})
        authors: Mapping[str, Any] = answer["aggregations"]["authors"]
        return authors

    def _by_score(self, counting: Counting, dsl: Dsl, brands: list[str] | None, limit: int) -> list[str]:
        """The authors with the best scores among those who said something that was asked for."""
        best = self._cards.scored(brands)
        found: list[str] = []
        for start in range(0, len(best), AT_ONCE):
            some = best[start : start + AT_ONCE]
            named = self._named(counting, said_by(dsl, some), len(some), {})
            there = {bucket["key"] for bucket in named["buckets"]}
            found += [author for author in some if author in there]
            if len(found) >= limit:
                break
        return found[:limit]

    def _stats(self, dsl: Dsl, authors: Sequence[str], brands: list[str] | None) -> list[AuthorStat]:
        """Of at most AT_ONCE authors, in this order; of those who said something that is asked for."""
        if not authors:
            return []
        sums = {"query": said_by(dsl, authors), "size": 0, "aggs": {"a": terms("author.id", len(authors), SUMS)}}
        cards = self._cards.asked(authors)
        mentions = self._layout.mentions
        counted, seen, known = together(self._client, (mentions, sums), (mentions, _newest(authors)), cards)
        groups = {bucket["key"]: bucket for bucket in counted["aggregations"]["a"]["buckets"]}
        latest = _authors(seen)
        customers, influences = self._cards.read(cards, known["hits"]["hits"], brands)
        return [
            AuthorStat(
                author=latest[author],
                mentions=groups[author]["doc_count"],
                engagement=int(groups[author]["engagement"]["value"]),
                counts=sentiment_counts(groups[author]["sentiment"]["buckets"]),
                influence=influences.get(author),
                customer_id=customers.get(author),
            )
            for author in authors
            if author in groups and author in latest
        ]

    def _called(self, names: Sequence[str]) -> list[Author]:
        """Authors who have or had one of these names, as they are now."""
        parts = [{"terms": {f"author.{field}": list(names)}} for field in ("id", "name", "handle")]
        answer = self._client.search(
            allow_partial_search_results=False,
            index=self._layout.mentions,
            query={"bool": {"should": parts}},
            size=0,
            aggs={"authors": {"terms": {"field": "author.id", "size": MANY_VALUES}}},
        )
        ids = [bucket["key"] for bucket in answer["aggregations"]["authors"]["buckets"]]
        return list(self.latest(ids).values())

    def latest(self, authors: Iterable[str]) -> dict[str, Author]:
        """Each author as their newest version of any mention shows them."""
        ids = list(authors)
        found: dict[str, Author] = {}
        for start in range(0, len(ids), AT_ONCE):
            newest = _newest(ids[start : start + AT_ONCE])
            found |= _authors(*together(self._client, (self._layout.mentions, newest)))
        return found


def said_by(dsl: Dsl, authors: Sequence[str]) -> Dsl:
    return {"bool": {"filter": [dsl, {"terms": {"author.id": list(authors)}}]}}


def _newest(authors: Sequence[str]) -> Dsl:
    """A search for the newest version of any mention of each of at most AT_ONCE authors."""
    return {
        "query": {"terms": {"author.id": list(authors)}},
        "sort": [{"version": {"order": "desc", "missing": 0}}, *NEWEST_FIRST],
        "collapse": {"field": "author.id"},
        "size": AT_ONCE,
        "_source": ["author"],
        "track_total_hits": False,
    }


def _authors(answer: Mapping[str, Any]) -> dict[str, Author]:
    found = (msgspec.convert(hit["_source"]["author"], Author) for hit in answer["hits"]["hits"])
    return {author.id: author for author in found}
