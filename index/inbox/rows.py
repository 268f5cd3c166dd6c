"""What both inboxes do with items before and after they are written, and the rows of the SQLite one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from index.documents import Mention
from index.inbox.protocol import Item, Leased

FAILED_OFTEN = 2  # from this many failed tries on, an item is lent alone
LAPSED = "The worker died or stalled each time it had this item."

Counts = Counter[tuple[str, str, str]]  # (source, batch or "", end) -> how many


class Queued(NamedTuple):
    """A version that is in the queue already."""

    seq: int
    version: int
    lent: int
    source: str
    batch: str


class Due(NamedTuple):
    """A row that may be lent. `lapsed`: 1 when its last loan ran out; `loan` and `tries` as they will be."""

    seq: int
    source: str
    batch: str
    lapsed: int
    loan: int
    tries: int
    received: float
    mention: bytes
    raw: bytes | None


def newest(items: Sequence[Item], counts: Counts) -> list[Item]:
    """The highest version of each mention among `items`, of equal ones the first; the others are counted."""
    best: dict[str, Item] = {}
    for item in items:
        known = best.setdefault(item.mention.id, item)
        if known is item:
            continue
        loser = known if known.mention.version < item.mention.version else item
        if loser is known:
            best[item.mention.id] = item
        counts[loser.mention.source, loser.batch or "", "duplicate"] += 1
    return list(best.values())


def facts(item: Item) -> tuple[int, str, str, str | None]:
    mention = item.mention
    return mention.version, mention.source, item.batch or "", mention.author.id if mention.author else None


def leased_of(row: Due, mention: Mention, ends: float) -> Leased:
    return Leased(
        receipt=f"{row.seq}.{row.loan}",
        item=Item(mention=mention, raw=row.raw, batch=row.batch or None),
        tries=row.tries + 1,
        expires_at=utc(ends),
        received_at=utc(row.received),
    )


def receipt_of(leased: Leased) -> tuple[int, int]:
    seq, _, loan = leased.receipt.partition(".")
    return int(seq), int(loan)


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
