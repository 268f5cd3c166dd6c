"""The text in pictures becomes part of what is analysed, after the mention itself is long on the desk.

A queue of its own (settings.pictures, any kind of inbox): fetching obeys the sites' pace and OCR takes seconds, so
the worker only notes which mentions have pictures. What cannot be read is a problem kept with the mention and goes
into quarantine with the reason; what cannot be fetched now is tried again later.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from index import log
from index.alerts.engine import AlertEngine
from index.documents import Analysis, Mention, Picture, Record
from index.errors import Retry, SourceError, StoreError, Throttled
from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Item, Leased
from index.settings import Settings
from index.stores.protocol import Store
from nlp import privacy
from nlp.analyse import Analyser, Masked
from nlp.images import Reading

MOST = 9  # pictures of a mention, as many as a Weibo post shows
LEASE = 900.0  # seconds: nine pictures that each take the longest, and some
RETRY_AFTER = 60.0
IDLE_WAIT = 1.0
_log = log.get("pictures")


class Reads(Protocol):
    """What is asked of nlp.images.Reader."""

    def read(self, data: bytes) -> Reading: ...


def open_queue(settings: Settings) -> Inbox | None:
    """The queue of mentions whose pictures are to be read; None when the settings do not ask for it."""
    return open_inbox(replace(settings, inbox=settings.pictures)) if settings.pictures else None


def with_pictures(masked: Masked, pictures: Sequence[Picture]) -> Masked:
    """What is analysed: the mention's text, then that of its pictures."""
    said = [picture.text for picture in pictures if picture.text]
    if not said:
        return masked
    return masked._replace(mention=replace(masked.mention, text="\n".join([masked.mention.text, *said])))


def of_mention(analysis: Analysis, mention: Mention, pictures: Sequence[Picture]) -> Analysis:
    """The analysis of text and pictures as one of the mention: an aspect found in a picture keeps its words as
    evidence and has no span."""
    end = len(mention.full_text)
    aspects = tuple(
        replace(aspect, span=None) if aspect.span and aspect.span[1] > end else aspect
        for aspect in analysis.aspects
    )
    return replace(analysis, aspects=aspects, pictures=tuple(pictures))


class PictureWorker:
    """Reads the pictures of mentions in `queue`; any number of these may run. For one thread, `stop` from any."""

    def __init__(
        self,
        queue: Inbox,
        inbox: Inbox,
        store: Store,
        analyser: Analyser,
        alerts: AlertEngine,
        fetch: Callable[[str], bytes],
        reader: Reads,
    ) -> None:
        self._queue = queue
        self._inbox = inbox
        self._store = store
        self._analyser = analyser
        self._alerts = alerts
        self._fetch = fetch
        self._reader = reader
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def run(self, *, until_idle: bool = False) -> None:
        """Until `stop`, or until the queue holds nothing that is due. Raises StoreError, InboxError, and ModelError
        when no picture can be read here."""
        while not self._stop.is_set():
            leased = self._queue.lease(1, worker="pictures", seconds=LEASE)
            if leased:
                self._work(leased[0])
            elif until_idle:
                return
            else:
                self._stop.wait(IDLE_WAIT)

    def _work(self, leased: Leased) -> None:
        mention = leased.item.mention
        try:
            pictures = [self._picture(mention, url) for url in mention.media[:MOST]]
        except (Retry, Throttled) as error:
            asked = error.seconds if isinstance(error, Throttled) else 0.0
            self._queue.retry([leased], str(error), delay=max(asked, RETRY_AFTER * 2 ** (leased.tries - 1)))
            return
        try:
            self._save(mention, pictures)
        except StoreError:
            self._queue.put_back([leased])
            raise
        self._queue.ack([leased])

    def _picture(self, mention: Mention, url: str) -> Picture:
        try:
            reading = self._reader.read(self._fetch(url))
        except (Retry, Throttled):
            raise
        except SourceError as error:
            reading = Reading(None, str(error))
        if reading.problem is not None:
            self._set_aside(mention, url, reading.problem)
            return Picture(url=url, problem=reading.problem)
        return Picture(url=url, text=reading.text)

    def _set_aside(self, mention: Mention, url: str, problem: str) -> None:
        _log.info("picture not read", id=mention.id, reason=problem)
        author = mention.author.id if mention.author else None  # so that erasing them finds it
        raw = msgspec.json.encode({"mention": mention.id, "author": author, "picture": url})
        self._inbox.quarantine_raw(mention.source, raw, f"A picture was not read: {problem}", place=mention.id)

    def _save(self, mention: Mention, pictures: Sequence[Picture]) -> None:
        """Analyse text and pictures together, unless the mention was edited or removed meanwhile. After a crash it
        comes again: what is saved already has only its alerts to be looked at."""
        (stored,) = self._store.get([mention.id])
        if stored is None or stored.mention.version != mention.version:
            return
        if not stored.analysis.pictures:
            self._store.save([self._understood(stored, pictures)])
        self._alerts.consider([found for found in self._store.get([mention.id]) if found])

    def _understood(self, stored: Record, pictures: Sequence[Picture]) -> Record:
        masks = Counter(stored.analysis.masked)
        kept = []
        for picture in pictures:
            found = privacy.mask(picture.text) if picture.text else None
            masks.update(found.counts if found else {})
            kept.append(replace(picture, text=found.text) if found else picture)
        masked = with_pictures(Masked(stored.mention, dict(masks), ()), kept)
        (understood,) = self._analyser.understand([masked])
        analysis = of_mention(understood.analysis, stored.mention, kept)
        return Record(mention=stored.mention, analysis=replace(analysis, cluster=stored.analysis.cluster))


def wanted(records: Sequence[Record]) -> list[Item]:
    """What goes into the queue for these saved records."""
    return [
        Item(mention=record.mention) for record in records if record.mention.media and not record.analysis.pictures
    ]
