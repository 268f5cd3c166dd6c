"""Facts about authors, for their scores: their posts are read, and the cluster says which of these repeat others.

So memory grows with what some authors said, not with all that is said about a brand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from elasticsearch import Elasticsearch

from index.documents import AuthorFacts
from index.query import MentionQuery
from index.stores.days import Days
from index.stores.elasticsearch_cards import AT_ONCE, Cards
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_people import People, said_by
from index.stores.elasticsearch_query import Dsl
from index.stores.elasticsearch_scan import hits
from index.stores.posts import Copies, Post, facts, is_experience, together

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
BATCH = 5000
TEXTS_AT_ONCE = 10_000
IN_CLUSTERS: list[dict[str, Any]] = [{"cluster": "asc"}, {"ts": "asc"}]


class Facts:
    def __init__(self, client: Elasticsearch, layout: Layout, people: People, cards: Cards, zone: str) -> None:
        self._client = client
        self._layout = layout
        self._people = people
        self._cards = cards
        self._days = Days(zone)

    def of(self, brand: str, since: datetime, authors: Sequence[str] | None) -> list[AuthorFacts]:
        dsl = self._people.dsl(MentionQuery(brands=(brand,), since=since))
        wanted = self._authors(dsl) if authors is None else iter(dict.fromkeys(authors))
        found: list[AuthorFacts] = []
        while some := list(islice(wanted, AT_ONCE)):
            found += self._some(brand, dsl, some)
        return sorted(found, key=lambda one: (-one.posts, one.author.id))

    def _some(self, brand: str, dsl: Dsl, authors: Sequence[str]) -> Iterator[AuthorFacts]:
        by_author: defaultdict[str, list[Post]] = defaultdict(list)
        for columns in self._columns(said_by(dsl, authors), COLUMNS):
            post = _post(columns)
            by_author[str(post.author)].append(post)
        posts = [post for theirs in by_author.values() for post in theirs]
        copies = Copies(self._repeated(dsl, {post.fingerprint for post in posts}), self._organised(dsl, posts))
        latest, (customers, _) = self._people.latest(by_author), self._cards.known(by_author)
        for author, theirs in by_author.items():
            if author in latest:
                yield facts(latest[author], customers.get(author), brand, theirs, copies, self._days)

    def _authors(self, dsl: Dsl) -> Iterator[str]:
        """Everybody who said something that is asked for."""
        paging: Dsl = {"size": AT_ONCE, "sources": [{"author": {"terms": {"field": "author.id"}}}]}
        while True:
            answer = self._counted(dsl, {"composite": paging})
            yield from (bucket["key"]["author"] for bucket in answer["buckets"])
            if "after_key" not in answer:
                return
            paging = {**paging, "after": answer["after_key"]}

    def _repeated(self, dsl: Dsl, texts: Collection[Any]) -> set[Any]:
        """Those of these texts that several posts have."""
        found: set[Any] = set()
        left = iter(texts)
        while some := list(islice(left, TEXTS_AT_ONCE)):
            counted = {"field": "fingerprint", "include": some, "size": len(some), "min_doc_count": 2}
            answer = self._counted(dsl, {"terms": {**counted, "shard_min_doc_count": 1}})
            found.update(bucket["key"] for bucket in answer["buckets"])
        return found

    def _organised(self, dsl: Dsl, posts: Sequence[Post]) -> set[tuple[Any, int]]:
        """Clusters and moments of those posts that look organised. Those of others in their clusters pass by."""
        wanted = {(post.cluster, post.ts) for post in posts if post.cluster is not None}
        clusters = sorted({str(cluster) for cluster, _ in wanted})
        if not clusters:
            return set()
        query = {"bool": {"filter": [dsl, {"terms": {"cluster": clusters}}]}}
        members = self._columns(query, ("cluster", "ts", "author.id"), sort=IN_CLUSTERS)
        return {
            (cluster, moment)
            for cluster, group in groupby(members, key=lambda columns: columns["cluster"][0])
            for moment in together((_first(columns, "author.id"), columns["ts"][0]) for columns in group)
            if (cluster, moment) in wanted
        }

    def _columns(self, query: Dsl, names: Sequence[str], **options: Any) -> Iterator[Mapping[str, list[Any]]]:
        options["docvalue_fields"] = names
        for hit in hits(self._client, self._layout.mentions, query, batch=BATCH, fields=False, **options):
            yield hit["fields"]

    def _counted(self, dsl: Dsl, counted: Dsl) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.search(
            index=self._layout.mentions,
            query=dsl,
            aggs={"counted": counted},
            size=0,
            track_total_hits=False,
            pre_filter_shard_size=1,  # months outside of the period are not asked
            allow_partial_search_results=False,
        )["aggregations"]["counted"]
        return answer


def _first(columns: Mapping[str, list[Any]], name: str) -> Any:
    return columns.get(name, (None,))[0]


def _post(columns: Mapping[str, list[Any]]) -> Post:
    spam = bool(_first(columns, "spam"))
    return Post(
        author=_first(columns, "author.id"),
        ts=_first(columns, "ts"),
        sentiment=_first(columns, "sentiment"),
        spam=spam,
        experience=is_experience(columns.get("intents", ()), columns.get("aspects", ()), spam=spam),
        engagement=_first(columns, "engagement_total"),
        fingerprint=_first(columns, "fingerprint"),
        cluster=_first(columns, "cluster"),
    )
