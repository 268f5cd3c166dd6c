"""The parts of one home folder, put together: opened when first asked for, closed together."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from index.errors import SettingsError
from index.settings import Settings, load

if TYPE_CHECKING:
    from crawlers.intake import Intake
    from index.inbox.protocol import Inbox
    from index.records.protocol import Records
    from index.sources import Sources
    from index.stores.protocol import Store
    from nlp.images import Reader
    from nlp.pictures import PictureWorker
    from nlp.worker import Worker


class Parts:
    """Store, inbox and records of `settings.home`, and what works on them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()

    @cached_property
    def store(self) -> Store:
        from index.stores import open_store

        store = open_store(self.settings)
        self._open.callback(store.close)
        return store

    @cached_property
    def inbox(self) -> Inbox:
        from index.inbox import open_inbox

        inbox = open_inbox(self.settings)
        self._open.callback(inbox.close)
        return inbox

    @cached_property
    def records(self) -> Records:
        from index.records import open_records

        records = open_records(self.settings)
        self._open.callback(records.close)
        return records

    @cached_property
    def sources(self) -> Sources:
        from index.sources import Sources

        return Sources(self.settings, self.records)

    @cached_property
    def intake(self) -> Intake:
        from crawlers.intake import Intake

        return Intake(self.settings, self.inbox, self.store)

    def worker(self, threads: int | None = None) -> Worker:
        """A worker with the model loaded. Raises ModelError."""
        from nlp.analyse import Analyser
        from nlp.engine import load_model
        from nlp.worker import Worker, open_desk

        model = load_model(self.settings.model, threads or self.settings.threads)
        return Worker(
            self.settings,
            self.inbox,
            self.store,
            Analyser(self.settings, model),
            open_desk(self.settings, self.store, self.records, self.pictures),
        )

    @cached_property
    def pictures(self) -> Inbox | None:
        """The queue of mentions whose pictures are to be read; None when they are not."""
        from nlp.pictures import open_queue

        queue = open_queue(self.settings)
        if queue:
            self._open.callback(queue.close)
        return queue

    def picture_worker(self, fetch: Callable[[str], bytes], reader: Reader) -> PictureWorker:
        """With the model loaded. Raises ModelError, and SettingsError when pictures are not read."""
        from index.alerts.engine import AlertEngine
        from nlp.analyse import Analyser
        from nlp.engine import load_model
        from nlp.pictures import PictureWorker

        if self.pictures is None:
            raise SettingsError(
                'Pictures are not read: write pictures = "sqlite:pictures.sqlite" into earshot.toml.'
            )
        analyser = Analyser(self.settings, load_model(self.settings.model, self.settings.threads))
        alerts = AlertEngine(self.settings, self.store, self.records)
        return PictureWorker(self.pictures, self.inbox, self.store, analyser, alerts, fetch, reader)

    @contextmanager
    def delivering(self) -> Iterator[None]:
        """While the block runs, a thread sends the alerts that are due."""
        from index.alerts.delivery import Deliverer

        stop = threading.Event()
        deliverer = Deliverer(self.settings, self.store, self.records)
        thread = threading.Thread(target=deliverer.run, args=(stop,), name="deliverer")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def offer_metrics(self, address: str) -> int:
        """Numbers for Prometheus at http://`address`/metrics ("PORT": 127.0.0.1 only); returns the port. Raises
        SettingsError when that cannot be."""
        from index import metrics

        collector = metrics.HomeCollector(self.settings, self.inbox, self.sources, self.store)
        return metrics.serve(address, collector)

    def close(self) -> None:
        self._open.close()


def configure_log() -> None:
    """Not before something is opened: the logging library alone takes longer to load than `--help` may."""
    from index import log

    log.configure(os.environ.get("EARSHOT_LOG", "warning"))


@contextmanager
def open_parts(settings: Settings | None = None) -> Iterator[Parts]:
    """The parts of the home folder of this process."""
    configure_log()
    parts = Parts(settings or load())
    try:
        yield parts
    finally:
        parts.close()
