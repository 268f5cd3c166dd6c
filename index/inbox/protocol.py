"""The inbox: a durable queue between gathering and understanding.

An item has five ends, each counted per source: **saved**, **retried** later, **put back** (lease ended or
worker stopped), **given up** after N tries (kept), **quarantined** (kept raw, with the reason).
Delivery is at least once; every id is deterministic, so a repeat is harmless.

The sum always holds, over all and within a batch: every item that was put is waiting, leased, or was counted
once as saved, duplicate, erased, given up or quarantined. Retried and put back are steps on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from index.documents import Document, Mention

End = Literal["saved", "duplicate", "retried", "put_back", "given_up", "quarantined", "unmatched", "erased"]


class Item(Document, frozen=True, kw_only=True):
    """What a gatherer hands in. Its key is `mention.id`; `raw` is the platform's own answer, kept as it came.

    `batch` groups the items of one import, so that the import can wait for its own rows.
    """

    mention: Mention
    raw: bytes | None = None
    batch: str | None = None


class Leased(Document, frozen=True, kw_only=True):
    """An item lent to one worker until `expires_at`. `receipt` proves the loan; `tries` starts at 1."""

    receipt: str
    item: Item
    tries: int
    expires_at: datetime
    received_at: datetime


class Quarantined(Document, frozen=True, kw_only=True):
    """What could not be used, kept raw with the reason. `place` says where it was, such as "row 17"."""

    id: int
    source: str
    reason: str
    raw: bytes
    place: str | None
    at: datetime
    batch: str | None = None
    mention: Mention | None = None
    given_up: bool = False


class Inbox(Protocol):
    """Every method is safe to call from several processes at once. All raise InboxError when unusable."""

    def put(self, items: Sequence[Item]) -> int:
        """Queue items durably; returns how many were queued. An item waiting with the same id is replaced when
        the new version is higher, ignored otherwise; the one that loses is counted here as "duplicate" of its
        own source and batch, so a caller counts nothing. While the older version is leased, the newer waits.
        Raises InboxFull, with nothing taken, where memory bounds what may wait."""

    def lease(self, limit: int, *, worker: str, seconds: float = 60.0) -> list[Leased]:
        """Borrow up to `limit` items, oldest first, for `seconds`. Leases that ran out are lent again and
        count as put back and as a failed try; an item that failed twice is lent alone, so that one that kills
        its worker takes no other along, and is given up in the end. Returns [] when nothing is due."""

    def ack(self, leased: Sequence[Leased], end: Literal["saved", "duplicate", "erased"] = "saved") -> None:
        """The items are safely in the store: forget them and count the end. Of a lease that ran out and was
        lent again (also for retry, put_back and quarantine): does nothing."""

    def retry(self, leased: Sequence[Leased], reason: str, *, delay: float) -> None:
        """Try again after `delay` seconds; after the configured number of tries the item is given up (kept)."""

    def put_back(self, leased: Sequence[Leased]) -> None:
        """Return items untouched, without counting a try: the worker is stopping."""

    def quarantine(self, leased: Leased, reason: str) -> None:
        """No retry can help: keep the item raw with the reason."""

    def quarantine_raw(
        self, source: str, raw: bytes, reason: str, *, place: str | None = None, batch: str | None = None
    ) -> None:
        """Keep something that never became a Mention. The same raw bytes of a source are kept once; the count
        rises for each call with a batch, else only for what is new (a poller meets it at every poll). Raises
        InboxFull like `put`."""

    def count(self, source: str, end: End, n: int = 1, *, batch: str | None = None) -> None:
        """Count an end that happens outside the queue: "unmatched", and "duplicate" of what was not put."""

    def counts(self, *, batch: str | None = None) -> dict[str, dict[str, int]]:
        """Per source: every End, plus "waiting" and "leased" now. With `batch`: of that batch alone."""

    def depth(self, *, batch: str | None = None) -> int:
        """Items waiting or leased."""

    def quarantined(
        self, *, source: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[Quarantined]:
        """Newest first; page on with `before` = the last id seen. Given-up items are among them."""

    def take_quarantined(self, ids: Sequence[int]) -> list[Quarantined]:
        """Remove entries for replay and return them. The caller maps and puts them again."""

    def erase_author(self, author_id: str) -> int:
        """Remove everything of this author, queued and quarantined; returns how many."""

    def health(self) -> dict[str, Any]:
        """Facts for the doctor: address, size in bytes, oldest waiting item, workers that have something, and
        "problems": a sentence each, with what to do."""

    def close(self) -> None: ...
