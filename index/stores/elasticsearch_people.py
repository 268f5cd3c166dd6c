"""Authors: who speaks most, what one of them did, their scores and the customer they are.

Customers and scores lie beside the mentions, in an index of people, and are joined when a question is asked: a
link made now holds for mentions of last year and of the next second, and a re-scored mention cannot lose it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from elasticsearch import Elasticsearch

from index.documents import Author, AuthorFacts, Influence, encode
from index.query import MentionQuery
from index.stores.days import Days
from index.stores.elasticsearch_bulk import send_lines
from index.stores.elasticsearch_counts import BY_SENTIMENT, Counting, certain, sentiment_counts, terms
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_query import Dsl, to_dsl
from index.stores.elasticsearch_scan import NEWEST_FIRST, hits
from index.stores.elasticsearch_state import State
from index.stores.posts import Copies, Post, facts, is_experience
from index.stores.protocol import AuthorStat

By = Literal["mentions", "engagement", "koc"]
ORDER: dict[By, list[dict[str, str]]] = {
    "mentions": [{"_count": "desc"}, {"_key": "asc"}],
    "engagement": [{"engagement": "desc"}, {"_key": "asc"}],
}
SUMS: Dsl = {**BY_SENTIMENT, "engagement": {"sum": {"field": "engagement_total"}}}
COLUMNS = (
    "author.id",
    "ts",
    "sentiment",
    "spam",
    "aspects",
    "intents",
    "engagement_total",
    "fingerprint",
    "cluster",
)
MANY_VALUES = 50_000  # of a field of few values, and of accounts with one name
SHARD_AUTHORS = 1000  # that each index names at first as its most frequent
ALL_AUTHORS = 10_000_000
AT_ONCE = 1000  # authors of one request
LONGEST_ID = 500  # bytes; Elasticsearch takes 512


class People:
    """Also what a question must know of authors before it can be asked (elasticsearch_query.Lookups)."""

    def __init__(self, client: Elasticsearch, layout: Layout, state: State, zone: str) -> None:
        self._client = client
        self._layout = layout
        self._state = state
        self._zone = zone
        self._days = Days(zone)

    def dsl(self, query: MentionQuery) -> Dsl:
        return to_dsl(query, self, self._zone)

    def values(self, field: str) -> list[str]:
        aggs = {"values": {"terms": {"field": field, "size": MANY_VALUES}}}
        answer = self._client.search(
            allow_partial_search_results=False, index=self._layout.mentions, size=0, aggs=aggs
        )
        return [bucket["key"] for bucket in answer["aggregations"]["values"]["buckets"]]

    def authors_linked(self, customers: Sequence[str] | None = None) -> list[str]:
        wanted = (
            {"exists": {"field": "customer"}} if customers is None else {"terms": {"customer": list(customers)}}
        )
        return [hit["_source"]["author"] for hit in self._people(wanted, ["author"])]

    def authors_called(self, name: str) -> list[str]:
        return [author.id for author in self._called([name]) if name in (author.id, author.name, author.handle)]

    def beside(self, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[str | None, float | None]]:
        """Customer and score of each author about these brands (or about no brand); None for what is not known."""
        customers, scores = self._known({author for author, _ in wanted if author})
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
        return self._stats(found, brands)

    def one(self, counting: Counting, author_id: str) -> AuthorStat | None:
        found = self._groups(counting, {"term": {"author.id": author_id}}, [author_id])
        return next(iter(self._stats(found, None)), None)

    def find(self, platform: str, names: Sequence[str]) -> list[Author]:
        wanted = {*names, *(f"{platform}:{name}" for name in names)}
        found = [a for a in self._called(list(wanted)) if wanted & {a.id, a.name, a.handle}]
        return sorted((a for a in found if a.id.startswith(f"{platform}:")), key=lambda author: author.id)

    def facts(self, brand: str, since: datetime, authors: Sequence[str] | None) -> list[AuthorFacts]:
        posts = self._posts(MentionQuery(brands=(brand,), since=since))
        copies = Copies(posts)
        wanted = None if authors is None else set(authors)
        by_author: defaultdict[str, list[Post]] = defaultdict(list)
        for post in posts:
            if post.author is not None and (wanted is None or post.author in wanted):
                by_author[str(post.author)].append(post)
        latest = self._latest(by_author)
        customers, _ = self._known(by_author)
        found = [
            facts(latest[a], customers.get(a), brand, theirs, copies, self._days)
            for a, theirs in by_author.items()
            if a in latest
        ]
        return sorted(found, key=lambda one: (-one.posts, one.author.id))

    def influences(self) -> Iterator[Influence]:
        query: Dsl = {"exists": {"field": "score"}}
        for hit in hits(self._client, self._layout.people, query, fields=["influence"]):
            yield msgspec.convert(hit["_source"]["influence"], Influence)

    def customers(self) -> Iterator[tuple[str, str]]:
        query: Dsl = {"exists": {"field": "customer"}}
        for hit in hits(self._client, self._layout.people, query, fields=["author", "customer"]):
            yield hit["_source"]["author"], hit["_source"]["customer"]

    def set_influence(self, scores: Sequence[Influence]) -> None:
        erased = self._state.erased(score.author_id for score in scores)
        lines: list[Any] = []
        for score in scores:
            if score.author_id not in erased:
                kept = {"author": score.author_id, "brand": score.brand or "", "score": score.score}
                header = {"index": {"_id": _score_id(score.author_id, score.brand or "")}}
                lines += [header, {**kept, "influence": msgspec.json.decode(encode(score))}]
        if lines:
            send_lines(self._client, self._layout.people, lines, refresh=True)
            self._state.note_change()

    def set_customer(self, author_id: str, customer_id: str | None) -> None:
        if self._state.erased([author_id]):
            return
        document = {"author": author_id, **({"customer": customer_id} if customer_id else {})}
        self._client.index(index=self._layout.people, id=_short(author_id), document=document, refresh=True)
        self._state.note_change()

    def _most(self, counting: Counting, dsl: Dsl, by: By, limit: int) -> list[Mapping[str, Any]]:
        """Each index names its most frequent authors. For the number of mentions it can be told from that whether
        somebody else could be among the first; for a sum it cannot, so then all are named."""
        shard = max(SHARD_AUTHORS, 5 * limit) if by == "mentions" else ALL_AUTHORS
        while True:
            answer = counting.ask(
                dsl, {"authors": terms("author.id", limit, SUMS, shard_size=shard, order=ORDER[by])}
            )
            authors: Mapping[str, Any] = answer["aggregations"]["authors"]
            if shard >= ALL_AUTHORS or certain(authors, limit):
                return list(authors["buckets"])
            shard *= 20

    def _by_score(
        self, counting: Counting, dsl: Dsl, brands: list[str] | None, limit: int
    ) -> list[Mapping[str, Any]]:
        """The authors with the best scores among those who said something that was asked for."""
        wanted: Dsl = {"terms": {"brand": brands}} if brands is not None else {"exists": {"field": "score"}}
        best = list(
            dict.fromkeys(hit["_source"]["author"] for hit in self._people(wanted, ["author"], by_score=True))
        )
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(best), AT_ONCE):
            found += self._groups(counting, dsl, best[start : start + AT_ONCE])
            if len(found) >= limit:
                break
        return found[:limit]

    def _groups(self, counting: Counting, dsl: Dsl, authors: Sequence[str]) -> list[Mapping[str, Any]]:
        """Counts of these authors, in this order; of those who have any."""
        query = {"bool": {"filter": [dsl, {"terms": {"author.id": list(authors)}}]}}
        answer = counting.ask(query, {"authors": terms("author.id", len(authors), SUMS)})
        by_id = {bucket["key"]: bucket for bucket in answer["aggregations"]["authors"]["buckets"]}
        return [by_id[author] for author in authors if author in by_id]

    def _stats(self, groups: Sequence[Mapping[str, Any]], brands: list[str] | None) -> list[AuthorStat]:
        ids = [group["key"] for group in groups]
        latest, customers, influences = self._latest(ids), self._known(ids)[0], self._influences(ids, brands)
        return [
            AuthorStat(
                author=latest[group["key"]],
                mentions=group["doc_count"],
                engagement=int(group["engagement"]["value"]),
                counts=sentiment_counts(group["sentiment"]["buckets"]),
                influence=influences.get(group["key"]),
                customer_id=customers.get(group["key"]),
            )
            for group in groups
            if group["key"] in latest
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
        return list(self._latest(ids).values())

    def _latest(self, authors: Iterable[str]) -> dict[str, Author]:
        """Each author as their newest version of any mention shows them."""
        ids = list(authors)
        found: dict[str, Author] = {}
        for start in range(0, len(ids), AT_ONCE):
            answer = self._client.search(
                allow_partial_search_results=False,
                index=self._layout.mentions,
                query={"terms": {"author.id": ids[start : start + AT_ONCE]}},
                sort=[{"version": {"order": "desc", "missing": 0}}, *NEWEST_FIRST],
                collapse={"field": "author.id"},
                size=AT_ONCE,
                source_includes=["author"],
                track_total_hits=False,
            )
            for hit in answer["hits"]["hits"]:
                author = msgspec.convert(hit["_source"]["author"], Author)
                found[author.id] = author
        return found

    def _known(self, authors: Iterable[str]) -> tuple[dict[str, str], dict[tuple[str, str], float]]:
        """Customers by author, scores by author and brand."""
        customers: dict[str, str] = {}
        scores: dict[tuple[str, str], float] = {}
        ids = list(authors)
        for start in range(0, len(ids), AT_ONCE):
            wanted = {"terms": {"author": ids[start : start + AT_ONCE]}}
            for hit in self._people(wanted, ["author", "customer", "brand", "score"]):
                source = hit["_source"]
                if "score" in source:
                    scores[source["author"], source["brand"]] = source["score"]
                elif "customer" in source:
                    customers[source["author"]] = source["customer"]
        return customers, scores

    def _influences(self, authors: Sequence[str], brands: list[str] | None) -> dict[str, Influence]:
        """The best score of each author, among those of the brands."""
        parts: list[Dsl] = [{"terms": {"author": list(authors)}}, {"exists": {"field": "score"}}]
        if brands is not None:
            parts.append({"terms": {"brand": brands}})
        found: dict[str, Influence] = {}
        for hit in self._people({"bool": {"filter": parts}}, ["author", "influence"], by_score=True):
            source = hit["_source"]
            found.setdefault(source["author"], msgspec.convert(source["influence"], Influence))
        return found

    def _people(self, query: Dsl, fields: list[str], *, by_score: bool = False) -> list[dict[str, Any]]:
        """Documents of the index of people, which is refreshed by every write. Mostly one page."""
        sort = [{"score": "desc"}, {"author": "asc"}, {"brand": "asc"}] if by_score else [{"_doc": "asc"}]
        page: list[dict[str, Any]] = self._client.search(
            allow_partial_search_results=False,
            index=self._layout.people,
            query=query,
            sort=sort,
            size=AT_ONCE,
            source_includes=fields,
            track_total_hits=False,
        )["hits"]["hits"]
        if len(page) < AT_ONCE:
            return page
        return list(hits(self._client, self._layout.people, query, sort=sort if by_score else None, fields=fields))

    def _posts(self, query: MentionQuery) -> list[Post]:
        found = hits(
            self._client,
            self._layout.mentions,
            self.dsl(query),
            batch=5000,
            fields=False,
            docvalue_fields=COLUMNS,
        )
        return [_post(hit["fields"]) for hit in found]


def _post(columns: Mapping[str, list[Any]]) -> Post:
    def first(name: str) -> Any:
        return columns.get(name, (None,))[0]

    spam = bool(first("spam"))
    return Post(
        author=first("author.id"),
        ts=first("ts"),
        sentiment=first("sentiment"),
        spam=spam,
        experience=is_experience(columns.get("intents", ()), columns.get("aspects", ()), spam=spam),
        engagement=first("engagement_total"),
        fingerprint=first("fingerprint"),
        cluster=first("cluster"),
    )


def _score_id(author: str, brand: str) -> str:
    return _short(f"{author}|{brand}")


def _short(name: str) -> str:
    return name if len(name.encode()) <= LONGEST_ID else hashlib.blake2b(name.encode(), digest_size=32).hexdigest()
