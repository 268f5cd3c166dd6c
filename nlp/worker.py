"""Inbox -> understood -> saved -> linked -> alerted, in batches, restartable anywhere.

The order is the guarantee: a batch leaves the inbox only after its mentions are in the store and its links and
cases are recorded. After a crash at any line the batch comes again; what the store has already is not scored a
second time, but links and alerts run for it, because the crash may have come before them.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from msgspec.structs import replace

from index import log, metrics
from index.alerts.engine import AlertEngine
from index.clusters import Clusters
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.documents import Link, Mention, Record
from index.errors import EarshotError, InboxError, ModelError, NotFound, Rejected, StoreError
from index.inbox.protocol import Inbox, Leased
from index.records.protocol import Records
from index.settings import Settings
from index.stores.protocol import Saved, Store
from nlp import similar
from nlp.analyse import Analyser, Masked, Understood
from nlp.pictures import wanted
from nlp.scores import Scores

IDLE_WAIT = 0.2  # seconds between looks into an empty inbox: a fair share of the five that an alert may take
LONGEST_PAUSE = 30.0  # seconds between attempts while the store is unusable
RETRY_AFTER = 5.0  # seconds to the first retry of one item; doubles with each try

TOO_MANY = 8  # items that fail while none goes well: a bug or a broken model, so the process ends and says so

PASSING = (MemoryError, ModelError, OSError)  # may go well another time
# What one odd item can make the steps raise. Anything else is a bug: it ends the process, and the inbox, which
# lends an item that failed twice alone, keeps that item from taking others along.
ITEM_FAULTS = (*PASSING, ArithmeticError, LookupError, NotFound, Rejected, RuntimeError, TypeError, ValueError)

Done = Literal["saved", "duplicate", "erased"]
DONE: tuple[Done, ...] = ("saved", "duplicate", "erased")
_ENDS: dict[Saved, Done] = {
    "inserted": "saved",
    "updated": "saved",
    "unchanged": "duplicate",
    "stale": "duplicate",
    "erased": "erased",
}
_log = log.get("worker")


class Desk(NamedTuple):
    """What knows of the mentions before, and acts on those saved."""

    linker: Linker
    alerts: AlertEngine
    customers: Customers
    clusters: Clusters
    pictures: Inbox | None = None  # where mentions with pictures wait for their text


def open_desk(settings: Settings, store: Store, records: Records, pictures: Inbox | None = None) -> Desk:
    return Desk(
        Linker(settings, store, records),
        AlertEngine(settings, store, records),
        Customers(settings, records),
        Clusters(records),
        pictures,
    )


class Worker:
    """One of any number of workers on the same inbox and store. Used by one thread; `stop` from any."""

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        store: Store,
        analyser: Analyser,
        desk: Desk,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._store = store
        self._analyser = analyser
        self._desk = desk
        self._scores = Scores(settings, store, desk.customers)
        self._name = f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
        self._stop = threading.Event()
        self._pause = 0.0

    def stop(self) -> None:
        """Finish the batch in hand, put back the rest, and return from `run`."""
        self._stop.set()

    def run(
        self,
        until_idle: bool = False,
        batch: str | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        """Work until `stop`; with `until_idle`, until the inbox (or `batch` of it) is empty, also when other
        workers have part of it. `on_progress` gets the number of items that this worker has just finished.
        """
        while not self._stop.is_set():
            done = self.step()
            if done and on_progress:
                on_progress(done)
            if until_idle and (batch or not done) and self._empty(batch):
                break
            self._keep_scores()
            if not done:
                self._stop.wait(IDLE_WAIT)
        self._keep_scores(at_once=True)

    def run_until(self, batch: str, on_progress: Callable[[int], None] | None = None) -> None:
        """Work until every item of `batch` has come to its end."""
        self.run(until_idle=True, batch=batch, on_progress=on_progress)

    def step(self) -> int:
        """Lend and work one batch; how many items came to an end. Waits a while when the inbox or the store cannot
        be used."""
        try:
            leased = self._inbox.lease(
                self._settings.batch, worker=self._name, seconds=self._settings.lease_seconds
            )
            return self._work(leased) if leased else 0
        except InboxError as error:  # what was in hand comes again when its lease has run out
            self._wait(error)
            return 0

    def _empty(self, batch: str | None) -> bool:
        try:
            return self._inbox.depth(batch=batch) == 0
        except InboxError as error:
            self._wait(error)
            return False

    def _work(self, leased: Sequence[Leased]) -> int:
        """A batch that fails is halved until the items at fault are alone. Raises what they raise when they are
        many and no other item went well: then it is not the items."""
        parts = [leased]
        done = 0
        faults: list[tuple[Leased, BaseException]] = []
        while parts and not self._stop.is_set():
            part = parts.pop()
            try:
                done += self._process(part, again=part is not leased)
                self._pause = 0.0
            except (StoreError, InboxError) as error:  # not the fault of the items, so it costs them no try
                self._inbox.put_back([*part, *_all(parts), *(one for one, _ in faults)])
                self._wait(error)
                return done
            except ITEM_FAULTS as error:
                metrics.WORKER_FAULTS.labels(type(error).__name__).inc()
                if len(part) == 1:
                    faults.append((part[0], error))
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
        if len(faults) >= TOO_MANY and not done:
            raise faults[0][1]
        for one, fault in faults:
            self._blame(one, fault)
        self._inbox.put_back(_all(parts))
        return done + len(faults)

    def _blame(self, leased: Leased, error: BaseException) -> None:
        name = type(error).__name__
        _log.warning("item failed", id=leased.item.mention.id, tries=leased.tries, error=name)
        reason = f"{name}: {error}"[:500]
        if isinstance(error, PASSING):
            self._inbox.retry([leased], reason, delay=RETRY_AFTER * 2 ** (leased.tries - 1))
        else:
            self._inbox.quarantine(leased, reason)

    def _wait(self, error: EarshotError) -> None:
        """Longer and longer while the store or the inbox cannot be used."""
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.25)
        metrics.WORKER_FAULTS.labels(type(error).__name__).inc()
        _log.warning("waiting", seconds=self._pause, reason=str(error))
        self._stop.wait(self._pause)

    def _process(self, leased: Sequence[Leased], *, again: bool) -> int:
        """`again`: it is part of a batch that failed, of which the store may have what is not at fault."""
        newest = _newest(leased)
        with metrics.WORKER_SECONDS.labels("mask").time():
            masked = {one.receipt: self._analyser.mask(one.item.mention) for one in newest}
        ends = self._save(newest, masked, again=again)
        with metrics.WORKER_SECONDS.labels("act").time():
            self._act([one for one in newest if ends[one.receipt] != "erased"], masked)
        for end in DONE:
            finished = [one for one in leased if ends.get(one.receipt, "duplicate") == end]
            if finished:
                self._inbox.ack(finished, end)
                metrics.WORKER_ITEMS.labels(end).inc(len(finished))
        return len(leased)

    def _save(self, leased: Sequence[Leased], masked: dict[str, Masked], *, again: bool) -> dict[str, Done]:
        """Save what is news; the end of each item by its receipt. Only news is shown to the model."""
        stored = self._store.digests([one.item.mention.id for one in leased])
        ends: dict[str, Done] = {}
        news = []
        for one in leased:
            mention = masked[one.receipt].mention
            end = _known(mention, stored.get(mention.id), tried_before=again or one.tries > 1)
            if end is None:
                news.append(one)
            else:
                ends[one.receipt] = end
        if news:
            with metrics.WORKER_SECONDS.labels("model").time():
                understood = self._analyser.understand([masked[one.receipt] for one in news])
            with metrics.WORKER_SECONDS.labels("save").time():
                outcomes = self._store.save(self._clustered(understood))
            for one, outcome in zip(news, outcomes, strict=True):
                metrics.SAVED.labels(outcome).inc()
                ends[one.receipt] = _ENDS[outcome]
        return ends

    def _clustered(self, understood: Sequence[Understood]) -> list[Record]:
        """As records, each with the cluster of near-duplicates it belongs to. After a crash here the batch comes
        again and gets the same clusters."""
        signatures = [similar.signature(u.mention.full_text) for u in understood]
        clusters = self._desk.clusters.assign(signatures, today=datetime.now(UTC).date())
        return [
            Record(mention=u.mention, analysis=replace(u.analysis, cluster=cluster))
            for u, cluster in zip(understood, clusters, strict=True)
        ]

    def _act(self, leased: Sequence[Leased], masked: dict[str, Masked]) -> None:
        """Links, then alerts (a rule may ask for the customer), both harmless to repeat."""
        records = self._read_back([one.item.mention.id for one in leased])
        contacts = {each.mention.id: each.contacts for each in masked.values() if each.contacts}
        links = self._desk.linker.observe(records, contacts)
        if any(one.tries > 1 for one in leased):
            links += self._links_of(records)  # made by the loan that lapsed, perhaps without alerts after them
        cases = self._desk.alerts.consider(records) + self._desk.alerts.reconsider(links)
        self._scores.remember(records)
        if self._desk.pictures and (items := wanted(records)):
            self._desk.pictures.put(items)
        touched = {each for case in cases for each in case.mention_ids}
        now = datetime.now(UTC)
        for one in leased:
            if one.item.mention.id in touched:
                metrics.CASE_SECONDS.observe((now - one.received_at).total_seconds())

    def _read_back(self, ids: Sequence[str]) -> list[Record]:
        """Raises StoreError when one is stored and cannot be read: a complaint would never be alerted about."""
        found = [record for record in self._store.get(ids) if record]
        missing = set(ids) - {record.mention.id for record in found}
        if missing and (unread := self._store.digests(sorted(missing))):
            raise StoreError(f"{len(unread)} saved mentions cannot be read back yet, such as {min(unread)}.")
        return found

    def _links_of(self, records: Sequence[Record]) -> list[Link]:
        authors = {record.mention.author.id for record in records if record.mention.author}
        return [link for author in sorted(authors) for link in self._desk.linker.links(author_id=author)]

    def _keep_scores(self, *, at_once: bool = False) -> None:
        try:
            self._scores.refresh(at_once=at_once)
        except StoreError as error:  # the authors stay remembered
            _log.warning("scores not refreshed", reason=str(error))


def _all(parts: Iterable[Sequence[Leased]]) -> list[Leased]:
    return [one for part in parts for one in part]


def _newest(leased: Iterable[Leased]) -> list[Leased]:
    """One item per mention: an edit that was lent together with the version before it wins."""
    newest: dict[str, Leased] = {}
    for one in leased:
        known = newest.get(one.item.mention.id)
        if known is None or one.item.mention.version > known.item.mention.version:
            newest[one.item.mention.id] = one
    return list(newest.values())


def _known(mention: Mention, stored: tuple[int, str] | None, *, tried_before: bool) -> Done | None:
    """The end of an item the store has already, None for news.

    The very same version was saved by the try before: by a loan whose worker died before it said so, or with a
    batch of which the store refused others.
    """
    if stored is None:
        return None
    version, digest = stored
    if version > mention.version:
        return "duplicate"
    if digest != mention.digest():
        return None
    return "saved" if tried_before and version == mention.version else "duplicate"
