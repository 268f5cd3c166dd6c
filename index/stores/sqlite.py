"""The store on one machine: SQLite in WAL mode, any number of processes, no server.

The parts: sqlite_write (batches), sqlite_search (finding), sqlite_counts (facets, histogram), sqlite_people
(authors); schema.sql is the file itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import apsw
import msgspec

from index.database import Database
from index.documents import Author, AuthorFacts, Correction, Influence, Mention, Record
from index.errors import NotFound
from index.query import MentionQuery
from index.stores.days import Days, microseconds
from index.stores.protocol import AuthorStat, Bucket, Facet, Page, Saved
from index.stores.sqlite_conditions import Conditions
from index.stores.sqlite_counts import Counting
from index.stores.sqlite_people import People
from index.stores.sqlite_relevance import register
from index.stores.sqlite_search import Searcher
from index.stores.sqlite_tallies import TALLIES_VERSION, Tallies, rebuild
from index.stores.sqlite_terms import Terms
from index.stores.sqlite_traces import Traces
from index.stores.sqlite_write import Writer
from index.stores.traces import Trace
from index.text import TOKENISER_VERSION, token_string

_mentions = msgspec.json.Decoder(Mention)


class SQLiteStore:
    """See index.stores.protocol.Store. `zone` is where the days of the overview begin."""

    def __init__(self, path: Path, *, zone: str = "Asia/Shanghai") -> None:
        schema = files("index.stores").joinpath("schema.sql").read_text(encoding="utf-8")
        self._database = Database(path, schema, register)
        self._terms = Terms(self._database)
        self._days = Days(zone)
        self._traces = traces = Traces(self._database)
        self._writer = Writer(self._database, self._terms, self._days, traces)
        conditions = Conditions(self._database, self._terms, zone)
        self._searcher = Searcher(self._database, conditions)
        self._counting = Counting(self._database, self._terms, conditions, self._days)
        self._people = People(self._database, self._terms, conditions, self._days, self._writer, traces)
        self._bring_up_to_date(zone)

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
        return self._people.top(query, by, limit)

    def author(self, author_id: str) -> AuthorStat | None:
        return self._people.one(author_id)

    def find_authors(self, platform: str, names: Sequence[str]) -> list[Author]:
        return self._people.find(platform, names)

    def author_facts(
        self, brand: str, *, since: datetime, authors: Sequence[str] | None = None
    ) -> list[AuthorFacts]:
        return self._people.facts(brand, since, authors)

    def set_influence(self, scores: Sequence[Influence]) -> None:
        self._people.set_influence(scores)

    def set_customer(self, author_id: str, customer_id: str | None) -> None:
        self._people.set_customer(author_id, customer_id)

    def influences(self) -> Iterator[Influence]:
        return self._people.influences()

    def customers(self) -> Iterator[tuple[str, str]]:
        return self._people.customers()

    def correct(self, correction: Correction) -> Record:
        self._writer.correct(correction)
        record = self.get([correction.mention_id])[0]
        if record is None:
            raise NotFound(f"No mention {correction.mention_id!r} is stored.")
        return record

    def corrections(self) -> Iterator[Correction]:
        return self._writer.corrections()

    def delete(self, ids: Sequence[str]) -> int:
        return self._writer.delete(ids)

    def erase_author(self, author_id: str) -> int:
        return self._writer.erase_author(author_id)

    def trace_key(self) -> bytes:
        return self._traces.key()

    def traces(self) -> Iterator[Trace]:
        return self._traces.all()

    def keep_traces(self, key: bytes, traces: Iterable[Trace]) -> None:
        self._writer.keep_traces(key, traces)

    def changed_since(self, moment: datetime) -> bool:
        row = self._database.one("SELECT value FROM meta WHERE key = 'changed'")
        return row is not None and row[0] > microseconds(moment)

    def health(self) -> dict[str, Any]:
        mentions = self.count(MentionQuery())
        newest = self.search(MentionQuery(), limit=1, highlight=False).hits
        return {
            "address": f"sqlite:{self._database.path}",
            "sqlite": apsw.sqlite_lib_version(),
            "tokeniser": TOKENISER_VERSION,
            "mentions": mentions,
            "bytes": self._database.path.stat().st_size,
            "newest": newest[0].record.mention.published_at if newest else None,
        }

    def close(self) -> None:
        self._database.close()

    def _bring_up_to_date(self, zone: str) -> None:
        """Rebuild what was made by another tokeniser or for another zone."""
        wanted = {"tokeniser": TOKENISER_VERSION, "tallies": f"{TALLIES_VERSION}/{zone}"}
        self._know_clusters()
        if self._made_by() == wanted:
            return
        with self._writer.transaction() as connection:
            made = self._made_by()
            if made.get("tokeniser") != wanted["tokeniser"]:
                self._tokenise_again(connection)
            if made.get("tallies") != wanted["tallies"]:
                self._terms.refresh()
                rebuild(connection, Tallies(self._terms, self._days))
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", wanted.items())

    def _know_clusters(self) -> None:
        """The column and its index, in files made before there were clusters."""
        if self._database.one("SELECT 1 FROM sqlite_schema WHERE name = 'mention_cluster'"):
            return
        with self._database.write() as connection:
            if not connection.execute(
                "SELECT 1 FROM pragma_table_info('mention') WHERE name = 'cluster'"
            ).fetchone():
                connection.execute("ALTER TABLE mention ADD COLUMN cluster INTEGER")
            connection.execute(
                "CREATE INDEX IF NOT EXISTS mention_cluster ON mention (cluster) WHERE cluster IS NOT NULL"
            )

    def _made_by(self) -> dict[str, str]:
        return dict(self._database.all("SELECT key, value FROM meta WHERE key IN ('tokeniser', 'tallies')"))

    def _tokenise_again(self, connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO fts(fts) VALUES ('delete-all')")
        rows = connection.execute("SELECT rid, mention FROM body ORDER BY rid")
        words = ((rid, token_string(_mentions.decode(document).full_text)) for rid, document in rows)
        connection.executemany("INSERT INTO fts(rowid, words) VALUES (?, ?)", words)
