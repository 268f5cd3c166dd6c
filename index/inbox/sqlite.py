"""The inbox on one machine: one SQLite file that any number of processes share.

Every step of an item and the count of it are one transaction, so the counts cannot drift from the queue. A
receipt is "row.loan": a row number is never used again and each loan has its own number, so a late answer of
a worker whose loan has ended meets no row and does nothing.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, get_args

import msgspec

from index.database import Database
from index.documents import Mention, encode
from index.errors import InboxError, StoreError
from index.inbox import quarantine
from index.inbox.protocol import End, Item, Leased, Quarantined
from index.inbox.rows import FAILED_OFTEN, LAPSED, Counts, Due, Queued, facts, leased_of, newest, receipt_of, utc
from index.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
_mention = msgspec.json.Decoder(Mention)


def connect(settings: Settings) -> SqliteInbox:
    """The inbox that `settings.inbox` names. Raises InboxError when the file cannot be used."""
    return SqliteInbox(settings.path(settings.inbox), max_tries=settings.max_tries)


def _usable(method: Callable[P, T]) -> Callable[P, T]:
    """Say that it is the inbox that cannot be used."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except StoreError as error:
            raise InboxError(f"The inbox: {error}") from error

    return guarded


class SqliteInbox:
    """See `index.inbox.protocol.Inbox`."""

    @_usable
    def __init__(self, path: Path, *, max_tries: int = 5) -> None:
        schema = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
        self.database = Database(path, schema)
        self._max_tries = max_tries

    @contextmanager
    def _change(self) -> Iterator[Counts]:
        """A transaction that writes what was counted in it at its end."""
        counts: Counts = Counter()
        with self.database.write() as connection:
            yield counts
            connection.executemany(
                """INSERT INTO ends VALUES (?,?,?,?)
                   ON CONFLICT (source, batch, kind) DO UPDATE SET n = n + excluded.n""",
                [(*key, n) for key, n in counts.items() if n],
            )
        self.database.checkpoint_when_large()

    @_usable
    def put(self, items: Sequence[Item]) -> int:
        new: list[Item] = []
        edits: list[tuple[int, Item]] = []
        with self._change() as counts:
            wanted = newest(items, counts)
            queued = self._queued([item.mention.id for item in wanted])
            for item in wanted:
                there = queued.get(item.mention.id)
                if there and there.version >= item.mention.version:
                    counts[item.mention.source, item.batch or "", "duplicate"] += 1
                elif there and not there.lent:
                    counts[there.source, there.batch, "duplicate"] += 1
                    edits.append((there.seq, item))
                else:
                    new.append(item)
            self._insert(new)
            self._replace(edits)
        return len(new) + len(edits)

    def _queued(self, ids: Sequence[str]) -> dict[str, Queued]:
        """The newest version in the queue of each of these mentions."""
        rows = self.database.all(
            """SELECT id, seq, version, lent, source, batch FROM item
               WHERE id IN (SELECT value FROM json_each(?)) ORDER BY version""",
            (msgspec.json.encode(ids).decode(),),
        )
        return {mention_id: Queued(*row) for mention_id, *row in rows}

    def _insert(self, items: Sequence[Item]) -> None:
        last = self.database.one("SELECT seq FROM sqlite_sequence WHERE name='item'")
        numbered = list(enumerate(items, last[0] + 1 if last else 1))
        now = time.time()
        connection = self.database.connection
        connection.executemany(
            "INSERT INTO item(version, source, batch, author, id, received, seq) VALUES (?,?,?,?,?,?,?)",
            [(*facts(item), item.mention.id, now, seq) for seq, item in numbered],
        )
        connection.executemany(
            "INSERT INTO content VALUES (?,?,?)",
            [(seq, encode(item.mention), item.raw) for seq, item in numbered],
        )

    def _replace(self, edits: Sequence[tuple[int, Item]]) -> None:
        """The newer version takes the place in the queue; what was wrong with the older is forgotten."""
        self.database.connection.executemany(
            "UPDATE item SET version=?, source=?, batch=?, author=?, ready=0, tries=0 WHERE seq=?",
            [(*facts(item), seq) for seq, item in edits],
        )
        self.database.connection.executemany(
            "UPDATE content SET mention=?, raw=? WHERE seq=?",
            [(encode(item.mention), item.raw, seq) for seq, item in edits],
        )

    @_usable
    def lease(self, limit: int, *, worker: str, seconds: float = 60.0) -> list[Leased]:
        if not self._anything_due():
            self._forget_deleted()
            return []
        with self._change() as counts:
            ends = time.time() + seconds
            due = [(row, mention) for row in self._due(limit, counts) if (mention := self._read(row, counts))]
            self.database.connection.executemany(
                "UPDATE item SET lent=1, worker=?, loan=?, tries=?, ready=? WHERE seq=?",
                [(worker, row.loan, row.tries, ends, row.seq) for row, _ in due],
            )
        return [leased_of(row, mention, ends) for row, mention in due]

    def _anything_due(self) -> bool:
        """Asked without the write lock, so that idle workers do not disturb the gatherers."""
        return self.database.one("SELECT 1 FROM item WHERE ready<=? LIMIT 1", (time.time(),)) is not None

    def _due(self, limit: int, counts: Counts) -> list[Due]:
        """Rows to lend, oldest first. Lapsed loans are counted; what failed too often is given up."""
        rows = self.database.all(
            """SELECT seq, source, batch, lent, loan+1, tries+lent, received, mention, raw
               FROM item JOIN content USING (seq) WHERE ready<=? ORDER BY seq LIMIT ?""",
            (time.time(), limit),
        )
        due: list[Due] = []
        for row in map(Due._make, rows):
            alone = row.tries >= FAILED_OFTEN
            if alone and due:
                break
            counts[row.source, row.batch, "put_back"] += row.lapsed
            if row.tries >= self._max_tries:
                self._set_aside(row.seq, LAPSED, counts, given_up=True)
                continue
            due.append(row)
            if alone:
                break
        return due

    def _read(self, row: Due, counts: Counts) -> Mention | None:
        try:
            return _mention.decode(row.mention)
        except msgspec.MsgspecError as error:  # queued by a version whose documents were different
            self._set_aside(row.seq, f"This item cannot be read any more: {error}", counts)
            return None

    @_usable
    def ack(self, leased: Sequence[Leased], end: Literal["saved", "duplicate", "erased"] = "saved") -> None:
        sql = "DELETE FROM item WHERE seq=? AND loan=? AND lent RETURNING source, batch"
        with self._change() as counts:
            gone = self.database.connection.executemany(sql, map(receipt_of, leased))
            counts.update((source, batch, end) for source, batch in gone)

    @_usable
    def retry(self, leased: Sequence[Leased], reason: str, *, delay: float) -> None:
        sql = """UPDATE item SET lent=0, tries=tries+1, ready=? WHERE seq=? AND loan=? AND lent
                 RETURNING source, batch, seq, tries"""
        with self._change() as counts:
            for item in leased:
                row = self.database.one(sql, (time.time() + delay, *receipt_of(item)))
                if row and row[3] >= self._max_tries:
                    self._set_aside(row[2], reason, counts, given_up=True)
                elif row:
                    counts[row[0], row[1], "retried"] += 1

    @_usable
    def put_back(self, leased: Sequence[Leased]) -> None:
        sql = "UPDATE item SET lent=0, ready=0 WHERE seq=? AND loan=? AND lent RETURNING source, batch"
        with self._change() as counts:
            back = self.database.connection.executemany(sql, map(receipt_of, leased))
            counts.update((source, batch, "put_back") for source, batch in back)

    @_usable
    def quarantine(self, leased: Leased, reason: str) -> None:
        with self._change() as counts:
            sql = "SELECT seq FROM item WHERE seq=? AND loan=? AND lent"
            if row := self.database.one(sql, receipt_of(leased)):
                self._set_aside(row[0], reason, counts)

    def _set_aside(self, seq: int, reason: str, counts: Counts, *, given_up: bool = False) -> None:
        """Move an item from the queue to quarantine."""
        row = self.database.one(
            "SELECT id, source, batch, author, mention, raw FROM item JOIN content USING (seq) WHERE seq=?", (seq,)
        )
        if row:
            quarantine.keep_item(self.database, row, reason, at=time.time(), given_up=given_up)
            self.database.connection.execute("DELETE FROM item WHERE seq=?", (seq,))
            counts[row[1], row[2], "given_up" if given_up else "quarantined"] += 1

    @_usable
    def quarantine_raw(
        self, source: str, raw: bytes, reason: str, *, place: str | None = None, batch: str | None = None
    ) -> None:
        with self._change() as counts:
            new = quarantine.keep_raw(
                self.database, source, raw, reason, place=place, batch=batch or "", at=time.time()
            )
            counts[source, batch or "", "quarantined"] += 1 if new or batch else 0

    @_usable
    def count(self, source: str, end: End, n: int = 1, *, batch: str | None = None) -> None:
        with self._change() as counts:
            counts[source, batch or "", end] += n

    @_usable
    def counts(self, *, batch: str | None = None) -> dict[str, dict[str, int]]:
        where, values = ("WHERE batch=?", (batch,)) if batch else ("", ())
        queued = "iif(lent AND ready>?, 'leased', 'waiting')"
        with self.database.read():
            rows = self.database.all(
                f"SELECT source, kind, sum(n) FROM ends {where} GROUP BY 1, 2",  # noqa: S608
                values,
            ) + self.database.all(
                f"SELECT source, {queued}, count(*) FROM item {where} GROUP BY 1, 2",  # noqa: S608
                (time.time(), *values),
            )
        counted: dict[str, dict[str, int]] = {}
        for source, kind, n in rows:
            counted.setdefault(source, dict.fromkeys((*get_args(End), "waiting", "leased"), 0))[kind] = n
        return counted

    @_usable
    def depth(self, *, batch: str | None = None) -> int:
        where, values = ("WHERE batch=?", (batch,)) if batch else ("", ())
        row = self.database.one(f"SELECT count(*) FROM item {where}", values)  # noqa: S608
        return int(row[0]) if row else 0

    @_usable
    def quarantined(
        self, *, source: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[Quarantined]:
        return quarantine.newest(self.database, source, limit, before)

    @_usable
    def take_quarantined(self, ids: Sequence[int]) -> list[Quarantined]:
        with self.database.write():
            return quarantine.take(self.database, ids)

    @_usable
    def erase_author(self, author_id: str) -> int:
        with self._change() as counts:
            gone = self.database.all("DELETE FROM item WHERE author=? RETURNING source, batch", (author_id,))
            counts.update((source, batch, "erased") for source, batch in gone)
            kept = quarantine.erase_author(self.database, author_id)
        self._forget_deleted()
        return len(gone) + kept

    def _forget_deleted(self) -> None:
        """Empty the write-ahead log: it still holds what was deleted from the file."""
        log = self.database.path.with_name(self.database.path.name + "-wal")
        if log.exists() and log.stat().st_size:
            self.database.all("PRAGMA wal_checkpoint(TRUNCATE)")

    @_usable
    def health(self) -> dict[str, Any]:
        oldest = self.database.one("SELECT min(received) FROM item")
        workers = self.database.all("SELECT DISTINCT worker FROM item WHERE lent AND ready>?", (time.time(),))
        return {
            "address": f"sqlite:{self.database.path}",
            "bytes": self.database.path.stat().st_size,
            "oldest_waiting": utc(oldest[0]) if oldest and oldest[0] is not None else None,
            "workers": sorted(name for (name,) in workers),
            "problems": [],
        }

    def close(self) -> None:
        self.database.close()
