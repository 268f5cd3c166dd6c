"""Every question a page asks, in one place: thin, kept while nothing changed, never a table in memory.

Streamlit runs each script in a new thread, and a database keeps one connection a thread. So the questions
are asked from a small pool of threads that live as long as the process: connections stay few and warm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import streamlit as st
from msgspec import structs

from dashboard.commands.parts import open_parts
from dashboard.commands.replay import map_of
from dashboard.filters import Step
from dashboard.folding import FoldedPage, next_page
from index import audit
from index import settings as settings_file
from index.alerts.cases import Cases
from index.audit import AuditEntry
from index.categories import OVERALL
from index.crm.customers import Customers
from index.crm.linking import Linker, Proposal
from index.documents import EPOCH, Case, CaseState, Customer, Link, Record, encode
from index.errors import NotFound
from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Quarantined
from index.query import MentionQuery
from index.records import open_records
from index.settings import Settings
from index.sources import SourceHealth, Sources
from index.stores import open_store
from index.stores.protocol import AuthorStat, Bucket, Facet, Page, Store

R = TypeVar("R")
AuthorOrder = Literal["mentions", "engagement", "koc"]
THREADS = 2  # aggregates of one page side by side; more would only multiply the connections' page caches
LOOK_EVERY = 5.0  # seconds between looks at the store: while mentions pour in, pictures are this old at most
WAITING: tuple[CaseState, ...] = ("new", "assigned")
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
        self._as_of = datetime.now(UTC)

    def ask(self, question: Callable[..., R], *args: Any, **values: Any) -> R:
        """Answer one question in the pool."""
        return self._pool.submit(question, *args, **values).result()

    def state(self) -> State:
        """The version grows when the store was written to; looks at most every LOOK_EVERY seconds."""
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._looked, seen = time.monotonic(), datetime.now(UTC)
            if self.ask(self.store.changed_since, self._as_of):
                self._version, self._as_of = self._version + 1, seen
        return State(self._opened, self._version)

    def slow_state(self, seconds: int = 60) -> State:
        """For answers that cost much and move slowly: so many seconds old, while the store is young always new."""
        state = self.state()
        return state if state.version < YOUNG else State(state.opened, -int(time.time() // seconds))

    def changed_here(self) -> None:
        """A page wrote something: forget the kept answers at once."""
        self._version += 1


def desk() -> Desk:
    """The handles of this installation, opened once per process and again when its settings change."""
    home = settings_file.home()
    file = home / "earshot.toml"
    return _open(str(home), file.stat().st_mtime if file.exists() else 0.0)


@st.cache_resource(show_spinner=False)
def _open(home: str, changed_at: float) -> Desk:  # noqa: ARG001 (part of the key)
    return Desk(settings_file.load(Path(home)))


def settings() -> Settings:
    return desk().settings


keep = partial(st.cache_data, ttl=FORGET, max_entries=200, show_spinner=False, hash_funcs={MentionQuery: encode})


def histogram(query: MentionQuery, step: Step, zone: str) -> list[Bucket]:
    return _histogram(desk(), desk().state(), query, step, zone)


@keep()
def _histogram(_desk: Desk, state: State, query: MentionQuery, step: Step, zone: str) -> list[Bucket]:  # noqa: ARG001
    return _desk.ask(_desk.store.histogram, query, step=step, zone=zone)


def facets(query: MentionQuery, *fields: Facet, size: int = 20) -> dict[str, list[Bucket]]:
    return _facets(desk(), desk().state(), query, fields, size)


@keep()
def _facets(
    _desk: Desk,
    state: State,  # noqa: ARG001
    query: MentionQuery,
    fields: tuple[Facet, ...],
    size: int,
) -> dict[str, list[Bucket]]:
    return _desk.ask(_desk.store.facets, query, fields, size=size)


def aspects(query: MentionQuery, most: int = 50) -> list[Bucket]:
    """The subjects spoken of. An opinion on the whole is what every sentence about sentiment says already."""
    found = facets(query, "aspect", size=most + 1)["aspect"]
    return [bucket for bucket in found if bucket.key != OVERALL][:most]


def count(query: MentionQuery) -> int:
    return _count(desk(), desk().state(), query)


@keep()
def _count(_desk: Desk, state: State, query: MentionQuery) -> int:  # noqa: ARG001
    return _desk.ask(_desk.store.count, query)


def mentions(query: MentionQuery, limit: int = 20, page: int = 1) -> Page:
    """Page `page` (from 1) of the list. Raises QueryError when the search box cannot be read."""
    return _mentions(desk(), desk().state(), query, limit, page)


@keep()
def _mentions(_desk: Desk, state: State, query: MentionQuery, limit: int, page: int) -> Page:
    before = _mentions(_desk, state, query, limit, page - 1) if page > 1 else None
    if before is not None and before.cursor is None:
        return Page(hits=())
    return _desk.ask(_desk.store.search, query, limit=limit, cursor=before.cursor if before else None)


def folded(query: MentionQuery, limit: int, page: int) -> FoldedPage:
    """Page `page` (from 1) of the list without near-duplicates, or the last one. Raises QueryError."""
    return _folded(desk(), desk().state(), query, limit, page)


@keep()
def _folded(_desk: Desk, state: State, query: MentionQuery, limit: int, page: int) -> FoldedPage:
    before = _folded(_desk, state, query, limit, page - 1) if page > 1 else None
    return _desk.ask(next_page, _desk.store, query, limit, before)


def top_authors(query: MentionQuery, by: AuthorOrder, limit: int = 50) -> list[AuthorStat]:
    return _top_authors(desk(), desk().slow_state(), query, by, limit)


@keep()
def _top_authors(
    _desk: Desk,
    state: State,  # noqa: ARG001
    query: MentionQuery,
    by: AuthorOrder,
    limit: int,
) -> list[AuthorStat]:
    return _desk.ask(_desk.store.top_authors, query, by=by, limit=limit)


def author(author_id: str) -> AuthorStat | None:
    return desk().ask(desk().store.author, author_id)


def records(ids: Sequence[str]) -> list[Record]:
    """Those of `ids` that are still there, in their order."""
    return [record for record in desk().ask(desk().store.get, ids) if record is not None]


def record(mention_id: str) -> Record:
    """Raises NotFound: the mention was deleted since."""
    found = records([mention_id])
    if not found:
        raise NotFound(mention_id)
    return found[0]


def newest() -> datetime | None:
    """When the newest stored mention was published; None for an empty store."""
    page = mentions(MentionQuery(), limit=1)
    return page.hits[0].record.mention.published_at if page.hits else None


def source_health() -> list[SourceHealth]:
    here = desk()
    return here.ask(here.sources.health, here.settings)


def ends() -> dict[str, dict[str, int]]:
    """Per source the five ends, and what is waiting or lent now."""
    here = desk()
    return here.ask(here.inbox.counts)


def quarantined(source: str | None = None, limit: int = 20, before: int | None = None) -> list[Quarantined]:
    here = desk()
    return here.ask(here.inbox.quarantined, source=source, limit=limit, before=before)


def replay(ids: Sequence[int]) -> tuple[int, int]:
    """Map quarantined entries again; returns how many went into the queue and how many stayed."""
    return desk().ask(_replay, settings(), ids)


def _replay(settings: Settings, ids: Sequence[int]) -> tuple[int, int]:
    with open_parts(settings) as parts:
        done = parts.intake.replay(partial(map_of, parts), ids)
        return done.again, done.kept


def texts(query: MentionQuery, slices: int, per_slice: int) -> list[str]:
    """A sample of what was said, spread over the time of `query`."""
    return _texts(desk(), desk().state(), query, slices, per_slice)


@keep()
def _texts(_desk: Desk, state: State, query: MentionQuery, slices: int, per_slice: int) -> list[str]:  # noqa: ARG001
    start, end = query.since or EPOCH, query.until or datetime.now(UTC)
    step = (end - start) / slices
    found: list[str] = []
    for i in range(slices):
        piece = structs.replace(query, since=start + i * step, until=start + (i + 1) * step)
        page = _desk.ask(_desk.store.search, piece, limit=per_slice, highlight=False)
        found += [hit.record.mention.full_text for hit in page.hits]
    return found


def case_counts() -> dict[str, int]:
    """Cases by state, those over time, and "open": what waits for an answer."""
    here = desk()
    counts = here.ask(here.cases.counts)
    return {**counts, "open": counts["new"] + counts["assigned"]}


def cases_list(states: Sequence[CaseState], **filters: Any) -> list[Case]:
    """Cases by time left; see Cases.list."""
    here = desk()
    return here.ask(here.cases.list, states, **filters)


def case(case_id: str) -> Case:
    """Raises NotFound."""
    here = desk()
    return here.ask(here.cases.get, case_id)


def case_step(step: str, case_id: str, *values: Any, **named: Any) -> Case:
    """Take a step such as "assign", "reply", "close", "reopen". Raises NotFound and Conflict."""
    here = desk()
    return here.ask(getattr(here.cases, step), case_id, *values, **named)


def make_case(record: Record, *, by: str, reason: str) -> Case:
    here = desk()
    return here.ask(here.cases.make, record, by=by, reason=reason)


def draft(case_id: str, by: str) -> str | None:
    here = desk()
    return here.ask(here.cases.draft, case_id, by=by)


def save_draft(case_id: str, text: str, by: str) -> None:
    here = desk()
    here.ask(here.cases.save_draft, case_id, text, by=by)


def customer(customer_id: str) -> Customer | None:
    here = desk()
    found = here.ask(here.customers.get_many, [customer_id])
    return found[0] if found else None


def customers_named(ids: Sequence[str]) -> dict[str, Customer]:
    here = desk()
    return {found.id: found for found in here.ask(here.customers.get_many, list(ids))} if ids else {}


def customers(text: str, limit: int = 30) -> list[Customer]:
    """Those that match, or without a text those with the latest orders."""
    here = desk()
    if text.strip():
        return here.ask(here.customers.search, text.strip(), limit=limit)
    return here.ask(here.customers.list, limit=limit, sort="last_order")


def customer_counts() -> dict[str, int]:
    here = desk()
    return here.ask(here.customers.counts)


def masked(customer: Customer) -> dict[str, str]:
    here = desk()
    return here.ask(here.customers.masked, customer)


def reveal(customer_id: str, *, by: str, reason: str) -> dict[str, str]:
    """Contact data in clear; who, when and why is written down first."""
    here = desk()
    return here.ask(here.customers.reveal, customer_id, by=by, reason=reason)


def links(customer_id: str) -> list[Link]:
    here = desk()
    return here.ask(here.linker.links, customer_id=customer_id)


def link_history(customer_id: str) -> list[Link]:
    here = desk()
    return here.ask(here.linker.history, customer_id=customer_id)


def proposals(customer_id: str) -> list[Proposal]:
    here = desk()
    return here.ask(here.linker.proposals, customer_id=customer_id)


def link(author_id: str, customer_id: str, *, by: str, reason: str) -> None:
    here = desk()
    here.ask(here.linker.link, author_id, customer_id, by=by, reason=reason)
    here.changed_here()


def unlink(author_id: str, customer_id: str, *, by: str, reason: str) -> None:
    here = desk()
    here.ask(here.linker.unlink, author_id, customer_id, by=by, reason=reason)
    here.changed_here()


def audit_trail(subject: str, limit: int = 20) -> list[AuditEntry]:
    here = desk()
    return here.ask(audit.entries, here.records, subject=subject, limit=limit)


def known_values(facet: Facet) -> list[str]:
    """The values of a facet that occur, most frequent first.

    Languages are not tallied by day, so those of the last week stand for all.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    recent = MentionQuery(since=today - timedelta(days=7)) if facet == "lang" else MentionQuery()
    return _known_values(desk(), desk().slow_state(), facet, recent)


@keep()
def _known_values(
    _desk: Desk,
    state: State,  # noqa: ARG001
    facet: Facet,
    query: MentionQuery,
) -> list[str]:
    found = _desk.ask(_desk.store.facets, query, [facet], size=50)
    return [bucket.key for bucket in found[facet]]
