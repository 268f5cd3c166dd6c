"""What is known of authors beside their mentions: the customer they are, and their scores.

It lies in an index of its own and is joined when a question is asked: a link made now holds for mentions of last
year and of the next second, and a re-scored mention cannot lose it. Every write makes itself visible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from index.documents import Influence, encode
from index.stores.elasticsearch_bulk import send_lines
from index.stores.elasticsearch_kept_cards import FIELDS, KeptCards, Known
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_query import Dsl
from index.stores.elasticsearch_scan import hits
from index.stores.elasticsearch_state import State
from index.stores.elasticsearch_together import Search, together

AT_ONCE = 1000  # authors, and documents, of one request
LONGEST_ID = 500  # bytes; Elasticsearch takes 512
ANY_ORDER = [{"_doc": "asc"}]
BEST_FIRST = [{"score": "desc"}, {"author": "asc"}, {"brand": "asc"}]

Found = Sequence[dict[str, Any]]


class Cards:
    def __init__(self, client: Elasticsearch, layout: Layout, state: State) -> None:
        self._client = client
        self._layout = layout
        self._state = state
        self._kept = KeptCards(client, layout.people)

    def linked(self, customers: Sequence[str] | None = None) -> list[str]:
        """Ids of the accounts of these customers, or of all."""
        wanted: Dsl = (
            {"exists": {"field": "customer"}} if customers is None else {"terms": {"customer": list(customers)}}
        )
        return [hit["_source"]["author"] for hit in self._found(_search(wanted, ["author"]))]

    def scored(self, brands: Sequence[str] | None) -> list[str]:
        """Authors with a score about one of the brands, the best first."""
        wanted: Dsl = {"terms": {"brand": list(brands)}} if brands is not None else {"exists": {"field": "score"}}
        found = self._found(_search(wanted, ["author"], sort=BEST_FIRST))
        return list(dict.fromkeys(hit["_source"]["author"] for hit in found))

    def known(self, authors: Iterable[str], look: int | None = None) -> Known:
        """Customers by author, scores by author and brand: as they are now, or as of a look (Places.freshen)."""
        ids = list(authors)
        if look and (kept := self._kept.known(ids, look)):
            return kept
        customers: dict[str, str] = {}
        scores: dict[tuple[str, str], float] = {}
        for start in range(0, len(ids), AT_ONCE):
            wanted: Dsl = {"terms": {"author": ids[start : start + AT_ONCE]}}
            for hit in self._found(_search(wanted, FIELDS)):
                source = hit["_source"]
                if "score" in source:
                    scores[source["author"], source["brand"]] = source["score"]
                elif "customer" in source:
                    customers[source["author"]] = source["customer"]
        return customers, scores

    def asked(self, authors: Sequence[str]) -> Search:
        """A search for all that is known of at most AT_ONCE authors, for `read`."""
        return self._layout.people, _search(
            {"terms": {"author": list(authors)}}, ["author", "customer", "brand", "influence"], sort=BEST_FIRST
        )

    def read(
        self, search: Search, page: Found, brands: Sequence[str] | None
    ) -> tuple[dict[str, str], dict[str, Influence]]:
        """Customers, and the best score of each author among those of the brands, from the answer to `asked`."""
        customers: dict[str, str] = {}
        best: dict[str, Influence] = {}
        for hit in self._rest(search[1], page):
            source = hit["_source"]
            if "customer" in source:
                customers[source["author"]] = source["customer"]
            elif "influence" in source and (brands is None or source["brand"] in brands):
                best.setdefault(source["author"], msgspec.convert(source["influence"], Influence))
        return customers, best

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
            self._kept.doubt()
            self._state.note_change()

    def set_customer(self, author_id: str, customer_id: str | None) -> None:
        if self._state.erased([author_id]):
            return
        document = {"author": author_id, **({"customer": customer_id} if customer_id else {})}
        self._client.index(index=self._layout.people, id=_short(author_id), document=document, refresh=True)
        self._kept.doubt()
        self._state.note_change()

    def _found(self, search: Dsl) -> Found:
        (answer,) = together(self._client, (self._layout.people, search))
        page = answer["hits"]["hits"]
        return self._rest(search, page)

    def _rest(self, search: Mapping[str, Any], page: Found) -> Found:
        """This page, which mostly is all; when it is full, all of them."""
        if len(page) < AT_ONCE:
            return page
        query, sort, fields = search["query"], search["sort"], search["_source"]
        return list(hits(self._client, self._layout.people, query, sort=sort, fields=fields))


def _search(query: Dsl, fields: list[str], *, sort: list[dict[str, str]] = ANY_ORDER) -> Dsl:
    return {"query": query, "sort": sort, "size": AT_ONCE, "_source": fields}


def _score_id(author: str, brand: str) -> str:
    return _short(f"{author}|{brand}")


def _short(name: str) -> str:
    return name if len(name.encode()) <= LONGEST_ID else hashlib.blake2b(name.encode(), digest_size=32).hexdigest()
