"""Polls every configured source in its rhythm until told to stop. One failing source never stops another.

For each page: fetch, hand the items to intake, and only when they are durably in the inbox save the cursor.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec

from crawlers import timing
from crawlers.connector import Connector, FetchPage
from crawlers.http import Client, Limits, Pace, user_agent
from crawlers.intake import Counts, Digests, Intake
from crawlers.options import Options
from crawlers.platforms import connector_for
from crawlers.recent import Recent
from index import log, metrics
from index.claims import CLAIM, Claims
from index.errors import Conflict, InboxError, InboxFull, SettingsError, SourceError, StoreError
from index.inbox.protocol import Inbox
from index.settings import Settings, Source, secret
from index.sources import Sources, Standing, fingerprint, state_of

PAGES_A_POLL = 500  # then the other sources have their turn; a long history goes on at once afterwards
GLANCE = 0.25  # seconds between looks at the stop signal
ROOM_WAIT = 1.0  # seconds until a full inbox is asked again
_log = log.get("crawl")

Clock = Callable[[], datetime]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One page of one source was taken in (`counts` is of this poll so far), or its poll has ended (`done`)."""

    source: str
    counts: Counts
    done: bool = False
    error: str | None = None


class Reader:
    """One source with its connector. Building it raises SettingsError."""

    def __init__(self, source: Source, pace: Pace, token: str | None, contact: str | None = None) -> None:
        delay = source.options.get("delay", 1.0)
        if not isinstance(delay, (int, float)) or isinstance(delay, bool) or delay < 0:
            raise Options(source, source.options).wrong("delay", "must be a number of seconds")
        self.source = source
        limits = Limits(delay=float(delay), backoff=delay / 2)  # a site of one's own needs no patience
        self.http = Client(limits=limits, pace=pace, agent=user_agent(contact))
        self.connector: Connector = connector_for(source.platform)(source, self.http, token)


