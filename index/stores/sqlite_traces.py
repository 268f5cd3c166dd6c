"""Mentions removed and authors erased, known again by keyed hash only."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apsw

from index.database import Database
from index.errors import Conflict
from index.stores.traces import Trace, trace_hash

_REMEMBER = "INSERT INTO removed VALUES (?, ?) ON CONFLICT DO UPDATE SET version = max(version, excluded.version)"


class Traces:
    def __init__(self, database: Database) -> None:
        self._database = database
        with database.write() as connection:
            sql = "INSERT INTO meta VALUES ('salt', ?) ON CONFLICT DO NOTHING"
            connection.execute(sql, (secrets.token_bytes(32),))

    def key(self, connection: apsw.Connection | None = None) -> bytes:
        """Read each time: another process may have taken over the key of another store."""
        rows: Any = (connection or self._database.connection).execute("SELECT value FROM meta WHERE key = 'salt'")
        return bytes(rows.fetchone()[0])

    def removed(self, connection: apsw.Connection, ids: Iterable[str]) -> dict[str, int]:
        """Those of the mentions that were removed, with their versions."""
        if connection.execute("SELECT 1 FROM removed LIMIT 1").fetchone() is None:
            return {}
        key, sql = self.key(connection), "SELECT version FROM removed WHERE hash = ?"
        rows = ((i, connection.execute(sql, (trace_hash(key, i),)).fetchone()) for i in ids)
        return {i: row[0] for i, row in rows if row}

    def erased(self, connection: apsw.Connection, authors: Iterable[str | None]) -> set[str]:
        """Those of the authors that were erased."""
        if connection.execute("SELECT 1 FROM erased LIMIT 1").fetchone() is None:
            return set()
        key, sql = self.key(connection), "SELECT 1 FROM erased WHERE hash = ?"
        return {a for a in set(authors) if a and connection.execute(sql, (trace_hash(key, a),)).fetchone()}

    def remember_mention(self, connection: apsw.Connection, mention_id: str, version: int) -> None:
        connection.execute(_REMEMBER, (trace_hash(self.key(connection), mention_id), version))

    def forget_mentions(self, connection: apsw.Connection, ids: Sequence[str]) -> None:
        """They came back in a newer version."""
        rows = [(trace_hash(self.key(connection), mention_id),) for mention_id in ids]
        connection.executemany("DELETE FROM removed WHERE hash = ?", rows)

    def remember_author(self, connection: apsw.Connection, author_id: str) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO erased VALUES (?)", (trace_hash(self.key(connection), author_id),)
        )

    def all(self) -> Iterator[Trace]:
        sql = "SELECT lower(hex(hash)), version FROM removed UNION ALL SELECT lower(hex(hash)), NULL FROM erased"
        for name, version in self._database.connection.execute(sql):
            yield Trace(hash=name, version=version)

    def take_over(self, connection: apsw.Connection, key: bytes, traces: Iterable[Trace]) -> None:
        """Raises Conflict when there are traces under another key: a hash cannot be turned into another."""
        if key != self.key(connection):
            sql = "SELECT 1 FROM removed UNION ALL SELECT 1 FROM erased LIMIT 1"
            if connection.execute(sql).fetchone():
                raise Conflict(
                    f"{self._database.path} remembers removals of its own, which cannot be joined with those of "
                    "another store. Choose an empty store."
                )
            connection.execute("UPDATE meta SET value = ? WHERE key = 'salt'", (key,))
        for trace in traces:
            name = bytes.fromhex(trace.hash)
            if trace.version is None:
                connection.execute("INSERT OR IGNORE INTO erased VALUES (?)", (name,))
            else:
                connection.execute(_REMEMBER, (name, trace.version))
