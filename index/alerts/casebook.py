"""The tables of cases: opening, merging, reading. Every function works inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from index.alerts.rules import Match
from index.documents import Author, Case, CaseEvent, Record
from index.records.protocol import Reader, Row, Transaction

DESK = "desk"
COLUMNS = (
    "id, rule, topic, brand, state, reason_en, reason_zh, opened_at, due_at, updated_at, author, assignee,"
    " praise, version, snoozed_until"
)
_decode_author = msgspec.json.Decoder(Author).decode


def open_or_merge(
    transaction: Transaction, match: Match, record: Record, now: datetime, by: str = "rules"
) -> str | None:
    """Put a mention into its case, opening one when none is open; returns the case id, None when the mention
    was in a case of this brand already."""
    mention = record.mention
    key = (match.brand, author_key(record), match.topic, int(match.praise))
    known = transaction.all(
        "SELECT 1 FROM case_mentions WHERE mention_id = ? AND brand = ?",
        (mention.id, match.brand),
    )
    if known:
        return None
    found = transaction.all(
        "SELECT id FROM cases WHERE brand = ? AND author_key = ? AND topic = ? AND praise = ?"
        " AND state <> 'closed'",
        key,
    )
    case_id = found[0][0] if found else _open(transaction, key, match, record, now, by)
    if found:
        _merge(transaction, case_id, match, record, now, by)
    transaction.run(
        "INSERT INTO case_mentions VALUES (?, ?, ?, ?)",
        (mention.id, match.brand, case_id, stamp(mention.published_at)),
    )
    _queue(transaction, case_id, mention.id, match.channels, now)
    return case_id


def author_key(record: Record) -> str:
    """Whose case it is: the author, or the mention itself where nobody is named."""
    author = record.mention.author
    return author.id if author else record.mention.id


def case_id_of(brand: str, author: str, topic: str, praise: int, round_: int) -> str:
    """The same on every machine, so that a repeat after a crash is the same case."""
    key = json.dumps([brand, author, topic, praise, round_], ensure_ascii=False)
    return f"case-{blake2b(key.encode(), digest_size=8).hexdigest()}"


def add_event(
    transaction: Transaction, case_id: str, at: datetime, by: str, action: str, detail: str | None = None
) -> None:
    transaction.run(
        "INSERT INTO case_events (case_id, at, by, action, detail) VALUES (?, ?, ?, ?, ?)",
        (case_id, stamp(at), by, action, detail),
    )
    transaction.run(
        "UPDATE cases SET updated_at = CASE WHEN updated_at < ?1 THEN ?1 ELSE updated_at END WHERE id = ?2",
        (stamp(at), case_id),
    )


def read_cases(records: Reader, found: Sequence[Row]) -> list[Case]:
    """Cases from rows of COLUMNS, with their mentions, history and customers: four statements for any number."""
    ids = [row[0] for row in found]
    mentions = _grouped(
        records,
        "SELECT case_id, mention_id FROM case_mentions WHERE case_id IN (SELECT value FROM json_each(?))"
        " ORDER BY published_at, mention_id",
        ids,
    )
    events = _grouped(
        records,
        "SELECT case_id, at, by, action, detail FROM case_events"
        " WHERE case_id IN (SELECT value FROM json_each(?)) ORDER BY id",
        ids,
    )
    customers = _grouped(
        records,
        "SELECT c.id, l.customer_id FROM cases c JOIN links l ON l.author_id = c.author_key AND l.status = 'linked'"
        " WHERE c.id IN (SELECT value FROM json_each(?))",
        ids,
    )
    return [_case(row, mentions[row[0]], events[row[0]], customers[row[0]]) for row in found]


def forget_author(transaction: Transaction, author_id: str) -> int:
    """Remove the cases of an erased author; returns how many."""
    return transaction.run("DELETE FROM cases WHERE author_key = ?", (author_id,))


def forget_replies(transaction: Transaction, author_ids: Iterable[str]) -> None:
    """Remove what was written to these authors, for a customer who was erased: it may hold their name."""
    mine = "SELECT id FROM cases WHERE author_key IN (SELECT value FROM json_each(?))"
    authors = list(author_ids)
    transaction.run(f"DELETE FROM case_drafts WHERE case_id IN ({mine})", (authors,))  # noqa: S608
    transaction.run(
        f"UPDATE case_events SET detail = NULL WHERE action IN ('replied', 'note') AND case_id IN ({mine})",  # noqa: S608
        (authors,),
    )


def stamp(moment: datetime) -> str:
    """A time as kept in the tables: UTC ISO text, which sorts as time does."""
    return moment.astimezone(UTC).isoformat()


def _open(
    transaction: Transaction,
    key: tuple[str, str, str, int],
    match: Match,
    record: Record,
    now: datetime,
    by: str,
) -> str:
    earlier = transaction.all(
        "SELECT count(*) FROM cases WHERE brand = ? AND author_key = ? AND topic = ? AND praise = ?",
        key,
    )
    round_ = earlier[0][0]
    case_id = case_id_of(*key, round_)
    at, due = stamp(now), stamp(now + timedelta(minutes=match.minutes))
    transaction.run(
        "INSERT INTO cases (id, brand, author_key, topic, praise, round, rule, reason_en, reason_zh, minutes,"
        " lang, author, state, opened_at, due_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', ?, ?, ?)",
        (
            case_id,
            *key,
            round_,
            match.rule,
            match.reason_en,
            match.reason_zh,
            match.minutes,
            record.analysis.lang,
            _author(record),
            at,
            due,
            at,
        ),
    )
    add_event(transaction, case_id, now, by, "opened", record.mention.id)
    return case_id


def _merge(transaction: Transaction, case_id: str, match: Match, record: Record, now: datetime, by: str) -> None:
    """A later mention: the case wakes, a replied one is open again, and the more urgent reason stands."""
    due = stamp(now + timedelta(minutes=match.minutes))
    transaction.run(
        "UPDATE cases SET rule = ?1, reason_en = ?2, reason_zh = ?3, minutes = ?4 WHERE id = ?5 AND minutes > ?4",
        (match.rule, match.reason_en, match.reason_zh, match.minutes, case_id),
    )
    transaction.run(
        "UPDATE cases SET due_at = CASE WHEN state = 'replied' OR due_at > ?1 THEN ?1 ELSE due_at END,"
        " state = CASE WHEN state <> 'replied' THEN state WHEN assignee IS NULL THEN 'new' ELSE 'assigned' END,"
        " snoozed_until = NULL, lang = ?2, author = coalesce(?3, author) WHERE id = ?4",
        (due, record.analysis.lang, _author(record), case_id),
    )
    add_event(transaction, case_id, now, by, "mention", record.mention.id)


def _queue(transaction: Transaction, case_id: str, mention_id: str, channels: Sequence[str], now: datetime) -> None:
    """One delivery per case and channel: a rule that joins later reaches its own channels only."""
    transaction.many(
        "INSERT INTO outbox (case_id, mention_id, channel, created_at, next_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(case_id, mention_id, name, stamp(now), stamp(now)) for name in dict.fromkeys((DESK, *channels))],
    )


def _author(record: Record) -> str | None:
    author = record.mention.author
    return msgspec.json.encode(author).decode() if author else None


def _grouped(records: Reader, sql: str, ids: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {id_: [] for id_ in ids}
    for case_id, *rest in records.all(sql, (list(ids),)):
        found[case_id].append(tuple(rest))
    return found


def _case(row: Row, mentions: Sequence[Row], events: Sequence[Row], customers: Sequence[Row]) -> Case:
    (id_, rule, topic, brand, state, reason, reason_zh, opened, due, updated, author) = row[:11]
    (assignee, praise, version, snoozed) = row[11:]
    return Case(
        id=id_,
        rule=rule,
        topic=topic,
        brand=brand,
        state=state,
        reason=reason,
        reason_zh=reason_zh,
        opened_at=datetime.fromisoformat(opened),
        due_at=datetime.fromisoformat(due),
        updated_at=datetime.fromisoformat(updated),
        author=_decode_author(author) if author else None,
        customer_id=customers[0][0] if customers else None,
        mention_ids=tuple(mention for (mention,) in mentions),
        assignee=assignee,
        praise=bool(praise),
        version=version,
        snoozed_until=datetime.fromisoformat(snoozed) if snoozed else None,
        history=tuple(_event(*event) for event in events),
    )


def _event(at: str, by: str, action: str, detail: str | None) -> CaseEvent:
    return CaseEvent(at=datetime.fromisoformat(at), by=by, action=action, detail=detail)
