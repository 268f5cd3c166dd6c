"""The desk's cases: what people see and do. States: new, assigned, replied, closed.

A case closed for good stays as it is; a new mention of the same author and topic opens the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from index.alerts.casebook import (
    COLUMNS,
    add_event,
    forget_author,
    open_or_merge,
    read_cases,
    stamp,
)
from index.alerts.replies import draft_reply, load_replies
from index.alerts.rules import Match, own_brands, topic_of
from index.audit import record_act
from index.crm.contacts import Contacts
from index.crm.customers import Customers
from index.documents import Case, CaseState, Document, Record
from index.errors import Conflict, EarshotError, NotFound
from index.records import open_records
from index.records.protocol import Records, Row, Transaction
from index.settings import Settings

OPEN: tuple[CaseState, ...] = ("new", "assigned", "replied")
BY_HAND = "by hand"
HAND_MINUTES = 120  # time to answer a case a person opened, as in a rule without answer_within
Found = list[Case]  # inside the class below, "list" is the method
Values = list[str | int | None]


class Notice(Document, frozen=True, kw_only=True):
    """A case that is new on the desk."""

    id: int
    case_id: str
    at: datetime


class Cases:
    """Safe from several processes and threads. Close `records` when you opened it yourself.

    Every step takes `seen`, the `version` of the case the person looked at: when somebody else took a step
    since, Conflict tells who and what, and nothing is written. Steps raise NotFound, Conflict also when the
    state does not allow them, and EarshotError when a name or a text is missing. Each returns the case as it
    is now; `Case.draft_reply` and `public_reply` are made from replies.toml when a case is read.
    """

    def __init__(
        self, settings: Settings, records: Records | None = None, contacts: Contacts | None = None
    ) -> None:
        self.records = records or open_records(settings)
        self._customers = Customers(settings, self.records, contacts)
        self._own = own_brands(settings)
        self._texts = load_replies(settings.home)

    def list(
        self,
        states: Sequence[CaseState] = (),
        *,
        assignee: str | None = None,
        praise: bool | None = None,
        brand: str | None = None,
        author_id: str | None = None,
        customer_id: str | None = None,
        snoozed: bool = True,
        limit: int = 50,
        offset: int = 0,
        now: datetime | None = None,
    ) -> Found:
        """Cases by time left: those to answer first, then replied, then closed (newest first). No `states`:
        all. `snoozed=False` hides cases that rest until later."""
        exact = {
            "assignee": assignee,
            "brand": brand,
            "author_key": author_id,
            "praise": None if praise is None else int(praise),
        }
        tests = [f"{column} = ?" for column, value in exact.items() if value is not None]
        values: Values = [value for value in exact.values() if value is not None]
        if states:
            tests.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        if customer_id is not None:
            tests.append("author_key IN (SELECT author_id FROM links WHERE status = 'linked' AND customer_id = ?)")
            values.append(customer_id)
        if not snoozed:
            tests.append("(snoozed_until IS NULL OR snoozed_until <= ?)")
            values.append(stamp(now or datetime.now(UTC)))
        found = self.records.all(
            f"SELECT {COLUMNS}, lang FROM cases WHERE {' AND '.join(tests) or 'true'}"  # noqa: S608 - constants
            " ORDER BY state = 'closed', state = 'replied', CASE state WHEN 'closed' THEN '' ELSE due_at END,"
            " updated_at DESC, id LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return self._read(found)

    def get(self, case_id: str) -> Case:
        """Raises NotFound."""
        found = self.records.all(f"SELECT {COLUMNS}, lang FROM cases WHERE id = ?", (case_id,))  # noqa: S608
        if not found:
            raise NotFound(f"There is no case {case_id}.")
        return self._read(found)[0]

    def assign(self, case_id: str, to: str, *, by: str, seen: int | None = None) -> Case:
        """Give a case to somebody; a replied one stays replied."""
        to = _said(to, "Say who gets the case.")
        change = "assignee = ?, state = CASE state WHEN 'new' THEN 'assigned' ELSE state END"
        return self._step(case_id, "assigned", by, seen, OPEN, change, (to,), to)

    def reply(self, case_id: str, text: str, *, by: str, seen: int | None = None) -> Case:
        """Write down what was answered; whoever answers has the case. Drops their draft."""
        text = _said(text, "The reply is empty.")
        change = "state = 'replied', assignee = coalesce(assignee, ?), snoozed_until = NULL"
        return self._step(case_id, "replied", by, seen, OPEN, change, (by,), text)

    def close(self, case_id: str, reason: str, *, by: str, seen: int | None = None) -> Case:
        """Done. A later mention of the same author and topic opens a new case."""
        reason = _said(reason, "Say why the case is closed.")
        return self._step(case_id, "closed", by, seen, OPEN, "state = 'closed', snoozed_until = NULL", (), reason)

    def reopen(self, case_id: str, *, by: str, reason: str | None = None, seen: int | None = None) -> Case:
        """A closed or replied case must be answered again; the time to answer starts anew."""
        row = self.records.one("SELECT minutes FROM cases WHERE id = ?", (case_id,))
        due = datetime.now(UTC) + timedelta(minutes=row[0] if row else HAND_MINUTES)
        change = "state = CASE WHEN assignee IS NULL THEN 'new' ELSE 'assigned' END, due_at = ?"
        return self._step(case_id, "reopened", by, seen, ("replied", "closed"), change, (stamp(due),), reason)

    def snooze(self, case_id: str, until: datetime, *, by: str, seen: int | None = None) -> Case:
        """Let a case rest; it wakes at `until` or with a new mention. The time to answer goes on."""
        wake = stamp(until)
        return self._step(case_id, "snoozed", by, seen, ("new", "assigned"), "snoozed_until = ?", (wake,), wake)

    def note(self, case_id: str, text: str, *, by: str) -> Case:
        """A remark for colleagues. Overwrites nothing, so it needs no `seen`."""
        text, by = _said(text, "The note is empty."), _said(by, "Say who you are.")
        with self.records.write() as transaction:
            self._current(transaction, case_id)
            add_event(transaction, case_id, datetime.now(UTC), by, "note", text)
        return self.get(case_id)

    def save_draft(self, case_id: str, text: str, *, by: str) -> None:
        """Keep a half-written reply; each agent has their own. Empty text drops it. Raises NotFound."""
        with self.records.write() as transaction:
            self._current(transaction, case_id)
            if text:
                row = (case_id, by, text, stamp(datetime.now(UTC)))
                transaction.run(
                    "INSERT INTO case_drafts VALUES (?, ?, ?, ?) ON CONFLICT (case_id, by) DO UPDATE SET"
                    " text = excluded.text, at = excluded.at",
                    row,
                )
            else:
                transaction.run("DELETE FROM case_drafts WHERE case_id = ? AND by = ?", (case_id, by))

    def draft(self, case_id: str, *, by: str) -> str | None:
        """This agent's half-written reply; None: start from `Case.public_reply`."""
        row = self.records.one("SELECT text FROM case_drafts WHERE case_id = ? AND by = ?", (case_id, by))
        return str(row[0]) if row else None

    def make(self, record: Record, *, by: str, reason: str, brand: str | None = None) -> Case:
        """A person opens a case from a mention; it joins the open case of the same brand, author and topic.

        `brand` is needed where the mention names no brand of ours. Raises EarshotError without one.
        """
        by, reason = _said(by, "Say who you are."), _said(reason, "Say why this needs an answer.")
        brand = brand or next((name for name in record.mention.brands if name in self._own), None)
        if brand is None:
            raise EarshotError("This mention names no brand of yours; say for which brand to answer.")
        praise = record.sentiment == "positive"
        match = Match(
            rule=BY_HAND,
            brand=brand,
            topic=topic_of(record, praise=praise),
            praise=praise,
            minutes=HAND_MINUTES,
            channels=(),
            reason_en=reason,
            reason_zh=reason,
        )
        with self.records.write() as transaction:
            at = datetime.now(UTC)
            case_id = open_or_merge(transaction, match, record, at, by)
            if case_id is None:  # somebody, or a rule, was faster
                known = "SELECT case_id FROM case_mentions WHERE mention_id = ? AND brand = ?"
                case_id = str(transaction.all(known, (record.mention.id, brand))[0][0])
            else:
                record_act(transaction, at, who=by, what="case.opened", subject=case_id, why=reason)
        return self.get(case_id)

    def of_mention(self, mention_id: str) -> Found:
        """The cases a mention belongs to, one per brand at most."""
        found = self.records.all(
            f"SELECT {COLUMNS}, lang FROM cases"  # noqa: S608
            " WHERE id IN (SELECT case_id FROM case_mentions WHERE mention_id = ?) ORDER BY id",
            (mention_id,),
        )
        return self._read(found)

    def counts(self, now: datetime | None = None, *, brand: str | None = None) -> dict[str, int]:
        """Cases (of `brand`) by state, and of those to answer: "overdue", "snoozed", "praise"; and the
        "undelivered" alerts of all brands."""
        moment = stamp(now or datetime.now(UTC))
        counts = dict.fromkeys(("new", "assigned", "replied", "closed"), 0)
        by_state = "SELECT state, count(*) FROM cases WHERE brand = coalesce(?, brand) GROUP BY state"
        counts |= dict(self.records.all(by_state, (brand,)))
        row = self.records.one(
            "SELECT count(*) FILTER (WHERE due_at < ?1 AND coalesce(snoozed_until, '') <= ?1),"
            " count(*) FILTER (WHERE snoozed_until > ?1), count(*) FILTER (WHERE praise = 1),"
            " (SELECT count(*) FROM outbox WHERE state = 'given_up') FROM cases"
            " WHERE state IN ('new', 'assigned') AND brand = coalesce(?2, brand)",
            (moment, brand),
        )
        return counts | dict(zip(("overdue", "snoozed", "praise", "undelivered"), row or (0,) * 4, strict=True))

    def notices(self, after: int = 0) -> tuple[Notice, ...]:
        """What rang the desk's bell since the notice `after`, oldest first."""
        found = self.records.all("SELECT id, case_id, at FROM notices WHERE id > ? ORDER BY id", (after,))
        return tuple(Notice(id=i, case_id=case, at=datetime.fromisoformat(at)) for i, case, at in found)

    def forget_author(self, author_id: str) -> int:
        """Remove the cases of an erased author; returns how many."""
        with self.records.write() as transaction:
            return forget_author(transaction, author_id)

    def _step(
        self,
        case_id: str,
        action: str,
        by: str,
        seen: int | None,
        allowed: Sequence[CaseState],
        change: str,
        values: Sequence[str],
        detail: str | None,
    ) -> Case:
        """One step of a person: checked, done, written to history and audit trail, all or nothing."""
        by = _said(by, "Say who you are: every step carries a name.")
        at = datetime.now(UTC)
        with self.records.write() as transaction:
            case = self._current(transaction, case_id)
            _not_overtaken(case, seen)
            if case.state not in allowed:
                raise Conflict(f"Case {case_id} is {case.state}; it cannot be {action} now.")
            if action == "reopened" and _newer(transaction, case_id):
                raise Conflict(f"Case {case_id} has a newer one about the same that is open; answer there.")
            transaction.run(
                f"UPDATE cases SET version = version + 1, {change} WHERE id = ?",  # noqa: S608 - constants
                (*values, case_id),
            )
            if action == "replied":
                transaction.run("DELETE FROM case_drafts WHERE case_id = ? AND by = ?", (case_id, by))
            add_event(transaction, case_id, at, by, action, detail)
            record_act(transaction, at, who=by, what=f"case.{action}", subject=case_id, why=None)
        return self.get(case_id)

    def _current(self, transaction: Transaction, case_id: str) -> Case:
        found = transaction.all(f"SELECT {COLUMNS} FROM cases WHERE id = ?", (case_id,))  # noqa: S608
        if not found:
            raise NotFound(f"There is no case {case_id}.")
        return read_cases(transaction, found)[0]

    def _read(self, found: Sequence[Row]) -> Found:
        """Cases with a draft each; `found` are rows of COLUMNS and the language."""
        cases = read_cases(self.records, [row[:-1] for row in found])
        ids = {case.customer_id for case in cases if case.customer_id}
        customers = {c.id: c for c in self._customers.get_many(sorted(ids))} if ids else {}
        return [
            msgspec.structs.replace(
                case,
                draft_reply=draft_reply(case, row[-1], customers.get(case.customer_id or ""), self._texts),
                public_reply=draft_reply(case, row[-1], None, self._texts),
            )
            for case, row in zip(cases, found, strict=True)
        ]


def _said(text: str, otherwise: str) -> str:
    if not text.strip():
        raise EarshotError(otherwise)
    return text.strip()


def _newer(transaction: Transaction, case_id: str) -> bool:
    """Whether another case of the same brand, author and topic is open: there is one at most."""
    row = transaction.one(
        "SELECT 1 FROM cases mine JOIN cases other ON other.brand = mine.brand"
        " AND other.author_key = mine.author_key AND other.topic = mine.topic AND other.praise = mine.praise"
        " WHERE mine.id = ? AND other.id <> mine.id AND other.state <> 'closed'",
        (case_id,),
    )
    return row is not None


def _not_overtaken(case: Case, seen: int | None) -> None:
    if seen is None or seen == case.version:
        return
    steps = [event for event in case.history if event.action not in ("opened", "mention", "note")]
    last = steps[-1] if steps else case.history[-1]
    raise Conflict(
        f"{last.by} took a step meanwhile ({last.action}, {last.at:%H:%M} UTC). Nothing was changed;"
        " look at the case again, your draft is kept."
    )
