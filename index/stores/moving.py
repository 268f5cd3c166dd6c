"""Moving house: everything one store holds into another, then a check day by day.

No progress is written down: what is missing is found by comparing the two stores, so a move that was killed at any
moment is carried on by starting it again. The target must be empty or an unfinished copy; nothing is removed from
it but what the source removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TypeVar

from index.documents import Document, encode
from index.errors import Conflict
from index.query import MentionQuery
from index.stores.protocol import Store
from index.stores.traces import Trace

BATCH = 1000
Tell = Callable[[str, int, int], None]  # step ("copy" or "check"), mentions done, mentions in all
T = TypeVar("T")


class Sum(Document, frozen=True, kw_only=True):
    """How many documents, and a digest of them (32 hex characters) in which their order does not matter."""

    count: int
    digest: str


class Difference(Document, frozen=True, kw_only=True):
    """A day (UTC) or a kind of document of which the stores do not hold the same."""

    what: str
    source: Sum
    target: Sum


class Report(Document, frozen=True, kw_only=True):
    """What the source holds, how many mentions this run copied, and what differs in the end."""

    mentions: int
    days: int
    copied: int
    corrections: int
    customers: int
    influences: int
    traces: int
    differences: tuple[Difference, ...]


def move(source: Store, target: Store, tell: Tell = lambda *_: None) -> Report:
    """Copy and check. Raises Conflict when the target holds something of its own, before anything is written."""
    return _Move(source, target, tell).run()


class _Move:
    def __init__(self, source: Store, target: Store, tell: Tell) -> None:
        self._source = source
        self._target = target
        self._tell = tell

    def run(self) -> Report:
        self._refuse_a_stranger()
        self._target.keep_traces(self._source.trace_key(), self._source.traces())
        here, there = _days(self._source), _days(self._target)
        _refuse_newer(here, there)
        self._people()
        copied = self._mentions({day: n for day, n in here.items() if there.get(day) != n})
        self._corrections()
        differences = self._check(here)
        kinds = {name: (_sum(source), _sum(target)) for name, source, target in self._kinds()}
        differences += [Difference(what=n, source=s, target=t) for n, (s, t) in kinds.items() if s != t]
        counts = {name: source.count for name, (source, _) in kinds.items()}
        return Report(
            mentions=sum(here.values()), days=len(here), copied=copied, differences=tuple(differences), **counts
        )

    def _refuse_a_stranger(self) -> None:
        """The key of the traces is taken over first: it tells an unfinished copy from another store."""
        held = self._target.count(MentionQuery())
        if held and self._target.trace_key() != self._source.trace_key():
            raise Conflict(
                f"The store to copy into holds {held} mentions of its own. Choose an empty one; nothing was copied."
            )

    def _people(self) -> None:
        """Before the mentions, so that a store which keeps them with each mention writes it once."""
        wanted, held = dict(self._source.customers()), dict(self._target.customers())
        for author in held.keys() - wanted.keys():
            self._target.set_customer(author, None)
        for author, customer in wanted.items():
            if held.get(author) != customer:
                self._target.set_customer(author, customer)
        if _sum(map(encode, self._source.influences())) != _sum(map(encode, self._target.influences())):
            for scores in _batches(self._source.influences()):
                self._target.set_influence(scores)

    def _mentions(self, days: dict[date, int]) -> int:
        done, total = 0, sum(days.values())
        self._tell("copy", done, total)
        for day in sorted(days):
            for saved in self._copy(day):
                done += saved
                self._tell("copy", done, total)
        return done

    def _copy(self, day: date) -> Iterator[int]:
        for records in _batches(self._source.scan(_of(day), batch=BATCH, plain=True)):
            self._target.save(records)
            yield len(records)

    def _corrections(self) -> None:
        held = {(c.mention_id, c.field): c for c in self._target.corrections()}
        for correction in self._source.corrections():
            if held.get((correction.mention_id, correction.field)) != correction:
                self._target.correct(correction)

    def _check(self, days: dict[date, int]) -> list[Difference]:
        """Every day of either store. One that differs was written to meanwhile: it is copied once more."""
        done, total = 0, sum(days.values())
        found: list[Difference] = []
        self._tell("check", done, total)
        for day in sorted(days.keys() | _days(self._target).keys()):
            source, target = self._sums(day)
            if source != target:
                sum(self._copy(day))
                source, target = self._sums(day)
            if source != target:
                found.append(Difference(what=day.isoformat(), source=source, target=target))
            done += days.get(day, 0)
            self._tell("check", done, total)
        return found

    def _sums(self, day: date) -> tuple[Sum, Sum]:
        source, target = (
            _sum(map(encode, store.scan(_of(day), batch=BATCH, plain=True)))
            for store in (self._source, self._target)
        )
        return source, target

    def _kinds(self) -> Iterator[tuple[str, Iterator[bytes], Iterator[bytes]]]:
        """What is kept besides the mentions, as bytes."""
        source, target = self._source, self._target
        yield "corrections", map(encode, source.corrections()), map(encode, target.corrections())
        yield "customers", map(_pair, source.customers()), map(_pair, target.customers())
        yield "influences", map(encode, source.influences()), map(encode, target.influences())
        yield "traces", map(encode, source.traces()), map(encode, self._traces_kept())

    def _traces_kept(self) -> Iterator[Trace]:
        """Those of the source that the target has too; it may remember more, or later versions."""
        held: dict[tuple[str, bool], int] = {}
        for trace in self._target.traces():
            key = trace.hash, trace.version is None
            held[key] = max(held.get(key, 0), trace.version or 0)
        for trace in self._source.traces():
            if held.get((trace.hash, trace.version is None), -1) >= (trace.version or 0):
                yield trace


def _days(store: Store) -> dict[date, int]:
    """Mentions by day, in UTC so that every day has 24 hours and the settings do not matter."""
    buckets = store.histogram(MentionQuery(), step="day", zone="UTC")
    return {date.fromisoformat(bucket.key): bucket.counts.total for bucket in buckets}


def _of(day: date) -> MentionQuery:
    until = None if day == date.max else datetime.combine(day + timedelta(days=1), time(), UTC)
    return MentionQuery(since=datetime.combine(day, time(), UTC), until=until)


def _refuse_newer(here: dict[date, int], there: dict[date, int]) -> None:
    """A copy holds no more than its source, and nothing later: else the addresses stand the wrong way round."""
    if there and (sum(there.values()) > sum(here.values()) or max(there) > max(here)):
        raise Conflict(
            "The store to copy into was written to since it was copied: it holds more or newer mentions than the"
            " other. Copy the other way round, or choose an empty store; nothing of it was changed."
        )


def _sum(documents: Iterable[bytes]) -> Sum:
    count, total = 0, 0
    for document in documents:
        count += 1
        total += int.from_bytes(hashlib.blake2b(document, digest_size=16).digest())
    return Sum(count=count, digest=f"{total % 2**128:032x}")


def _pair(of: tuple[str, str]) -> bytes:
    return "\n".join(of).encode()


def _batches(of: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(of)
    while batch := list(islice(iterator, BATCH)):
        yield batch
