"""The records: customers, links, cases, what is to be sent, where each source stands, and the audit trail.

One relational database, so that a step and its entry in the audit trail stand or fall together: an SQLite file
on one machine, PostgreSQL for many. SQL is written once, in what both understand; see dialect.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

PASSWORD = "EARSHOT_RECORDS_PASSWORD"  # noqa: S105 - the name of a variable; earshot.toml holds no secrets
Row = tuple[Any, ...]
Values = Sequence[Any] | Mapping[str, Any]


class Reader(Protocol):
    """Asks. A list among the values (texts; or numbers, then not empty) is for
    `IN (SELECT value FROM json_each(?))`. Raises StoreError."""

    def all(self, sql: str, values: Values = ()) -> list[Row]:
        """Every row of one statement."""
        ...

    def one(self, sql: str, values: Values = ()) -> Row | None:
        """The first row of one statement, or None."""
        ...


class Transaction(Reader, Protocol):
    """Asks and changes, all or nothing. Used by one thread."""

    def run(self, sql: str, values: Values = ()) -> int:
        """Change something; returns how many rows were changed."""
        ...

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """One statement for many rows."""
        ...


class Records(Reader, Protocol):
    """Safe from any number of threads, processes and, with PostgreSQL, machines.

    One transaction that writes runs at a time, so what it has read is still true when it writes. Outside of
    transactions each statement sees what was committed before it. Raises StoreError when the database cannot be
    used; then nothing was written, or, when the connection broke at the very end, all of it.
    """

    def write(self) -> AbstractContextManager[Transaction]:
        """A durable transaction: committed at the end of the block, undone when it raises."""
        ...

    def run(self, sql: str, values: Values = ()) -> int:
        """A transaction of one statement; returns how many rows were changed."""
        ...

    def scrub(self) -> None:
        """Call after erasing, outside of transactions: what was erased leaves the disk as far as it can."""
        ...

    def health(self) -> dict[str, Any]:
        """Facts for `earshot doctor`."""
        ...

    def close(self) -> None:
        """Close the connections of all threads."""
        ...
