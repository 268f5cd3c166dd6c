"""The inbox on many machines: Redis Streams, shared by any number of gatherers and workers.

Each step of an item is one Lua script (scripts/*.lua; common.lua says what is kept where), so a crash at any line
leaves it done or not done. A step whose answer got lost runs again: one that counts carries a token, and the
answers to a loan carry its receipt. What is acknowledged leaves the memory at once; when what waits reaches
`[redis] megabytes`, `put` raises InboxFull and the gatherers wait. Redis must keep what it was told:
`appendonly yes`, `appendfsync always`, `maxmemory-policy noeviction`; `health` says when it does not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args
from uuid import uuid4

import msgspec

from index.documents import Mention, encode
from index.inbox.protocol import End, Item, Leased, Quarantined
from index.inbox.quarantine import fingerprint_of, names_of, readable, says
from index.inbox.redis_care import forget_deleted, health_of, refuse_eviction
from index.inbox.redis_server import Server, server_of
from index.inbox.rows import FAILED_OFTEN, LAPSED, Counts, facts, newest, utc
from index.settings import Settings

MEGABYTE = 1_000_000
PAGE = 500  # quarantined entries looked at in one step of an erasure

_mention = msgspec.json.Decoder(Mention)


def connect(settings: Settings) -> RedisInbox:
    """The inbox that `settings.inbox` names; the first use connects. Raises SettingsError."""
    limit = settings.redis.megabytes * MEGABYTE
    return RedisInbox(server_of(settings), max_tries=settings.max_tries, limit=limit)


class RedisInbox:
    """See `index.inbox.protocol.Inbox`. `limit` in bytes."""

    def __init__(self, server: Server, *, max_tries: int, limit: int) -> None:
        self._server = server
        self._max_tries = max_tries
        self._limit = limit
        self._trusted = False

    def put(self, items: Sequence[Item]) -> int:
        if not items:
            return 0
        if not self._trusted:
            refuse_eviction(self._server)
            self._trusted = True
        counts: Counts = Counter()
        wanted = newest(items, counts)
        said = {"counts": [[*key, n] for key, n in counts.items()], "items": [_facts_of(item) for item in wanted]}
        contents = (part for item in wanted for part in (encode(item.mention), item.raw or b""))
        return int(self._server.step("put", _token(), self._limit, json.dumps(said), *contents))

    def lease(self, limit: int, *, worker: str, seconds: float = 60.0) -> list[Leased]:
        ends, *loans = self._server.ask(
            "lease", worker, limit, round(seconds * 1000), self._max_tries, FAILED_OFTEN, LAPSED
        )
        return list(self._read(loans, ends))

    def _read(self, loans: Sequence[Sequence[Any]], ends: int) -> Iterator[Leased]:
        for seq, loan, tries, received, batch, mention, raw in loans:
            receipt = f"{_text(seq)}.{loan}"
            try:
                item = Item(mention=_mention.decode(mention), raw=raw, batch=_text(batch) or None)
            except msgspec.MsgspecError as error:  # queued by a version whose documents were different
                self._server.step("quarantine", receipt, f"This item cannot be read any more: {error}")
                continue
            times = {"expires_at": utc(ends / 1000), "received_at": utc(int(received) / 1000)}
            yield Leased(receipt=receipt, item=item, tries=tries, **times)

    def ack(self, leased: Sequence[Leased], end: Literal["saved", "duplicate", "erased"] = "saved") -> None:
        if leased:
            self._server.step("ack", end, *_receipts(leased))

    def retry(self, leased: Sequence[Leased], reason: str, *, delay: float) -> None:
        if leased:
            self._server.step("retry", reason, round(delay * 1000), self._max_tries, *_receipts(leased))

    def put_back(self, leased: Sequence[Leased]) -> None:
        if leased:
            self._server.step("put_back", *_receipts(leased))

    def quarantine(self, leased: Leased, reason: str) -> None:
        self._server.step("quarantine", leased.receipt, reason)

    def quarantine_raw(
        self, source: str, raw: bytes, reason: str, *, place: str | None = None, batch: str | None = None
    ) -> None:
        told = (source, fingerprint_of(raw).hex(), raw, reason, batch or "", place or "")
        self._server.step("quarantine_raw", _token(), self._limit, *told)

    def count(self, source: str, end: End, n: int = 1, *, batch: str | None = None) -> None:
        self._server.step("count", _token(), source, batch or "", end, n)

    def counts(self, *, batch: str | None = None) -> dict[str, dict[str, int]]:
        written, loans = self._server.ask("counts", batch or "")
        counted: dict[str, dict[str, int]] = {}
        for field, n in _pairs(written):
            source, _, kind = field.partition("\0")
            of = counted.setdefault(source, dict.fromkeys((*get_args(End), "waiting", "leased"), 0))
            of["waiting" if kind == "queued" else kind] += int(n)
        for _, source, of_batch in (map(_text, loan) for loan in loans):
            if batch in (None, of_batch):
                counted[source]["waiting"] -= 1
                counted[source]["leased"] += 1
        return counted

    def depth(self, *, batch: str | None = None) -> int:
        if batch is None:
            return int(self._server.use(lambda client: client.xlen(f"{self._server.prefix}queue")))
        return sum(each["waiting"] + each["leased"] for each in self.counts(batch=batch).values())

    def quarantined(
        self, *, source: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[Quarantined]:
        entries = self._server.ask("kept", source or "", limit, "" if before is None else before)
        return [_entry(number, fields) for number, fields in entries]

    def take_quarantined(self, ids: Sequence[int]) -> list[Quarantined]:
        return [_entry(number, fields) for number, fields in self._server.step("take", *ids)]

    def erase_author(self, author_id: str) -> int:
        """The queue first: what a worker sets aside meanwhile is then found in the quarantine."""
        gone = int(self._server.step("erase", author_id))
        kept = [number for number, fields in self._all_kept() if _is_of(author_id, fields)]
        gone += len(self._server.step("take", *kept))
        if gone:
            forget_deleted(self._server)
        return gone

    def _all_kept(self) -> Iterator[tuple[int, dict[str, bytes]]]:
        before: int | str = ""
        while page := self._server.ask("kept", "", PAGE, before):
            yield from ((int(number), dict(_pairs(fields))) for number, fields in page)
            before = int(page[-1][0])

    def health(self) -> dict[str, Any]:
        _, loans = self._server.ask("counts", "")
        return health_of(self._server, self._limit) | {"workers": sorted({_text(worker) for worker, *_ in loans})}

    def close(self) -> None:
        self._server.close()


def _token() -> str:
    return uuid4().hex


def _facts_of(item: Item) -> dict[str, Any]:
    version, source, batch, author = facts(item)
    return {
        "id": item.mention.id,
        "version": version,
        "source": source,
        "batch": batch,
        "author": author or "",
        "has_raw": item.raw is not None,
    }


def _receipts(leased: Sequence[Leased]) -> list[str]:
    return [one.receipt for one in leased]


def _text(value: bytes) -> str:
    return value.decode()


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """What HGETALL gives inside a script: names and values in turn."""
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        yield name.decode(), value


def _entry(number: bytes, flat: Sequence[bytes]) -> Quarantined:
    fields = dict(_pairs(flat))
    return Quarantined(
        id=int(number),
        source=_text(fields["source"]),
        reason=_text(fields["reason"]),
        raw=fields["raw"],
        place=_text(fields.get("place", b"")) or None,
        at=utc(int(fields["at"]) / 1000),
        batch=_text(fields["batch"]) or None,
        mention=readable(fields.get("mention")),
        given_up=fields["given_up"] == b"1",
    )


def _is_of(author_id: str, fields: dict[str, bytes]) -> bool:
    """By the mention, else by the account's native id in the raw answer."""
    if author := _text(fields["author"]):
        return author == author_id
    return says(fields["raw"], names_of(author_id))
