"""The records in one SQLite file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from index.database import Database
from index.records.protocol import Row, Values


class SQLiteTransaction:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, values: Values = ()) -> list[Row]:
        return self._connection.execute(sql, _listed(values)).fetchall()

    def one(self, sql: str, values: Values = ()) -> Row | None:
        row: Row | None = self._connection.execute(sql, _listed(values)).fetchone()
        return row

    def run(self, sql: str, values: Values = ()) -> int:
        self._connection.execute(sql, _listed(values))
        return self._connection.changes()

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)


class SQLiteRecords:
    """See Records. A read inside a transaction of the same thread belongs to it."""

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._database = Database(path, schema)

    def all(self, sql: str, values: Values = ()) -> list[Row]:
        return self._database.all(sql, _listed(values))

    def one(self, sql: str, values: Values = ()) -> Row | None:
        return self._database.one(sql, _listed(values))

    @contextmanager
    def write(self) -> Iterator[SQLiteTransaction]:
        with self._database.write() as connection:
            yield SQLiteTransaction(connection)

    def run(self, sql: str, values: Values = ()) -> int:
        with self.write() as transaction:
            return transaction.run(sql, values)

    def scrub(self) -> None:
        """The write-ahead log still holds the pages from before: fold it into the file and empty it."""
        self._database.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def health(self) -> dict[str, Any]:
        return {"address": f"sqlite:{self.path}", "bytes": self.path.stat().st_size}

    def close(self) -> None:
        self._database.close()


def _listed(values: Values) -> Any:
    """Lists become JSON, for json_each."""
    if isinstance(values, Mapping):
        return {name: _json(value) for name, value in values.items()}
    return [_json(value) for value in values]


def _json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
