"""The audit trail: acts of people that somebody may ask about later. Append-only, the database refuses else."""

from __future__ import annotations

from datetime import datetime

from index.documents import Document
from index.records.protocol import Reader, Transaction


class AuditEntry(Document, frozen=True, kw_only=True):
    """`what` is the act ("contact.reveal", "link", "customer.erase"), `subject` the id it was done to."""

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    why: str | None = None


def record_act(
    transaction: Transaction, at: datetime, *, who: str, what: str, subject: str, why: str | None
) -> None:
    """Add an entry inside the caller's transaction, so that act and entry stand or fall together."""
    transaction.run(  # counted here: a sequence of PostgreSQL's leaves a gap for each act that was undone
        "INSERT INTO audit (id, at, who, what, subject, why)"
        " SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ? FROM audit",
        (at.isoformat(), who, what, subject, why),
    )


def entries(
    records: Reader, *, subject: str | None = None, before: int | None = None, limit: int = 100
) -> list[AuditEntry]:
    """Newest first; page on with `before` = the last id seen."""
    rows = records.all(
        "SELECT id, at, who, what, subject, why FROM audit"
        " WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        (subject, before, limit),
    )
    return [
        AuditEntry(id=id_, at=datetime.fromisoformat(at), who=who, what=what, subject=subject_, why=why)
        for id_, at, who, what, subject_, why in rows
    ]
