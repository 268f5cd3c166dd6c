"""Every question a page asks, in one place: thin, kept while nothing changed, never a table in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from msgspec import structs

from dashboard import filters
from dashboard.commands.parts import open_parts
from dashboard.commands.replay import map_of
from dashboard.filters import Step
from dashboard.folding import FoldedPage, next_page
from dashboard.handles import Desk, State, desk, keep
from dashboard.rising import Said
from index import audit
from index.audit import AuditEntry
from index.categories import OVERALL
from index.crm.linking import Proposal
from index.documents import EPOCH, Case, CaseState, Customer, Link, Record
from index.errors import NotFound
from index.inbox.protocol import Quarantined
from index.query import MentionQuery
from index.settings import Settings
from index.sources import SourceHealth
from index.stores.protocol import AuthorStat, Bucket, Facet, Page

AuthorOrder = Literal["mentions", "engagement", "koc"]
WAITING: tuple[CaseState, ...] = ("new", "assigned")


def settings() -> Settings:
    return desk().settings


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


def texts(query: MentionQuery, slices: int, per_slice: int) -> list[Said]:
    """A sample of what was said and by whom, spread over the time of `query`."""
    return _texts(desk(), desk().state(), query, slices, per_slice)


@keep()
def _texts(_desk: Desk, state: State, query: MentionQuery, slices: int, per_slice: int) -> list[Said]:  # noqa: ARG001
    start, end = query.since or EPOCH, query.until or datetime.now(UTC)
    step = (end - start) / slices
    found: list[Said] = []
    for i in range(slices):
        piece = structs.replace(query, since=start + i * step, until=start + (i + 1) * step)
        page = _desk.ask(_desk.store.search, piece, limit=per_slice, highlight=False)
        said = (hit.record.mention for hit in page.hits)
        found += [Said(mention.full_text, mention.author.id if mention.author else None) for mention in said]
    return found


def case_counts() -> dict[str, int]:
    """Cases of the chosen brand by state, those over time, and "open": what waits for an answer and does not
    rest until later."""
    here = desk()
    counts = here.ask(here.cases.counts, brand=next(iter(filters.brands()), None))
    return {**counts, "open": counts["new"] + counts["assigned"] - counts["snoozed"]}


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
