"""The records in PostgreSQL 14 or newer: one truth for desks, workers and gatherers on any number of machines.

A transaction that writes first takes one advisory lock, so that there is one writer at a time, as SQLite has it:
no step is decided on what another one is about to change, nothing has to be tried again, ids are handed out in
the order in which they can be seen. A machine that dies or sleeps while it holds the lock loses its session after
SILENCE seconds, with everything it had not committed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.array import ListDumper
from psycopg.types.string import StrDumper

from index.errors import SettingsError, StoreError
from index.records.dialect import for_psycopg, schema_for_postgresql
from index.records.postgresql_faults import UNUSABLE, explained
from index.records.protocol import PASSWORD, Row, Values

SILENCE = 20  # seconds until a writer that stands still loses the lock, and what it has not committed
PATIENCE = 30  # seconds to wait for the lock
OLDEST = 14_00_00  # the first with CREATE OR REPLACE TRIGGER
KEPT = 8  # idle connections of a process
_NETWORK = {  # a server that has gone is noticed within half a minute
    "connect_timeout": 10, "tcp_user_timeout": 20_000,
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4,
}  # fmt: skip
_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(691234713, hashtext(current_schema()))
"""
Connection = psycopg.Connection[Row]


class PostgreSQLTransaction:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, sql: str, values: Values = ()) -> list[Row]:
        return _execute(self._connection, sql, values).fetchall()

    def one(self, sql: str, values: Values = ()) -> Row | None:
        return _execute(self._connection, sql, values).fetchone()

    def run(self, sql: str, values: Values = ()) -> int:
        return _execute(self._connection, sql, values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(for_psycopg(sql), rows)

    def script(self, sql: str) -> None:
        """Several statements as PostgreSQL has them, without parameters."""
        self._connection.execute(sql)


class PostgreSQLRecords:
    """See Records. A read inside a write of the same thread does not belong to it: ask the transaction instead.

    `address` is a libpq URL, such as postgresql://user@host/database?sslmode=verify-full, without a password:
    that comes from `password`, else from what libpq knows itself (PGPASSWORD, PGPASSFILE). A thread borrows a
    connection for each statement or transaction. Raises StoreError.
    """

    def __init__(self, address: str, password: str | None, schema: str) -> None:
        self.address = address
        self._conninfo = _conninfo(address, password)
        self._idle: deque[Connection] = deque()
        self._closed = False
        self._make(schema)

    def all(self, sql: str, values: Values = ()) -> list[Row]:
        with self._explained():
            connection, cursor = self._first(sql, values)
            rows = cursor.fetchall() if cursor.description else []
            self._keep(connection)
            return rows

    def one(self, sql: str, values: Values = ()) -> Row | None:
        rows = self.all(sql, values)
        return rows[0] if rows else None

    @contextmanager
    def write(self) -> Iterator[PostgreSQLTransaction]:
        with self._explained():
            connection, _ = self._first(_BEGIN)
            try:
                yield PostgreSQLTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise
            self._keep(connection)

    def run(self, sql: str, values: Values = ()) -> int:
        with self.write() as transaction:
            return transaction.run(sql, values)

    def scrub(self) -> None:
        """No statement finds erased rows any more; this also frees their places in the tables' files.
        docs/records.md says what else an operator may want to empty."""
        ours = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        tables = self.all(f"{ours} AND tableowner = current_user")
        if tables:
            self.all(f"VACUUM (SKIP_LOCKED) {', '.join(name for (name,) in tables)}")

    def health(self) -> dict[str, Any]:
        (facts,) = self.all(
            "SELECT current_setting('server_version'), current_database(), current_user,"
            " pg_database_size(current_database()),"
            " round((extract(epoch FROM clock_timestamp()) - ?)::numeric, 1)::float",
            (datetime.now(UTC).timestamp(),),
        )
        names = ("server", "database", "user", "bytes", "clock_ahead_seconds")
        return {"address": self.address, **dict(zip(names, facts, strict=True))}

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _make(self, schema: str) -> None:
        """Apply the schema, once per version of it: afterwards a user needs no right to create tables."""
        digest = blake2b(schema.encode(), digest_size=8).hexdigest()
        known = self.one("SELECT to_regclass('schema_made') IS NOT NULL") == (True,)
        if known and self.one("SELECT 1 FROM schema_made WHERE digest = ?", (digest,)):
            return
        self._check_server()
        with self.write() as transaction:
            transaction.script(schema_for_postgresql(schema))
            transaction.run("INSERT INTO schema_made VALUES (?) ON CONFLICT DO NOTHING", (digest,))

    def _check_server(self) -> None:
        (facts,) = self.all("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
        if facts[0] < OLDEST:
            raise StoreError(f"{self.address} is PostgreSQL {facts[0] // 10000}: use {OLDEST // 10000} or newer.")
        if facts[1] != "UTF8":
            raise StoreError(
                f"{self.address} keeps text as {facts[1]}: createdb --encoding UTF8 --template template0 DATABASE"
            )

    def _first(self, sql: str, values: Values = ()) -> tuple[Connection, psycopg.Cursor[Row]]:
        """The first statement of a piece of work. A kept connection may have died since (the server was
        restarted): then the next one does it, as nothing was done yet."""
        while True:
            kept = self._kept()
            connection = kept or self._connect()
            try:
                return connection, _execute(connection, sql, values)
            except BaseException as error:
                died = connection.closed and isinstance(error, psycopg.OperationalError)
                connection.close()
                if kept is None or not died:
                    raise

    def _connect(self) -> Connection:
        connection: Connection = psycopg.connect(
            self._conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor
        )
        connection.adapters.register_dumper(str, _Text)
        connection.adapters.register_dumper(list, _List)
        connection.execute(
            f"SET lock_timeout = '{PATIENCE}s'; SET idle_in_transaction_session_timeout = '{SILENCE}s';"
            " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4"
        )
        return connection

    def _kept(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _keep(self, connection: Connection) -> None:
        clean = connection.info.transaction_status == TransactionStatus.IDLE
        if clean and len(self._idle) < KEPT and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()

    def _undo(self, connection: Connection) -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:  # the connection is gone, and with it the transaction
            connection.close()
        else:
            self._keep(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except UNUSABLE as error:
            raise explained(error, self.address) from error


class _Text(StrDumper):
    """PostgreSQL's text has no NUL; a visible mark stands for it, so that such a text is kept."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd"))


class _List(ListDumper):
    """An empty list has no type of its own: it is one of texts."""

    def quote(self, obj: list[Any]) -> Any:
        return super().quote(obj) if obj else b"'{}'::text[]"


def _execute(connection: Connection, sql: str, values: Values) -> psycopg.Cursor[Row]:
    """Values are put into the text by libpq's own quoting: NULL and lists then need no type in the statement."""
    if re.search(r"\?\d", sql) and isinstance(values, Sequence):
        values = {str(number): value for number, value in enumerate(values, start=1)}
    return connection.execute(for_psycopg(sql), values)


def _conninfo(address: str, password: str | None) -> str:
    try:
        parts = conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        raise SettingsError(
            "`records` is no address of PostgreSQL: write postgresql://user@host:5432/database"
        ) from None  # libpq's own words may hold a part of a password
    if parts.get("password"):
        raise SettingsError(
            f"`records` holds a password. Take it out of earshot.toml and put it into {PASSWORD}, in the"
            " environment or .env."
        )
    if password:
        parts["password"] = password
    return make_conninfo("", **{**_NETWORK, **parts})
