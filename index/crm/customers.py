"""Customers of the brand's CRM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from index.database import Database
from index.documents import Customer, Document
from index.settings import Settings

Sort = Literal["name", "spend", "last_order", "updated"]


class BadRow(Document, frozen=True, kw_only=True):
    """A row that was not taken: where, why, and the row itself (for `inbox.quarantine_raw`)."""

    number: int
    reason: str
    raw: bytes
    sheet: str | None = None


class ImportReport(Document, frozen=True, kw_only=True):
    """What became of the rows: read = inserted + updated + unchanged + duplicate + erased + len(bad)."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    erased: int = 0
    bad: tuple[BadRow, ...] = ()
    columns: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    changed_ids: tuple[str, ...] = ()


class Customers:
    def __init__(self, settings: Settings, records: Database | None = None) -> None: ...

    def import_customers(self, path: Path) -> ImportReport:
        """Take a CSV, XLSX or JSONL file in; see crm/customer_files.py. Raises ImportFileError.

        Afterwards call `Linker.link_existing(customers.get_many(report.changed_ids))`.
        """
        raise NotImplementedError

    def get(self, customer_id: str) -> Customer:
        """Raises NotFound."""
        raise NotImplementedError

    def get_many(self, ids: Sequence[str]) -> list[Customer]:
        """Those that exist, in the order asked."""
        raise NotImplementedError

    def search(self, text: str, *, limit: int = 50) -> list[Customer]:
        """By part of name, id, handle or tag; by a whole phone number or e-mail address."""
        raise NotImplementedError

    def list(self, *, limit: int = 50, offset: int = 0, sort: Sort = "name") -> list[Customer]:
        raise NotImplementedError

    def upsert(self, customers: Sequence[Customer]) -> ImportReport:
        """Write whole customers; unchanged ones are not touched."""
        raise NotImplementedError

    def erase(self, customer_id: str, *, by: str, reason: str) -> list[str]:
        """Remove a customer and every link, unrecoverably; stays erased on later imports. Returns the ids of
        the authors that were linked (`Linker.mirror` tells the store). Raises NotFound."""
        raise NotImplementedError

    def masked(self, customer: Customer) -> dict[str, str]:
        """Contact data fit for a page: {"phone": "138****1234", "email": "w***@qq.com"}."""
        raise NotImplementedError

    def reveal(self, customer_id: str, *, by: str, reason: str) -> dict[str, str]:
        """Contact data in clear. Who, when and why is written down first. Raises NotFound."""
        raise NotImplementedError

    def counts(self) -> dict[str, int]:
        """{"customers", "linked", "proposals"}"""
        raise NotImplementedError
