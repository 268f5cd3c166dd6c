"""From raw answers to the inbox: map, stamp, clean, match brands, drop repeats, queue.

The same way in for pollers, spiders, pushed messages and files. What cannot be mapped is quarantined raw with
its place and reason; what speaks of no brand and what is known already is counted. Nothing goes unseen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from crawlers.connector import Raw
from crawlers.pipelines import steps
from index import foreign_json, log
from index.documents import EPOCH, Mention, version_of
from index.errors import InboxFull, MapError
from index.inbox.protocol import Inbox, Item, Quarantined
from index.settings import Settings

CHUNK = 500  # items in one transaction: durable writing costs the same for 1 as for 500
AHEAD = timedelta(days=1)  # a publication time further ahead is a mistake of the source, not a time zone
SHAPE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

Map = Callable[[Raw], Sequence[Mention]]
T = TypeVar("T")
_log = log.get("intake")


class Digests(Protocol):
    """The one thing intake asks a store."""

    def digests(self, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Version and digest of those mentions that are stored."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what was read; read = queued + duplicate + unmatched + quarantined."""

    read: int = 0
    queued: int = 0
    duplicate: int = 0
    unmatched: int = 0
    quarantined: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{f: getattr(self, f) + getattr(other, f) for f in self.__struct_fields__})


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """`again` could now be used, `kept` is still in quarantine."""

    again: int
    kept: int


def refuse(full: InboxFull) -> None:
    """For callers that cannot wait for room."""
    raise full


