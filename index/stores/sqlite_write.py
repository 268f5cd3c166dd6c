"""Writing mentions: one durable transaction a batch, everything costly done before the lock is taken."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import apsw
import msgspec

from index.database import Database
from index.documents import Analysis, Correction, Mention, Record, encode
from index.errors import NotFound, StoreError
from index.stores.corrections import corrected
from index.stores.days import Days
from index.stores.draft import Draft, Stored, decide, leaves_trace, without_repeats
from index.stores.protocol import Saved
from index.stores.sqlite_batch import Batch, Old
from index.stores.sqlite_tallies import Row
from index.stores.sqlite_terms import Terms
from index.stores.sqlite_traces import Traces
from index.stores.traces import Trace

_mentions = msgspec.json.Decoder(Mention)
_analyses = msgspec.json.Decoder(Analysis)
_corrections = msgspec.json.Decoder(Correction)


class Writer:
    def __init__(self, database: Database, terms: Terms, days: Days, traces: Traces) -> None:
        self._database = database
        self._terms = terms
        self._days = days
        self._traces = traces

    def save(self, records: Sequence[Record]) -> list[Saved]:
        drafts = [Draft(record) for record in records]
        expected = self._decide(self._database.connection, drafts)
        if not any(_changes(draft, stored, end) for draft, stored, end in expected):
            return [end for _, _, end in expected]
        for draft, _, end in expected:
            if end in ("inserted", "updated") and not draft.mention.deleted:
                draft.prepare()
        with self.transaction() as connection:
            ends = [end for part in without_repeats(drafts) for end in self._apply(connection, part)]
        self._database.checkpoint_when_large()
        return ends

    def digests(self, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        known = self._known(self._database.connection, ids)
        return {i: (s.version, s.digest.hex()) for i, s in known.items() if s.rid is not None}

    def corrections(self) -> Iterator[Correction]:
        for (document,) in self._database.all("SELECT document FROM correction"):
            yield _corrections.decode(document)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove mentions; the same versions coming again stay away."""
        with self.transaction() as connection:
            known = self._known(connection, ids)
            found = {i: stored for i, stored in known.items() if stored.rid is not None}
            batch = Batch(connection, self._terms, self._days)
            for mention_id, stored in found.items():
                batch.remove(self._old(connection, stored))
                self._traces.remember_mention(connection, mention_id, stored.version)
            batch.write()
        return len(found)

    def correct(self, correction: Correction) -> None:
        """Raises NotFound, and ValueError when the value cannot be read."""
        with self.transaction() as connection:
            stored = self._known(connection, [correction.mention_id]).get(correction.mention_id)
            if stored is None or stored.rid is None:
                raise NotFound(f"No mention {correction.mention_id!r} is stored.")
            earlier = self._corrections(connection, [correction.mention_id]).get(correction.mention_id, [])
            if any(e.field == correction.field and e.at > correction.at for e in earlier):
                return
            connection.execute(
                "INSERT OR REPLACE INTO correction VALUES (?, ?, ?)",
                (correction.mention_id, correction.field, encode(correction)),
            )
            self._relabel(connection, stored, [*(e for e in earlier if e.field != correction.field), correction])

    def erase_author(self, author_id: str) -> int:
        """Everything of an author leaves the file; the keyed hash of the id stays, to know them again.

        Raises StoreError when a reader keeps old pages alive for longer than the busy timeout; repeat it then.
        """
        with self.transaction() as connection:
            self._traces.remember_author(connection, author_id)
            count = self._erase_rows(connection, author_id)
            # Rewrites the index (3 s for a million mentions): only so do words of earlier, edited versions go too.
            # FTS5's own secure-delete takes out the last version alone.
            connection.execute("INSERT INTO fts(fts) VALUES ('optimize')")
        ((busy, _, _),) = self._database.all("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise StoreError(
                "The author is erased, but somebody's long read keeps the old pages in the log beside the file. "
                "Erase them again when it has ended."
            )
        return count

    def keep_traces(self, key: bytes, traces: Iterable[Trace]) -> None:
        """Remember them, then remove what they forbid. Raises Conflict, see Traces.take_over."""
        with self.transaction() as connection:
            self._traces.take_over(connection, key, traces)
        with self._database.read() as connection:
            erased, removed = self._forbidden(connection)
        for author in erased:
            self.erase_author(author)
        self.delete(removed)

    def _forbidden(self, connection: apsw.Connection) -> tuple[list[str], list[str]]:
        """Authors and mentions that are here although their traces say that they were removed."""
        erased: list[str] = []
        rows = connection.execute("SELECT author_id FROM author")
        while authors := [author for (author,) in islice(rows, 1000)]:
            erased += self._traces.erased(connection, authors)
        removed: list[str] = []
        rows = connection.execute("SELECT mid, version FROM body")
        while versions := dict(islice(rows, 1000)):
            gone = self._traces.removed(connection, versions).items()
            removed += [mention_id for mention_id, version in gone if version >= versions[mention_id]]
        return erased, removed

    def _erase_rows(self, connection: apsw.Connection, author_id: str) -> int:
        row = connection.execute("SELECT id FROM author WHERE author_id = ?", (author_id,)).fetchone()
        if row is None:
            return 0
        batch = Batch(connection, self._terms, self._days)
        rids = [rid for (rid,) in connection.execute("SELECT rid FROM mention WHERE author = ?", row)]
        for rid in rids:
            batch.remove(self._old(connection, Stored(rid=rid, version=0)))
        batch.write()
        connection.execute("DELETE FROM influence WHERE author = ?", row)
        connection.execute("DELETE FROM author WHERE id = ?", row)
        return len(rids)

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """A durable change, noted for `changed_since` just before the commit."""
        try:
            with self._database.write() as connection:
                yield connection
                sql = "INSERT OR REPLACE INTO meta VALUES ('changed', ?)"
                connection.execute(sql, (time.time_ns() // 1000,))
        except BaseException:
            self._terms.forget()  # numbers given out in this transaction are gone
            raise

    def _apply(self, connection: apsw.Connection, drafts: Sequence[Draft]) -> list[Saved]:
        decided = self._decide(connection, drafts)
        batch = Batch(connection, self._terms, self._days)
        changed = [draft.id for draft, _, end in decided if end in ("inserted", "updated")]
        corrections = self._corrections(connection, changed)
        batch.know(draft.mention for draft, _, end in decided if end in ("inserted", "updated"))
        for draft, stored, end in decided:
            if end == "erased":
                continue
            if leaves_trace(draft, stored):
                self._traces.remember_mention(connection, draft.id, draft.version)
            old = self._old(connection, stored) if stored and end == "updated" else None
            if old and draft.mention.deleted:
                batch.remove(old)
            elif end in ("inserted", "updated"):
                batch.put(draft, corrected(draft.record, corrections.get(draft.id, ())), old)
        batch.write()
        back = [draft.id for draft, stored, end in decided if stored and end == "inserted"]
        self._traces.forget_mentions(connection, back)
        return [end for _, _, end in decided]

    def _decide(
        self, connection: apsw.Connection, drafts: Sequence[Draft]
    ) -> list[tuple[Draft, Stored | None, Saved]]:
        known = self._known(connection, [draft.id for draft in drafts])
        erased = self._traces.erased(connection, (draft.author for draft in drafts))
        return [(d, known.get(d.id), decide(d, known.get(d.id), erased=d.author in erased)) for d in drafts]

    def _known(self, connection: apsw.Connection, ids: Sequence[str]) -> dict[str, Stored]:
        sql = (
            "SELECT mid, rid, version, digest, analysis_digest FROM body "
            "WHERE mid IN (SELECT value FROM json_each(?))"
        )
        known = {mid: Stored(*rest) for mid, *rest in connection.execute(sql, (json.dumps(list(ids)),))}
        for mention_id, version in self._traces.removed(connection, ids).items():
            known.setdefault(mention_id, Stored(rid=None, version=version))
        return known

    def _corrections(self, connection: apsw.Connection, ids: Sequence[str]) -> dict[str, list[Correction]]:
        sql = "SELECT mention_id, document FROM correction WHERE mention_id IN (SELECT value FROM json_each(?))"
        found: dict[str, list[Correction]] = {}
        for mention_id, document in connection.execute(sql, (json.dumps(list(ids)),)):
            found.setdefault(mention_id, []).append(_corrections.decode(document))
        return found

    def _old(self, connection: apsw.Connection, stored: Stored) -> Old:
        sql = "SELECT m.*, b.mention FROM mention m JOIN body b ON b.rid = m.rid WHERE m.rid = ?"
        row: Any = connection.execute(sql, (stored.rid,)).fetchone()
        *columns, document = row
        return Old(row=Row(*columns), mention=_mentions.decode(document))

    def _relabel(self, connection: apsw.Connection, stored: Stored, corrections: Sequence[Correction]) -> None:
        old = self._old(connection, stored)
        sql = "SELECT analysis FROM body WHERE rid = ?"
        row: Any = connection.execute(sql, (stored.rid,)).fetchone()
        record = Record(mention=old.mention, analysis=_analyses.decode(row[0]))
        batch = Batch(connection, self._terms, self._days)
        batch.know([old.mention])
        batch.relabel(old, corrected(record, corrections))
        batch.write()


def _changes(draft: Draft, stored: Stored | None, end: Saved) -> bool:
    return end in ("inserted", "updated") or (end != "erased" and leaves_trace(draft, stored))
