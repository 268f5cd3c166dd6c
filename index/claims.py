"""Who polls a source now: any number of gatherers, on any machine, never fetch the same source at once.

A claim lasts CLAIM and is renewed while the poll goes on, so a gatherer that died is followed by another one. One
that only slept finds out when it writes: `still_claimed` refuses what would move a cursor back. Machines compare
their own clocks with the times of others: they must agree to within seconds, as NTP keeps them.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection
from datetime import datetime, timedelta

from index.errors import Conflict
from index.records.protocol import Records, Transaction

CLAIM = timedelta(seconds=60)


class Claims:
    """The claims of one gatherer. Raises StoreError."""

    def __init__(self, records: Records) -> None:
        self.owner = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
        self._records = records

    def take(self, name: str, polls: int, now: datetime) -> bool:
        """Claim a source that was polled `polls` times when it was found to be due; False when another gatherer
        has it, or has polled it since."""
        with self._records.write() as transaction:
            row = transaction.one("SELECT polls FROM sources WHERE name = ?", (name,))
            if polls != (row[0] if row else 0):
                return False
            taken = transaction.run(
                "INSERT INTO source_claims (name, owner, until) VALUES (:name, :owner, :until)"
                " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until"
                " WHERE source_claims.until <= :now OR source_claims.owner = excluded.owner",
                {"name": name, "owner": self.owner, "until": _end(now), "now": now.timestamp()},
            )
        return taken > 0

    def renew(self, names: Collection[str], now: datetime) -> None:
        """Keep these for another CLAIM, those that nobody took over."""
        self._records.run(
            "UPDATE source_claims SET until = ? WHERE owner = ? AND name IN (SELECT value FROM json_each(?))",
            (_end(now), self.owner, list(names)),
        )

    def release(self, name: str) -> None:
        """The poll has ended: any gatherer may claim the source when it is due again."""
        self._records.run("UPDATE source_claims SET until = 0 WHERE name = ? AND owner = ?", (name, self.owner))

    def of_others(self, now: datetime) -> set[str]:
        """The sources that other gatherers are polling."""
        rows = self._records.all(
            "SELECT name FROM source_claims WHERE until > ? AND owner <> ?", (now.timestamp(), self.owner)
        )
        return {name for (name,) in rows}


def still_claimed(transaction: Transaction, name: str, owner: str) -> None:
    """Raises Conflict when another gatherer has claimed the source since `owner` did."""
    if transaction.one("SELECT 1 FROM source_claims WHERE name = ? AND owner <> ?", (name, owner)):
        raise Conflict(f"Another gatherer took {name!r} over meanwhile; it goes on from where that one is.")


def _end(now: datetime) -> float:
    return (now + CLAIM).timestamp()
