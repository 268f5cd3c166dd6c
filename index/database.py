"""SQLite the safe way, through apsw: used by the store, the inbox and the records.

Order and values of the PRAGMAs matter: the busy timeout comes first (processes starting together fail
otherwise), FULL costs nothing measurable in batches, secure_delete keeps erased text out of the file.
One connection per thread; never open the same file with the standard library's sqlite3.
"""

from __future__ import annotations

import random
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from index.errors import StoreError

Row = tuple[Any, ...]
BUSY_MS = 30_000
WAL_LIMIT = 64 * 1024 * 1024  # busy readers starve automatic checkpoints: above this the writer restarts the WAL
# Into the file every 32 MB, not 4: a page that many batches touched is copied once (a tenth less CPU)
CHECKPOINT_PAGES = 8000
UNUSABLE = (  # what an operator can mend; every other apsw.Error is a bug and surfaces as it is
    apsw.BusyError, apsw.CantOpenError, apsw.CorruptError, apsw.FullError, apsw.IOError, apsw.LockedError,
    apsw.NoMemError, apsw.NotADBError, apsw.PermissionsError, apsw.ReadOnlyError,
)  # fmt: skip
OLDEST_SAFE = 3_051_003  # SQLite before 3.51.3 can corrupt a WAL file under several writers


class Database:
    """A file, one connection per thread. `schema` is applied once per process, inside a transaction, and must
    be repeatable (CREATE ... IF NOT EXISTS). `prepare` is called on each new connection (functions, tokenisers).
    """

    def __init__(
        self, path: Path, schema: str = "", prepare: Callable[[apsw.Connection], None] | None = None
    ) -> None:
        if apsw.SQLITE_VERSION_NUMBER < OLDEST_SAFE:
            raise StoreError("This apsw carries an SQLite older than 3.51.3; run: pip install -U apsw")
        self.path = path
        self._prepare = prepare
        self._local = threading.local()
        self._opened: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()  # a thread that ends frees its own
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if schema:
                with self.write() as connection:
                    connection.execute(schema)
        except (apsw.Error, OSError) as error:
            raise StoreError(
                f"{path} cannot be opened: {error}. Check the folder's permissions and free space."
            ) from error

    @property
    def connection(self) -> apsw.Connection:
        """This thread's connection."""
        existing: apsw.Connection | None = getattr(self._local, "connection", None)
        return existing or self._connect()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(BUSY_MS)
        _switch_to_wal(connection)
        for pragma in (
            "synchronous=FULL",
            "secure_delete=ON",
            "foreign_keys=ON",
            "cache_size=-65536",
            "temp_store=MEMORY",
            "mmap_size=0",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if self._prepare:
            self._prepare(connection)
        self._local.connection = connection
        with self._lock:
            self._opened.add(connection)
        return connection

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """A durable transaction. BEGIN IMMEDIATE: taking the write lock late fails under several writers.

        Raises StoreError when the file cannot be used (full, locked, damaged); then nothing was written.
        """
        try:
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite has rolled back by itself after some faults of the disk
                    connection.execute("ROLLBACK")
                raise
        except UNUSABLE as error:
            raise self._unusable(error) from error

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """One consistent picture over several statements. Raises StoreError."""
        try:
            connection = self.connection
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except UNUSABLE as error:
            raise self._unusable(error) from error

    def all(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Every row of one statement. Raises StoreError."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except UNUSABLE as error:
            raise self._unusable(error) from error

    def one(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        """The first row of one statement, or None. Raises StoreError."""
        try:
            row: Row | None = self.connection.execute(sql, values).fetchone()
        except UNUSABLE as error:
            raise self._unusable(error) from error
        return row

    def _unusable(self, error: apsw.Error) -> StoreError:
        return StoreError(
            f"{self.path} cannot be used: {error}. Check free space, the folder's permissions and other programs"
            " that may hold the file."
        )

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """One statement for many rows, in one transaction."""
        with self.write() as connection:
            connection.executemany(sql, values)

    def checkpoint_when_large(self) -> None:
        """Call between batches: keeps the write-ahead log below WAL_LIMIT under busy readers."""
        wal = self.path.with_name(self.path.name + "-wal")
        if wal.exists() and wal.stat().st_size > WAL_LIMIT:
            self.all("PRAGMA wal_checkpoint(RESTART)")

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in list(self._opened):
                connection.close()
            self._opened.clear()
        self._local = threading.local()


def _switch_to_wal(connection: apsw.Connection) -> None:
    """A new file is switched by one process alone. SQLite asks the others back at once instead of waiting (two that
    wait for each other would never end), so they ask again. Raises apsw.BusyError after BUSY_MS."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))