class Intake:
    """One per process; the brands are compiled once. Not for several threads at a time.

    A full inbox holds the gatherer up and loses nothing: `when_full` is called, then the same items are tried
    again. It may wait, make room by working, or end it by raising what it was given.
    """

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        store: Digests,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        when_full: Callable[[InboxFull], None] = refuse,
    ) -> None:
        self._inbox = inbox
        self._steps = steps(settings, store.digests)
        self._clock = clock
        self._when_full = when_full

    def take(
        self,
        source: str,
        raws: Iterable[tuple[Raw, str | None]],
        map: Map,  # noqa: A002 (the connector's word for it)
        *,
        batch: str | None = None,
    ) -> Counts:
        """Take raw items, each with its place ("row 17") or None, through all steps. When this returns, they
        are durably in the inbox or in quarantine. `map` may raise MapError; any other trouble with the shape of
        an item quarantines it as well and is logged. Raises InboxError (InboxFull as `when_full` decides) and
        StoreError."""
        total, each = Counts(), iter(raws)
        while chunk := list(islice(each, CHUNK)):
            total += self._chunk(source, chunk, map, batch)
        return total

    def _chunk(self, source: str, chunk: list[tuple[Raw, str | None]], map_raw: Map, batch: str | None) -> Counts:
        now = self._clock()
        items: list[Item] = []
        empty = bad = 0
        for raw, place in chunk:
            try:
                found = [_stamped(mention, source, now) for mention in map_raw(raw)]
                encoded = _encoded(raw)
            except MapError as error:
                bad += 1
                self._set_aside(source, raw, str(error), place, batch)
            except SHAPE_ERRORS as error:
                bad += 1
                _log.warning("unexpected shape", source=source, place=place, error=repr(error), exc_info=error)
                self._set_aside(source, raw, f"Unexpected shape: {error!r}", place, batch)
            else:
                empty += not found
                items += [Item(mention=mention, raw=encoded, batch=batch) for mention in found]
        counts = self._through(source, items, empty, batch)
        return counts + Counts(read=bad, quarantined=bad)

    def _through(self, source: str, items: list[Item], empty: int, batch: str | None) -> Counts:
        """The steps and the inbox; `empty` raw items said nothing and count as unmatched."""
        read = len(items) + empty
        dropped = {"unmatched": empty, "duplicate": 0}
        for step in self._steps:
            before = len(items)
            items = step(items)
            if step.drops:
                dropped[step.drops] += before - len(items)
        queued = self._with_room(lambda: self._inbox.put(items)) if items else 0
        for end in ("unmatched", "duplicate"):
            if dropped[end]:
                self._inbox.count(source, end, dropped[end], batch=batch)
        waiting = len(items) - queued  # the inbox has them already and has counted them itself
        return Counts(
            read=read,
            queued=queued,
            duplicate=dropped["duplicate"] + waiting,
            unmatched=dropped["unmatched"],
        )

    def _set_aside(self, source: str, raw: Raw, reason: str, place: str | None, batch: str | None) -> None:
        self._with_room(lambda: self._inbox.quarantine_raw(source, _encoded(raw), reason, place=place, batch=batch))

    def _with_room(self, write: Callable[[], T]) -> T:
        told = False
        while True:
            try:
                return write()
            except InboxFull as full:
                if not told:
                    _log.warning("held up", reason=str(full))
                told = True
                self._when_full(full)

    def replay(
        self, map_of: Callable[[str], Map | None], ids: Sequence[int] | None = None, *, source: str | None = None
    ) -> Replayed:
        """Try quarantined items again: these, or all of a source, or all. `map_of` gives the map of a source's
        name, None when it is configured no more. What fails again stays in quarantine; an item leaves it only
        after it is in the inbox, so a crash loses nothing."""
        again = kept = 0
        for entry in list(self._entries(ids, source)):
            if self._again(entry, map_of(entry.source)):
                self._inbox.take_quarantined([entry.id])
                again += 1
            else:
                kept += 1
        return Replayed(again=again, kept=kept)

    def _entries(self, ids: Sequence[int] | None, source: str | None) -> Iterator[Quarantined]:
        if ids is None:
            yield from self._all_entries(source)
            return
        for wanted in ids:
            page = self._inbox.quarantined(limit=1, before=wanted + 1)
            yield from (entry for entry in page if entry.id == wanted)

    def _all_entries(self, source: str | None) -> Iterator[Quarantined]:
        before: int | None = None
        while page := self._inbox.quarantined(source=source, limit=CHUNK, before=before):
            yield from page
            before = page[-1].id

    def _again(self, entry: Quarantined, map_raw: Map | None) -> bool:
        if map_raw is None:
            return self._again_as_it_was(entry)
        try:
            raw = foreign_json.decode(entry.raw)
            found = [_stamped(mention, entry.source, self._clock()) for mention in map_raw(raw)]
        except (MapError, msgspec.MsgspecError, *SHAPE_ERRORS) as error:
            _log.info("still in quarantine", source=entry.source, id=entry.id, reason=str(error))
            return False
        items = [Item(mention=mention, raw=entry.raw, batch=None) for mention in found]
        self._through(entry.source, items, int(not found), None)
        return True

    def _again_as_it_was(self, entry: Quarantined) -> bool:
        """Without a map only what had become a mention already can go on."""
        if entry.mention is None:
            return False
        item = Item(mention=entry.mention, raw=entry.raw)
        self._with_room(lambda: self._inbox.put([item]))
        return True


def _stamped(mention: Mention, source: str, now: datetime) -> Mention:
    """The mention with what a pure map cannot know. Raises MapError for what cannot be true."""
    published = mention.published_at
    if published.tzinfo is None:
        raise MapError(f"The publication time {published} has no time zone.")
    if published > now + AHEAD:
        raise MapError(f"The publication time {published:%Y-%m-%d %H:%M} lies in the future.")
    if not mention.id.startswith(f"{mention.platform}:") or len(mention.id) == len(mention.platform) + 1:
        raise MapError(f"The id {mention.id!r} does not name an item of {mention.platform}.")
    author = mention.author.id if mention.author else None
    for key in (mention.id, mention.parent_id, mention.thread_id, author):
        if key is not None and not key.isprintable():
            raise MapError(f"The id {key!r} holds characters that no id has.")
    fetched = now if mention.fetched_at == EPOCH else mention.fetched_at
    return msgspec.structs.replace(
        mention, source=source, fetched_at=fetched, version=mention.version or version_of(fetched)
    )


def _encoded(raw: Raw) -> bytes:
    """The raw item as JSON. Half surrogate pairs, which UTF-8 cannot hold, are escaped."""
    try:
        return msgspec.json.encode(raw, enc_hook=str)
    except UnicodeEncodeError:
        return json.dumps(raw, default=str).encode()