class Crawl:
    """What the polls of one process share. Everything that writes goes through one thread."""

    def __init__(
        self, settings: Settings, inbox: Inbox, store: Digests, stop: threading.Event, *, clock: Clock
    ) -> None:
        self.settings, self.clock = settings, clock
        self.sources = Sources(settings)
        self.claims = Claims(self.sources.records)
        self.polling: set[str] = set()
        self._renewed = clock()
        self.dice = random.Random()
        self._intake = Intake(settings, inbox, store, clock=clock, when_full=self._hold_up)
        self._stop, self._closing = stop, threading.Event()
        self._pace = Pace()
        self._readers: dict[str, Reader] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._silent: set[str] = set()
        self.fingerprints = {s.name: fingerprint(s, self._token(s)) for s in settings.sources}

    def _token(self, source: Source) -> str | None:
        return secret(source.token_env, self.settings.home)

    def _hold_up(self, full: InboxFull) -> None:
        """Wait with the page in hand, and all other pages behind it. Told to stop, leave the cursor before it."""
        if self._stop.is_set() or self._closing.wait(ROOM_WAIT):
            raise full

    async def poll(self, source: Source, on_progress: Callable[[Progress], None]) -> Counts:
        """One poll to its end: all pages. An error is written down, never raised, unless nothing can go on
        (StoreError, InboxError)."""
        total, error = Counts(), None
        begun = time.monotonic()
        self.polling.add(source.name)
        try:
            reader = self._reader(source)
            cursor, recent = self.sources.cursor(source.name), Recent(self.sources.recent(source.name))
            for number in range(PAGES_A_POLL):
                page = await reader.connector.fetch(cursor)
                total += await self._take(reader, page, recent, last=number == PAGES_A_POLL - 1)
                on_progress(Progress(source=source.name, counts=total))
                cursor = page.cursor
                if not page.more or self._stop.is_set():
                    break
        except (SourceError, SettingsError) as problem:
            error = self._failed(source, problem)
        except InboxFull:
            _log.info("stopped while the inbox was full", source=source.name)
        except Conflict as taken:  # this process stood still for longer than its claim
            error = str(taken)
            _log.warning("poll ended", source=source.name, reason=error)
        except (StoreError, InboxError):
            raise
        except Exception as bug:  # noqa: BLE001 (the edge of one source: its bug must not stop the others)
            _log.exception("poll failed", source=source.name)
            error = self._failed(source, SourceError(f"{type(bug).__name__}: {bug}. This is a bug; see the log."))
        finally:
            self.polling.discard(source.name)
            self.claims.release(source.name)
        metrics.POLL_SECONDS.labels(source.name).observe(time.monotonic() - begun)
        on_progress(Progress(source=source.name, counts=total, done=True, error=error))
        return total

    def _reader(self, source: Source) -> Reader:
        if source.name not in self._readers:
            self._readers[source.name] = Reader(source, self._pace, self._token(source), self.settings.contact)
        return self._readers[source.name]

    async def _take(self, reader: Reader, page: FetchPage, recent: Recent, *, last: bool) -> Counts:
        """Items into the inbox, then the cursor; both in the writing thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._write, reader, page, recent, last)

    def _write(self, reader: Reader, page: FetchPage, recent: Recent, last: bool) -> Counts:
        source, raws = reader.source, recent.news(page.items)
        counts = self._intake.take(source.name, ((raw, None) for raw in raws), reader.connector.map)
        for result, n in msgspec.structs.asdict(counts).items():
            metrics.GATHERED.labels(source.name, result).inc(n)
        now = self.clock()
        following = now if page.more else timing.after_success(source, page.wait, now, self.dice)
        self.sources.save(
            source.name,
            page.cursor,
            counts.queued,
            now,
            alive=counts.read > counts.duplicate,
            recent=recent.state(),
            platform=source.platform,
            next_poll_at=following,
            fingerprint=self.fingerprints[source.name],
            owner=self.claims.owner,
        )
        if last and page.more:
            _log.info("long history goes on", source=source.name)
        return counts

    def _failed(self, source: Source, problem: SourceError | SettingsError) -> str:
        now, standing = self.clock(), self.sources.standings().get(source.name)
        verdict = timing.after_failure(problem, standing.failures if standing else 0, now, self.dice)
        mark = self.fingerprints[source.name]
        try:
            self.sources.fail(
                source.name, verdict.kind, verdict.message, verdict.next_poll_at, at=now, platform=source.platform,
                fingerprint=mark, owner=self.claims.owner,
            )  # fmt: skip
        except Conflict as taken:  # its standing is the other gatherer's now
            return str(taken)
        _log.warning("source failed", source=source.name, kind=verdict.kind, message=verdict.message)
        return verdict.message

    def due(self) -> list[Source]:
        """What to poll now and nobody polls; each of it claimed."""
        now, standings = self.clock(), self.sources.standings()
        return self._claimed(timing.due(self.settings.sources, standings, self.fingerprints, now), standings, now)

    def ready(self) -> list[Source]:
        """Every enabled source but those that rest after trouble: asked for once, a source need not be due."""
        now, standings = self.clock(), self.sources.standings()
        due = {s.name for s in timing.due(self.settings.sources, standings, self.fingerprints, now)}
        resting = {name for name, standing in standings.items() if standing.error_kind and name not in due}
        wanted = [source for source in self.settings.sources if source.enabled and source.name not in resting]
        return self._claimed(wanted, standings, now)

    def _claimed(self, wanted: list[Source], standings: Mapping[str, Standing], now: datetime) -> list[Source]:
        """Those of the wanted ones that nobody polls, claimed; `poll` releases them."""
        taken = self.claims.of_others(now) | self.polling if wanted else set()
        polls = {name: standing.polls for name, standing in standings.items()}
        free = [source for source in wanted if source.name not in taken]
        return [source for source in free if self.claims.take(source.name, polls.get(source.name, 0), now)]

    def keep_claims(self) -> None:
        """Renew the claims of the polls under way, well before they end."""
        now = self.clock()
        if self.polling and now - self._renewed > CLAIM / 4:
            self._renewed = now
            self.claims.renew(self.polling, now)

    def watch_silence(self) -> None:
        """Warn once when a source falls silent."""
        standings = self.sources.standings()
        for source in self.settings.sources:
            silent = state_of(source, standings.get(source.name), self.clock()) == "silent"
            if silent and source.name not in self._silent:
                _log.warning("source is silent", source=source.name, silent_after=source.silent_after)
            (self._silent.add if silent else self._silent.discard)(source.name)

    async def close(self) -> None:
        self._closing.set()
        await asyncio.to_thread(self._writer.shutdown)
        for reader in self._readers.values():
            await reader.http.close()
        self.sources.close()


class _Polls:
    """The polls under way and what the ended ones gave."""

    def __init__(self, crawl: Crawl, on_progress: Callable[[Progress], None]) -> None:
        self._crawl, self._on_progress = crawl, on_progress
        self._running: dict[str, asyncio.Task[Counts]] = {}
        self.totals: dict[str, Counts] = {}

    def start(self, sources: list[Source]) -> None:
        for source in sources:
            if source.name not in self._running:
                poll = self._crawl.poll(source, self._on_progress)
                self._running[source.name] = asyncio.create_task(poll, name=source.name)

    async def glance(self) -> bool:
        """Wait for an end of a poll, but not long; whether any is still under way. Raises what a poll raised."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=GLANCE, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(GLANCE)
        for name in [name for name, task in self._running.items() if task.done()]:
            self.totals[name] = self.totals.get(name, Counts()) + self._running.pop(name).result()
        return bool(self._running)

    async def cancel(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)


async def run(
    settings: Settings,
    inbox: Inbox,
    store: Digests,
    stop: threading.Event,
    once: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    clock: Clock = lambda: datetime.now(UTC),
) -> dict[str, Counts]:
    """Poll until `stop` is set; with `once`, poll every source that is not resting after trouble, once.

    `on_progress` is called in the event loop's thread. Returns what each source gave. Raises StoreError and
    InboxError; trouble of a source is written to its health and never raised.
    """
    crawl = Crawl(settings, inbox, store, stop, clock=clock)
    polls = _Polls(crawl, on_progress or (lambda _: None))
    try:
        if once:
            polls.start(crawl.ready())
            while await polls.glance() and not stop.is_set():
                crawl.keep_claims()
        while not (once or stop.is_set()):
            polls.start(crawl.due())
            crawl.watch_silence()
            crawl.keep_claims()
            await polls.glance()
    finally:
        await polls.cancel()
        await crawl.close()
    return polls.totals
