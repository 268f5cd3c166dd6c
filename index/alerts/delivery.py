"""Sends what the outbox holds: at least once, again after a fault, kept when given up."""

from __future__ import annotations

import threading

from index.database import Database
from index.settings import Settings
from index.stores.protocol import Store


class Deliverer:
    """Several processes may run one each."""

    def __init__(self, settings: Settings, store: Store, records: Database | None = None) -> None: ...

    def run(self, stop: threading.Event, every: float = 1.0) -> None:
        """Deliver what is due until `stop` is set; meant for a thread."""
        raise NotImplementedError
