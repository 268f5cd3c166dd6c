"""Where each source stands: its cursor and its health, kept in the records database.

A cursor is saved only after the items before it are durably in the inbox, so a crash re-reads and never skips.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from index.claims import still_claimed
from index.documents import Document
from index.records import open_records
from index.records.protocol import Records, Row
from index.settings import Settings, Source

State = Literal["ok", "silent", "failing", "blocked", "never", "disabled"]
ErrorKind = Literal["retry", "throttled", "quota", "auth", "blocked", "error"]

_COLUMNS = (
    "name, platform, first_at, last_poll_at, last_seen_at, next_poll_at, last_error, error_kind, failures,"
    " polls, items, fingerprint"
)


class SourceHealth(Document, frozen=True, kw_only=True):
    """What the Sources page shows of one source. `items` counts what it handed to the inbox in all."""

    name: str
    platform: str | None
    state: State
    last_poll_at: datetime | None = None
    last_seen_at: datetime | None = None
    next_poll_at: datetime | None = None
    last_error: str | None = None
    error_kind: ErrorKind | None = None
    failures: int = 0
    polls: int = 0
    items: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One row as the schedule reads it."""

    name: str
    platform: str | None = None
    first_at: datetime | None = None
    last_poll_at: datetime | None = None
    last_seen_at: datetime | None = None
    next_poll_at: datetime | None = None
    last_error: str | None = None
    error_kind: ErrorKind | None = None
    failures: int = 0
    polls: int = 0
    items: int = 0
    fingerprint: str | None = None


def fingerprint(source: Source, secret: str | None = None) -> str:
    """Changes when the settings or the secret of a source change; tells nothing about the secret."""
    facts = msgspec.json.encode(source, order="deterministic")
    return hashlib.blake2b(facts, key=(secret or "").encode()[:64], digest_size=8).hexdigest()


class Sources:
    """Safe from several processes at once. Raises StoreError when the records database is unusable."""

    def __init__(self, settings: Settings, records: Records | None = None) -> None:
        self.records = records or open_records(settings)

    def cursor(self, name: str) -> dict[str, Any]:
        """Where to go on; {} for a source that was never read."""
        row = self.records.one("SELECT cursor FROM sources WHERE name = ?", (name,))
        cursor: dict[str, Any] = msgspec.json.decode(row[0]) if row else {}
        return cursor

    def recent(self, name: str) -> bytes:
        """What `save` was given as `recent`; empty for a source that was never read."""
        row = self.records.one("SELECT recent FROM sources WHERE name = ?", (name,))
        return bytes(row[0]) if row else b""

    def save(
        self,
        name: str,
        cursor: dict[str, Any],
        new_items: int,
        at: datetime,
        *,
        alive: bool = False,
        recent: bytes | None = None,
        platform: str | None = None,
        next_poll_at: datetime | None = None,
        fingerprint: str | None = None,
        owner: str | None = None,
    ) -> None:
        """A good answer: move the cursor, forget the last error. `alive`: something new was read, even if it
        spoke of no brand. `owner`: of the claim it was polled under; raises Conflict when another has it now."""
        seen = _seconds(at) if new_items or alive else None
        self._write(
            """INSERT INTO sources (name, platform, cursor, recent, fingerprint, first_at, last_poll_at,
                                    last_seen_at, next_poll_at, polls, items)
               VALUES (:name, :platform, :cursor, coalesce(:recent, :nothing), :fingerprint, :at, :at, :seen,
                       :next, 1, :new)
               ON CONFLICT (name) DO UPDATE SET
                   platform = coalesce(excluded.platform, sources.platform), cursor = excluded.cursor,
                   recent = coalesce(:recent, sources.recent),
                   fingerprint = coalesce(excluded.fingerprint, sources.fingerprint),
                   last_poll_at = excluded.last_poll_at,
                   last_seen_at = coalesce(excluded.last_seen_at, sources.last_seen_at),
                   next_poll_at = excluded.next_poll_at, last_error = NULL, error_kind = NULL, failures = 0,
                   polls = sources.polls + 1, items = sources.items + excluded.items""",
            {
                "name": name, "platform": platform, "cursor": msgspec.json.encode(cursor).decode(),
                "recent": recent, "nothing": b"", "fingerprint": fingerprint, "at": _seconds(at), "seen": seen,
                "next": _seconds(next_poll_at), "new": new_items,
            },
            owner,
        )  # fmt: skip

    def fail(
        self,
        name: str,
        kind: ErrorKind,
        message: str,
        next_poll_at: datetime | None,
        *,
        at: datetime | None = None,
        platform: str | None = None,
        fingerprint: str | None = None,
        owner: str | None = None,
    ) -> None:
        """A bad answer: keep the cursor, note the error. `owner` as in `save`."""
        self._write(
            """INSERT INTO sources (name, platform, fingerprint, first_at, last_poll_at, next_poll_at, last_error,
                                    error_kind, failures, polls)
               VALUES (:name, :platform, :fingerprint, :at, :at, :next, :error, :kind, 1, 1)
               ON CONFLICT (name) DO UPDATE SET
                   platform = coalesce(excluded.platform, sources.platform),
                   fingerprint = coalesce(excluded.fingerprint, sources.fingerprint),
                   last_poll_at = excluded.last_poll_at, next_poll_at = excluded.next_poll_at,
                   last_error = excluded.last_error, error_kind = excluded.error_kind,
                   failures = sources.failures + 1, polls = sources.polls + 1""",
            {
                "name": name, "platform": platform, "fingerprint": fingerprint,
                "at": _seconds(at or datetime.now(UTC)), "next": _seconds(next_poll_at), "error": message[:2000],
                "kind": kind,
            },
            owner,
        )  # fmt: skip

    def seen(self, name: str, at: datetime, items: int = 1, *, platform: str | None = None) -> None:
        """Something came in without a poll: a file was imported, a mention was pushed."""
        self.records.run(
            """INSERT INTO sources (name, platform, first_at, last_seen_at, items)
               VALUES (:name, :platform, :at, :at, :items)
               ON CONFLICT (name) DO UPDATE SET
                   platform = coalesce(excluded.platform, sources.platform),
                   last_seen_at = CASE WHEN sources.last_seen_at > excluded.last_seen_at THEN sources.last_seen_at
                                       ELSE excluded.last_seen_at END,
                   items = sources.items + excluded.items""",
            {"name": name, "platform": platform, "at": _seconds(at), "items": items},
        )

    def standings(self) -> dict[str, Standing]:
        """Every source that was ever tried, by name."""
        rows = self.records.all(f"SELECT {_COLUMNS} FROM sources ORDER BY name")  # noqa: S608 (a constant)
        return {row[0]: _standing(row) for row in rows}

    def health(self, settings: Settings, now: datetime | None = None) -> list[SourceHealth]:
        """The configured sources in the order of the settings, then what was imported or is configured no
        more, by name."""
        now, standings = now or datetime.now(UTC), self.standings()
        listed = [_health(source, standings.pop(source.name, None), now) for source in settings.sources]
        return listed + [_health(None, standing, now) for standing in standings.values()]

    def close(self) -> None:
        self.records.close()

    def _write(self, sql: str, values: dict[str, Any], owner: str | None) -> None:
        with self.records.write() as transaction:
            if owner is not None:
                still_claimed(transaction, values["name"], owner)
            transaction.run(sql, values)


