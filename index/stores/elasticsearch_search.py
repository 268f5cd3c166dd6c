"""Finding mentions and reading them back as records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from elasticsearch import Elasticsearch

from index.documents import Record
from index.query import MentionQuery, Sort, highlight, ranking_terms
from index.query_language import parse
from index.stores.cursors import read_cursor, write_cursor
from index.stores.elasticsearch_documents import to_plain_record, to_record
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_places import Places
from index.stores.elasticsearch_query import Dsl, relevance
from index.stores.elasticsearch_scan import NEWEST_FIRST, hits
from index.stores.protocol import Hit, Page

ORDERS: dict[Sort, list[dict[str, Any]]] = {
    "newest": [*NEWEST_FIRST],
    "engagement": [{"engagement_total": {"order": "desc", "missing": -1}}, *NEWEST_FIRST],
    "relevance": [{"_score": "desc"}, {"length": "asc"}, *NEWEST_FIRST],
}


class Asked(Protocol):
    """Where questions come from and what is known of authors."""

    def dsl(self, query: MentionQuery) -> Dsl: ...

    def beside(
        self, wanted: Sequence[tuple[str, tuple[str, ...]]], look: int | None
    ) -> list[tuple[str | None, float | None]]:
        """Customer and score of each author about these brands, as they are now or as of a look."""


class Searcher:
    def __init__(self, client: Elasticsearch, layout: Layout, places: Places, asked: Asked) -> None:
        self._client = client
        self._layout = layout
        self._places = places
        self._asked = asked

    def search(self, query: MentionQuery, *, limit: int, cursor: str | None, marked: bool) -> Page:
        """A cursor holds the values that the order goes by, not a point in time: that would end while a person
        reads. Mentions that come in meanwhile shift nothing."""
        look = self._places.freshen()
        node = parse(query.text)
        order: Sort = query.sort
        dsl = self._asked.dsl(query)
        if order == "relevance":
            wanted = ranking_terms(node)
            dsl = {"bool": {"filter": [dsl], "should": relevance(wanted)}}
            order = "relevance" if wanted else "newest"
        sort = ORDERS[order]
        found = self._client.search(
            index=self._layout.mentions,
            query=dsl,
            sort=sort,
            size=limit + 1,
            search_after=read_cursor(cursor, order, len(sort)) if cursor else None,
            track_total_hits=False,
            allow_partial_search_results=False,
        )["hits"]["hits"]
        shown = found[:limit]
        records = self._records(shown, look)
        found_hits = tuple(
            Hit(record=r, highlights=highlight(r.mention.full_text, node) if marked else ()) for r in records
        )
        more = len(found) > limit and shown
        return Page(hits=found_hits, cursor=write_cursor(order, *shown[-1]["sort"]) if more else None)

    def scan(self, query: MentionQuery, *, batch: int, plain: bool) -> Iterator[Record]:
        look = self._places.freshen()
        dsl = self._asked.dsl(query)
        found = hits(self._client, self._layout.mentions, dsl, batch=batch, sort=NEWEST_FIRST)
        while page := list(islice(found, batch)):
            yield from map(to_plain_record, page) if plain else self._records(page, look)

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        wanted = list(dict.fromkeys(ids))
        found = self._documents(wanted)
        if missing := [i for i in wanted if i not in found]:
            # Another process wrote it just now; each copy of a shard shows it to searches at a time of its own
            self._client.indices.refresh(index=self._layout.mentions)
            found |= self._documents(missing)
        records = self._records([hit for hit in found.values() if not hit["_source"].get("removed")], None)
        by_id = {record.mention.id: record for record in records}
        return [by_id.get(i) for i in ids]

    def _documents(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Those that are there, removed ones too."""
        wheres = [(i, place.where) for i, place in self._places.locate(ids).items()]
        return {hit["_id"]: hit for hit in self._places.documents(wheres, None)}

    def _records(self, found: Sequence[Mapping[str, Any]], look: int | None) -> list[Record]:
        sources = [hit["_source"] for hit in found]
        spoken = [(s["author"]["id"] if "author" in s else "", tuple(s.get("brands", ()))) for s in sources]
        beside = self._asked.beside(spoken, look)
        return [to_record(s, customer=c, koc=k) for s, (c, k) in zip(sources, beside, strict=True)]
