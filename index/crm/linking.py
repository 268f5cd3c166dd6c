"""Which account belongs to which customer. Links are made on exact evidence only, and people can undo them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from index.database import Database
from index.documents import Customer, Document, Link, Record
from index.settings import Settings
from index.stores.protocol import Store

Contacts = Mapping[str, Sequence[tuple[str, str]]]


class Proposal(Document, frozen=True, kw_only=True):
    """A pair a person may confirm (`Linker.link`) or reject (`Linker.unlink`)."""

    author_id: str
    customer_id: str
    evidence: str
    at: datetime
    mention_id: str | None = None


class Linker:
    def __init__(self, settings: Settings, store: Store, records: Database | None = None) -> None: ...

    def observe(self, records: Sequence[Record], contacts: Contacts, now: datetime | None = None) -> list[Link]:
        """Link the authors of saved records where the evidence is exact; call after `store.save`.

        `contacts`: mention id -> (kind, value) pairs found in the author's own text before masking, kind
        "phone" or "email". Returns the links made now. Idempotent.
        """
        raise NotImplementedError

    def link_existing(self, customers: Sequence[Customer], now: datetime | None = None) -> list[Link]:
        """The same for customers that were imported after the mentions. Returns the links made now."""
        raise NotImplementedError

    def link(self, author_id: str, customer_id: str, *, by: str, reason: str) -> Link:
        """A person's decision; wins over everything automatic. Raises NotFound for an unknown customer."""
        raise NotImplementedError

    def unlink(self, author_id: str, customer_id: str, *, by: str, reason: str) -> Link:
        """Undo a link or turn down a proposal: the pair is never linked or proposed by itself again."""
        raise NotImplementedError

    def links(self, *, customer_id: str | None = None, author_id: str | None = None) -> list[Link]:
        """Links in force, newest first."""
        raise NotImplementedError

    def history(self, *, customer_id: str | None = None, author_id: str | None = None) -> list[Link]:
        """Every step, newest first."""
        raise NotImplementedError

    def proposals(self, *, customer_id: str | None = None, limit: int = 100) -> list[Proposal]:
        """Pairs with evidence that is not enough by itself, newest first."""
        raise NotImplementedError
