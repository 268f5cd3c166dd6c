"""Where each source stands: its cursor and its health, kept in the records database.

A cursor is saved only after the items before it are durably in the inbox, so a crash re-reads and never skips.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import apsw
import msgspec

from index.database import Database, Row
from index.documents import Document
from index.errors import StoreError
from index.settings import Settings, Source

State = Literal["ok", "silent", "failing", "blocked", "never", "disabled"]
ErrorKind = Literal["retry", "throttled", "quota", "auth", "blocked", "error"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    name TEXT PRIMARY KEY,
    platform TEXT,
    cursor TEXT NOT NULL DEFAULT '{}',
    recent BLOB NOT NULL DEFAULT x'',   -- marks of the raw items read last, see crawlers/recent.py
    fingerprint TEXT,                   -- of the settings it was last polled with: a change ends a stop
    first_at REAL NOT NULL,             -- when it was first tried: silence counts from here when nothing came
    last_poll_at REAL,                  -- last answer, good or bad
    last_seen_at REAL,                  -- last time something new came in
    next_poll_at REAL,
    last_error TEXT,                    -- NULL when the last poll was good
    error_kind TEXT,
    failures INTEGER NOT NULL DEFAULT 0, -- in a row
    polls INTEGER NOT NULL DEFAULT 0,
    items INTEGER NOT NULL DEFAULT 0
) STRICT
"""

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

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.path(settings.records), _SCHEMA)

    def cursor(self, name: str) -> dict[str, Any]:
        """Where to go on; {} for a source that was never read."""
        row = self._database.one("SELECT cursor FROM sources WHERE name = ?", (name,))
        cursor: dict[str, Any] = msgspec.json.decode(row[0]) if row else {}
        return cursor

    def recent(self, name: str) -> bytes:
        """What `save` was given as `recent`; empty for a source that was never read."""
        row = self._database.one("SELECT recent FROM sources WHERE name = ?", (name,))
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
    ) -> None:
        """A good answer: move the cursor, forget the last error. `alive`: something new was read, even if it
        spoke of no brand."""
        seen = _seconds(at) if new_items or alive else None
        self._write(
            """INSERT INTO sources (name, platform, cursor, recent, fingerprint, first_at, last_poll_at,
                                    last_seen_at, next_poll_at, polls, items)
               VALUES (:name, :platform, :cursor, coalesce(:recent, x''), :fingerprint, :at, :at, :seen, :next, 1,
                       :new)
               ON CONFLICT (name) DO UPDATE SET
                   platform = coalesce(:platform, platform), cursor = :cursor, recent = coalesce(:recent, recent),
                   fingerprint = coalesce(:fingerprint, fingerprint), last_poll_at = :at,
                   last_seen_at = coalesce(:seen, last_seen_at), next_poll_at = :next,
                   last_error = NULL, error_kind = NULL, failures = 0, polls = polls + 1, items = items + :new""",
            {
                "name": name, "platform": platform, "cursor": msgspec.json.encode(cursor).decode(),
                "recent": recent, "fingerprint": fingerprint, "at": _seconds(at), "seen": seen,
                "next": _seconds(next_poll_at), "new": new_items,
            },
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
    ) -> None:
        """A bad answer: keep the cursor, note the error."""
        self._write(
            """INSERT INTO sources (name, platform, fingerprint, first_at, last_poll_at, next_poll_at, last_error,
                                    error_kind, failures, polls)
               VALUES (:name, :platform, :fingerprint, :at, :at, :next, :error, :kind, 1, 1)
               ON CONFLICT (name) DO UPDATE SET
                   platform = coalesce(:platform, platform),
                   fingerprint = coalesce(:fingerprint, fingerprint), last_poll_at = :at, next_poll_at = :next,
                   last_error = :error, error_kind = :kind, failures = failures + 1, polls = polls + 1""",
            {
                "name": name, "platform": platform, "fingerprint": fingerprint,
                "at": _seconds(at or datetime.now(UTC)), "next": _seconds(next_poll_at), "error": message[:2000],
                "kind": kind,
            },
        )  # fmt: skip

    def seen(self, name: str, at: datetime, items: int = 1, *, platform: str | None = None) -> None:
        """Something came in without a poll: a file was imported, a mention was pushed."""
        self._write(
            """INSERT INTO sources (name, platform, first_at, last_seen_at, items)
               VALUES (:name, :platform, :at, :at, :items)
               ON CONFLICT (name) DO UPDATE SET
                   platform = coalesce(:platform, platform),
                   last_seen_at = max(coalesce(last_seen_at, 0), :at), items = items + :items""",
            {"name": name, "platform": platform, "at": _seconds(at), "items": items},
        )

    def standings(self) -> dict[str, Standing]:
        """Every source that was ever tried, by name."""
        rows = self._all(f"SELECT {_COLUMNS} FROM sources ORDER BY name")  # noqa: S608 (a constant)
        return {row[0]: _standing(row) for row in rows}

    def health(self, settings: Settings, now: datetime | None = None) -> list[SourceHealth]:
        """The configured sources in the order of the settings, then what was imported or is configured no
        more, by name."""
        now, standings = now or datetime.now(UTC), self.standings()
        listed = [_health(source, standings.pop(source.name, None), now) for source in settings.sources]
        return listed + [_health(None, standing, now) for standing in standings.values()]

    def close(self) -> None:
        self._database.close()

    def _write(self, sql: str, values: dict[str, Any]) -> None:
        try:
            with self._database.write() as connection:
                connection.execute(sql, values)
        except apsw.Error as error:
            raise StoreError(f"{self._database.path} cannot be written: {error}. Check free space.") from error

    def _all(self, sql: str) -> list[Row]:
        try:
            return self._database.all(sql)
        except apsw.Error as error:
            raise StoreError(f"{self._database.path} cannot be read: {error}.") from error


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