def state_of(source: Source | None, standing: Standing | None, now: datetime) -> State:
    """One word on a source. `source` is None for what has no [[sources]] entry, such as a file import."""
    if source is not None and not source.enabled:
        return "disabled"
    if standing is None or (standing.polls == 0 and standing.last_seen_at is None):
        return "never"
    if standing.error_kind in ("blocked", "auth"):
        return "blocked"
    if standing.error_kind is not None:
        return "failing"
    return "silent" if source is not None and _is_silent(source, standing, now) else "ok"


def _is_silent(source: Source, standing: Standing, now: datetime) -> bool:
    since = standing.last_seen_at or standing.first_at or now
    return now - since > timedelta(seconds=source.silent_after)


def _health(source: Source | None, standing: Standing | None, now: datetime) -> SourceHealth:
    state = state_of(source, standing, now)
    if standing is None:
        name, platform = (source.name, source.platform) if source else ("", None)
        return SourceHealth(name=name, platform=platform, state=state)
    return SourceHealth(
        name=standing.name,
        platform=source.platform if source else standing.platform,
        state=state,
        last_poll_at=standing.last_poll_at,
        last_seen_at=standing.last_seen_at,
        next_poll_at=standing.next_poll_at,
        last_error=standing.last_error,
        error_kind=standing.error_kind,
        failures=standing.failures,
        polls=standing.polls,
        items=standing.items,
    )


def _standing(row: Row) -> Standing:
    name, platform, first, poll, seen, following, error, kind, failures, polls, items, mark = row
    return Standing(
        name=name,
        platform=platform,
        first_at=_moment(first),
        last_poll_at=_moment(poll),
        last_seen_at=_moment(seen),
        next_poll_at=_moment(following),
        last_error=error,
        error_kind=kind,
        failures=failures,
        polls=polls,
        items=items,
        fingerprint=mark,
    )


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
