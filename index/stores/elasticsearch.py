"""The store on many machines: an Elasticsearch 9 cluster, any number of workers and desks.

The parts: elasticsearch_layout (indices), _places, _write and _bulk (saving), _query and _search (finding),
_counts (facets, histogram) and _days (those of whole days, kept), _people (authors), _cards and _kept_cards (their
scores and customers), _facts (what they did), _state (what writers agree on), _scan (all hits of a question),
_together (several of them), _migrate (a newer mapping), _retention; the mappings are templates/*.json. Core
analyzers only: the words are cut by index.text as for every store, so that the same question has the same answer,
and the cluster sees them with spaces between. `analyzer` is for title and text, for Kibana.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from elasticsearch import AuthorizationException, Elasticsearch

from index.documents import Author, AuthorFacts, Correction, Influence, Record
from index.errors import NotFound, StoreError
from index.query import MentionQuery
from index.settings import Settings
from index.stores.days import microseconds
from index.stores.elasticsearch_cards import Cards
from index.stores.elasticsearch_client import connect, parse
from index.stores.elasticsearch_counts import Counting
from index.stores.elasticsearch_days import DayCounts
from index.stores.elasticsearch_facts import Facts
from index.stores.elasticsearch_layout import Generation, Layout, template
from index.stores.elasticsearch_people import People
from index.stores.elasticsearch_places import Places
from index.stores.elasticsearch_search import Searcher
from index.stores.elasticsearch_state import State
from index.stores.elasticsearch_write import Writer
from index.stores.protocol import AuthorStat, Bucket, Facet, Page, Saved
from index.stores.traces import Trace
from index.text import TOKENISER_VERSION


def open_elasticsearch(settings: Settings) -> ElasticsearchStore:
    """The store at `settings.store`, its indices made when absent. Raises SettingsError and StoreError."""
    layout = Layout(connect(settings), parse(settings.store).prefix, settings.elasticsearch.shards)
    wanted = wanted_generation(settings)
    found = layout.current()
    if found is None:
        _make(layout, wanted)
    else:
        check(found, wanted)
    return ElasticsearchStore(layout, address=settings.store, zone=settings.timezone)


def _make(layout: Layout, wanted: Generation) -> None:
    try:
        layout.make(wanted)
    except StoreError as error:
        if isinstance(error.__cause__, AuthorizationException):
            raise StoreError(
                f"There is no store {layout.prefix!r} in this cluster, and this user may not make one. Run once as"
                " a user with the role of index/stores/roles/earshot_setup.json: earshot index init"
            ) from error
        raise


def wanted_generation(settings: Settings) -> Generation:
    """What this program makes of an empty cluster."""
    version = template("mentions")["mappings"]["_meta"]["version"]
    return Generation(1, version, TOKENISER_VERSION, settings.elasticsearch.analyzer)


def check(found: Generation, wanted: Generation) -> None:
    """Raises StoreError when the indices were made by another version of Earshot."""
    if found.version > wanted.version:
        raise StoreError(
            f"The indices have mapping {found.version}, newer than this Earshot ({wanted.version}). Upgrade it "
            "here, or go back with the newer one: earshot index migrate --back"
        )
    if found[1:3] != wanted[1:3]:
        raise StoreError("The indices were made by an older Earshot. Bring them up to date: earshot index migrate")


class ElasticsearchStore:
    """See index.stores.protocol.Store. `zone` is where the days of since: and until: begin."""

    def __init__(self, layout: Layout, *, address: str, zone: str) -> None:
        self.layout = layout
        self.client: Elasticsearch = layout.client
        self._address = address
        self._state = State(self.client, layout)
        self._places = Places(self.client, layout, self._state)
        self._cards = Cards(self.client, layout, self._state)
        self._people = People(self.client, layout, self._cards, zone)
        self._facts = Facts(self.client, layout, self._people, self._cards, zone)
        self._writer = Writer(self.client, layout, self._places, self._state)
        self._searcher = Searcher(self.client, layout, self._places, self._people)
        days = DayCounts(self.client, layout, self._state, self._people.dsl, zone)
        self._counting = Counting(self.client, layout, self._places, self._people, days)

    def save(self, records: Sequence[Record]) -> list[Saved]:
        return self._writer.save(records)

    def digests(self, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        return self._writer.digests(ids)

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        return self._searcher.get(ids)

    def search(
        self, query: MentionQuery, *, limit: int = 20, cursor: str | None = None, highlight: bool = True
    ) -> Page:
        return self._searcher.search(query, limit=limit, cursor=cursor, marked=highlight)

    def scan(self, query: MentionQuery, *, batch: int = 1000, plain: bool = False) -> Iterator[Record]:
        return self._searcher.scan(query, batch=batch, plain=plain)

    def count(self, query: MentionQuery) -> int:
        return self._counting.count(query)

    def facets(self, query: MentionQuery, fields: Sequence[Facet], *, size: int = 20) -> dict[str, list[Bucket]]:
        return self._counting.facets(query, fields, size)

    def histogram(
        self, query: MentionQuery, *, step: Literal["hour", "day"] = "day", zone: str = "Asia/Shanghai"
    ) -> list[Bucket]:
        return self._counting.histogram(query, step, zone)

    def top_authors(
        self, query: MentionQuery, *, by: Literal["mentions", "engagement", "koc"] = "mentions", limit: int = 20
    ) -> list[AuthorStat]:
        self._places.freshen()
        return self._people.top(self._counting, query, by, limit)

    def author(self, author_id: str) -> AuthorStat | None:
        self._places.freshen()
        return self._people.one(author_id)

    def find_authors(self, platform: str, names: Sequence[str]) -> list[Author]:
        self._places.freshen()
        return self._people.find(platform, names)

    def author_facts(
        self, brand: str, *, since: datetime, authors: Sequence[str] | None = None
    ) -> list[AuthorFacts]:
        self._places.freshen()
        return self._facts.of(brand, since, authors)

    def set_influence(self, scores: Sequence[Influence]) -> None:
        self._cards.set_influence(scores)

    def set_customer(self, author_id: str, customer_id: str | None) -> None:
        self._cards.set_customer(author_id, customer_id)

    def influences(self) -> Iterator[Influence]:
        return self._cards.influences()

    def customers(self) -> Iterator[tuple[str, str]]:
        return self._cards.customers()

    def correct(self, correction: Correction) -> Record:
        self._writer.correct(correction)
        record = self.get([correction.mention_id])[0]
        if record is None:
            raise NotFound(f"No mention {correction.mention_id!r} is stored.")
        return record

    def corrections(self) -> Iterator[Correction]:
        self._places.freshen()
        return self._writer.corrections()

    def delete(self, ids: Sequence[str]) -> int:
        return self._writer.delete(ids)

    def erase_author(self, author_id: str) -> int:
        return self._writer.erase_author(author_id)

    def trace_key(self) -> bytes:
        return self._state.known().key

    def traces(self) -> Iterator[Trace]:
        self._places.freshen()
        return self._writer.traces()

    def keep_traces(self, key: bytes, traces: Iterable[Trace]) -> None:
        self._writer.keep_traces(key, traces)

    def changed_since(self, moment: datetime) -> bool:
        return self._state.changed() > microseconds(moment)

    def health(self) -> dict[str, Any]:
        mentions = self.count(MentionQuery())
        newest = self.search(MentionQuery(), limit=1, highlight=False).hits
        generation = self.layout.generation
        nodes = self.client.nodes.info(filter_path="nodes.*.version")["nodes"].values()
        size = self.client.indices.stats(index=f"{self.layout.prefix}-*", metric="store")
        return {
            "address": self._address,
            "elasticsearch": ", ".join(sorted({node["version"] for node in nodes})),
            "status": self.client.cluster.health(filter_path="status")["status"],
            "generation": generation.number,
            "mapping": generation.version,
            "tokeniser": generation.tokeniser,
            "analyzer": generation.analyzer,
            "mentions": mentions,
            "bytes": size["_all"]["total"]["store"]["size_in_bytes"],
            "newest": newest[0].record.mention.published_at if newest else None,
        }

    def close(self) -> None:
        self._places.finish()
        self.client.close()
