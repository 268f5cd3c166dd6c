"""The desk's cases: what people see and do. States: new, assigned, replied, closed."""

from __future__ import annotations

from datetime import datetime

from index.database import Database
from index.documents import Case, CaseState, Record
from index.settings import Settings


class Cases:
    """Every step takes `seen`, the `version` of the case the person looked at: when somebody else took a step
    since, Conflict tells who and what, and nothing is written. Steps raise NotFound, and Conflict when the
    state does not allow them. Each returns the case as it is now."""

    def __init__(self, settings: Settings, records: Database | None = None) -> None: ...

    def list(
        self,
        state: CaseState | None = None,
        *,
        open_only: bool = True,
        assignee: str | None = None,
        praise: bool | None = None,
        brand: str | None = None,
        author_id: str | None = None,
        customer_id: str | None = None,
        snoozed: bool = False,
        limit: int = 50,
        offset: int = 0,
        now: datetime | None = None,
    ) -> list[Case]:
        """Cases by time left, most urgent first. Snoozed ones are hidden until they wake unless `snoozed`."""
        raise NotImplementedError

    def get(self, case_id: str) -> Case: ...

    def assign(self, case_id: str, to: str, *, by: str, seen: int | None = None) -> Case: ...

    def reply(self, case_id: str, text: str, *, by: str, seen: int | None = None) -> Case: ...

    def close(self, case_id: str, reason: str, *, by: str, seen: int | None = None) -> Case: ...

    def reopen(self, case_id: str, *, by: str, reason: str | None = None, seen: int | None = None) -> Case: ...

    def snooze(self, case_id: str, until: datetime, *, by: str, seen: int | None = None) -> Case: ...

    def note(self, case_id: str, text: str, *, by: str) -> Case: ...

    def save_draft(self, case_id: str, text: str, *, by: str) -> None:
        """Keep a half-written reply; each agent has their own."""

    def draft(self, case_id: str, *, by: str) -> str | None:
        """This agent's half-written reply; None: start from `Case.draft_reply`."""
        raise NotImplementedError

    def make(self, record: Record, *, by: str, reason: str, brand: str | None = None) -> Case:
        """A person opens a case from a mention; joins the open case of the same brand, author and topic."""
        raise NotImplementedError

    def counts(self, now: datetime | None = None) -> dict[str, int]:
        """{"new", "assigned", "replied", "closed", "overdue", "snoozed", "praise", "undelivered"}"""
        raise NotImplementedError
