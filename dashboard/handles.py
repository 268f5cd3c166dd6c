"""The open handles of the desk, and how answers are kept while nothing changes.

Streamlit runs each script in a new thread, and a database keeps one connection a thread. So the questions
are asked from a small pool of threads that live as long as the process: connections stay few and warm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import streamlit as st

from index import settings as settings_file
from index.alerts.cases import Cases
from index.clocks import SKEW
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.documents import encode
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.query import MentionQuery
from index.records import open_records
from index.settings import Settings
from index.sources import Sources
from index.stores import open_store
from index.stores.protocol import Store

R = TypeVar("R")
THREADS = 2  # aggregates of one page side by side; more would only multiply the connections' page caches
LOOK_EVERY = 5.0  # seconds between looks at the store: while mentions pour in, pictures are this old at most
MARGIN = timedelta(seconds=SKEW)  # a change is noted before it can be seen, by the clock of who makes it
YOUNG = 10  # changes after which a store is no longer one that is just being filled
FORGET = 3600.0  # seconds after which an answer is forgotten even when nothing changed


class State(NamedTuple):
    """What a kept answer depends on besides its question."""

    opened: int  # which handles: with other settings the same question has another answer
    version: int


class Desk:
    """The open handles of one home folder and the pool that uses them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: Store = open_store(settings)
        self.inbox: Inbox = open_inbox(settings)
        self.records = open_records(settings)
        self.cases = Cases(settings, self.records)
        self.customers = Customers(settings, self.records)
        self.linker = Linker(settings, self.store, self.records)
        self.sources = Sources(settings, self.records)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="desk")
        self._opened = time.time_ns()
        self._version = 0
        self._looked = 0.0
        self._as_of = datetime.now(UTC) - MARGIN

    def ask(self, question: Callable[..., R], *args: Any, **values: Any) -> R:
        """Answer one question in the pool."""
        return self._pool.submit(question, *args, **values).result()

    def state(self) -> State:
        """The version grows when the store was written to; looks at most every LOOK_EVERY seconds."""
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._looked, seen = time.monotonic(), datetime.now(UTC)
            if self.ask(self.store.changed_since, self._as_of):
                self._version, self._as_of = self._version + 1, seen - MARGIN
        return State(self._opened, self._version)

    def slow_state(self, seconds: int = 60) -> State:
        """For answers that cost much and move slowly: so many seconds old, while the store is young always new."""
        state = self.state()
        return state if state.version < YOUNG else State(state.opened, -int(time.time() // seconds))

    def changed_here(self) -> None:
        """A page wrote something: forget the kept answers at once."""
        self._version += 1

    def close(self) -> None:
        """When the questions under way are answered."""
        self._pool.shutdown()
        for part in (self.store, self.inbox, self.records):
            part.close()


def desk() -> Desk:
    """The handles of this installation, opened once per process and again when its settings change."""
    home = settings_file.home()
    file = home / "earshot.toml"
    return _open(str(home), file.stat().st_mtime if file.exists() else 0.0)


@st.cache_resource(show_spinner=False, max_entries=1, on_release=Desk.close)
def _open(home: str, changed_at: float) -> Desk:  # noqa: ARG001 (part of the key)
    return Desk(settings_file.load(Path(home)))


keep = partial(st.cache_data, ttl=FORGET, max_entries=200, show_spinner=False, hash_funcs={MentionQuery: encode})
