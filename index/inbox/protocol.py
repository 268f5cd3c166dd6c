"""The inbox: a durable queue between gathering and understanding.

An item has five ends, each counted per source: **saved**, **retried** later, **put back** (lease ended or
worker stopped), **given up** after N tries (kept), **quarantined** (kept raw, with the reason).
Delivery is at least once; every id is deterministic, so a repeat is harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from index.documents import Document, Mention

End = Literal["saved", "duplicate", "retried", "put_back", "given_up", "quarantined", "unmatched"]


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
        """Queue items durably; returns how many were new. An item waiting with the same id is replaced when
        the new version is higher, ignored otherwise."""

    def lease(self, limit: int, *, worker: str, seconds: float = 60.0) -> list[Leased]:
        """Borrow up to `limit` items, oldest first, for `seconds`. Leases that ran out are lent again and
        count as put back. Returns [] when nothing is due."""

    def ack(self, leased: Sequence[Leased], end: Literal["saved", "duplicate"] = "saved") -> None:
        """The items are safely in the store: forget them and count the end."""

    def retry(self, leased: Sequence[Leased], reason: str, *, delay: float) -> None:
        """Try again after `delay` seconds; after the configured number of tries the item is given up (kept)."""

    def put_back(self, leased: Sequence[Leased]) -> None:
        """Return items untouched, without counting a try: the worker is stopping."""

    def quarantine(self, leased: Leased, reason: str) -> None:
        """No retry can help: keep the item raw with the reason."""

    def quarantine_raw(
        self, source: str, raw: bytes, reason: str, *, place: str | None = None, batch: str | None = None
    ) -> None:
        """Keep something that never became a Mention. The same raw bytes of a source are kept once."""

    def count(self, source: str, end: End, n: int = 1, *, batch: str | None = None) -> None:
        """Count an end that happens outside the queue: "unmatched" and "duplicate" of the gatherer."""

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
        """Facts for the doctor: address, size in bytes, oldest waiting item."""

    def close(self) -> None: ...
