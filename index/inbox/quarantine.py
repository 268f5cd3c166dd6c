"""What could not be used, kept raw with the reason: the second table of the SQLite inbox.

Every function works inside the transaction its caller has opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from index.database import Database, Row
from index.documents import Mention
from index.inbox.protocol import Quarantined

FIELDS = "id, source, reason, raw, place, at, batch, mention, given_up"
_mention = msgspec.json.Decoder(Mention)


def keep_raw(
    database: Database, source: str, raw: bytes, reason: str, *, place: str | None, batch: str, at: float
) -> bool:
    """Keep what never became a mention; whether it is new. The same bytes again renew reason and place."""
    key = (source, fingerprint_of(raw))
    known = database.one("SELECT 1 FROM quarantine WHERE source=? AND fingerprint=?", key)
    _keep(database, (*key, reason, raw, place, at, batch, None, None, False))
    return known is None


def keep_item(database: Database, item: Row, reason: str, *, at: float, given_up: bool) -> None:
    """Keep an item of the queue, `item` being (id, source, batch, author, mention, raw). The same mention
    again replaces its older entry."""
    mention_id, source, batch, author, mention, raw = item
    key = (source, fingerprint_of(f"mention {mention_id}".encode()))
    kept = mention if raw is None else raw
    _keep(database, (*key, reason, kept, None, at, batch, author, mention, given_up))


def _keep(database: Database, row: Row) -> None:
    """Replacing gives a new id: a replay that is taking the older entry out must not take this one along."""
    database.connection.execute(
        """INSERT OR REPLACE INTO quarantine
           (source, fingerprint, reason, raw, place, at, batch, author, mention, given_up)
           VALUES (?,?,?,?,?,?,?,?,?,?)""",
        row,
    )


def newest(database: Database, source: str | None, limit: int, before: int | None) -> list[Quarantined]:
    """A page of entries, newest first."""
    rows = database.all(
        f"""SELECT {FIELDS} FROM quarantine
            WHERE (:source IS NULL OR source=:source) AND (:before IS NULL OR id<:before)
            ORDER BY id DESC LIMIT :limit""",  # noqa: S608
        {"source": source, "before": before, "limit": limit},
    )
    return [_entry(row) for row in rows]


def take(database: Database, ids: Sequence[int]) -> list[Quarantined]:
    """Remove these entries and return them."""
    sql = f"DELETE FROM quarantine WHERE id=? RETURNING {FIELDS}"  # noqa: S608
    return [_entry(row) for each in ids for row in database.all(sql, (each,))]


def erase_author(database: Database, author_id: str) -> int:
    """Remove an author's entries: by the mention, else by the account's native id in the raw answer, where a
    backslash may hide it."""
    names = names_of(author_id)
    rows = database.all(
        "SELECT id, author, raw FROM quarantine WHERE author=?"
        " OR (author IS NULL AND (instr(raw, ?) OR instr(raw, ?)))",
        (author_id, min(names, key=len).encode(), b"\\"),
    )
    gone = [(each,) for each, author, raw in rows if author or says(raw, names)]
    database.connection.executemany("DELETE FROM quarantine WHERE id=?", gone)
    return len(gone)


def names_of(author_id: str) -> set[str]:
    """How an account is called in a raw answer: with its platform, and as the platform itself does."""
    return {author_id, author_id.partition(":")[2] or author_id}


def says(raw: bytes, wanted: set[str]) -> bool:
    """Whether a value in this JSON is one of `wanted`; of other text, whether it has one as whole words."""
    try:
        pending = [json.loads(raw)]
    except (ValueError, RecursionError):
        one = "|".join(map(re.escape, wanted))
        return re.search(rf"(?<![\w:.-])(?:{one})(?![\w:.-])", raw.decode(errors="replace")) is not None
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif str(value) in wanted:
            return True
    return False


def _entry(row: Row) -> Quarantined:
    number, source, reason, raw, place, at, batch, mention, given_up = row
    return Quarantined(
        id=number,
        source=source,
        reason=reason,
        raw=raw,
        place=place,
        at=datetime.fromtimestamp(at, UTC),
        batch=batch or None,
        mention=readable(mention),
        given_up=bool(given_up),
    )


def readable(mention: bytes | None) -> Mention | None:
    """The mention of an entry, None when it has none or one that this version cannot read."""
    try:
        return _mention.decode(mention) if mention is not None else None
    except msgspec.MsgspecError:  # kept by a version whose documents were different: `raw` is still there
        return None


def fingerprint_of(data: bytes) -> bytes:
    """What makes two entries of a source the same."""
    return blake2b(data, digest_size=16).digest()
