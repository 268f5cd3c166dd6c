"""Sends what the outbox holds: at least once, again after a fault, kept and shown when given up."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from index import log, metrics
from index.alerts.casebook import DESK, stamp
from index.alerts.cases import Cases
from index.alerts.channels import open_channel
from index.alerts.channels.protocol import Channel
from index.audit import record_act
from index.documents import Document, Record
from index.errors import AuthFailed, Blocked, SettingsError, SourceError, StoreError, Throttled
from index.records import open_records
from index.records.protocol import Records, Row, Transaction
from index.settings import Channel as ChannelSettings
from index.settings import Settings
from index.stores.protocol import Store

MAX_TRIES = 12  # with the pauses below about three hours: a receiver's bad evening, not its bad week
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0  # seconds, doubling
PERSON_PAUSE = 900.0  # a wrong secret or address is looked at again after a person may have mended it
LEASE = 120.0  # seconds until another process may send what this one was sending; longer than any timeout
ENDS = ("sent", "dropped", "given_up")
Fault = SourceError | SettingsError
_log = log.get("delivery")


class Delivery(Document, frozen=True, kw_only=True):
    """One case to one channel. `state`: waiting, sent, given_up (kept), dropped (the mention was removed)."""

    id: int
    case_id: str
    channel: str
    state: str
    tries: int
    next_at: datetime
    sent_at: datetime | None = None
    error: str | None = None


class Deliverer:
    """Any number of processes may run one each. `jitter` spreads retries: a factor around 1."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        records: Records | None = None,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),
    ) -> None:
        self.records = records or open_records(settings)
        self._settings = settings
        self._store = store
        self._cases = Cases(settings, self.records)
        self._jitter = jitter
        self._known = {channel.name: channel for channel in settings.channels}
        self._known[DESK] = ChannelSettings(name=DESK, type=DESK)
        self._open: dict[str, Channel] = {}
        self._resting: dict[str, datetime] = {}

    def run(self, stop: threading.Event, every: float = 1.0) -> None:
        """Deliver what is due until `stop` is set; meant for a thread of its own."""
        while not stop.is_set():
            pause = every
            try:
                self.deliver_due(stop=stop)
            except StoreError as error:
                _log.warning("alerts wait", reason=str(error))
                pause = FIRST_PAUSE
            except Exception:  # noqa: BLE001 - the thread's edge: alerts must go on, the lease brings it again
                _log.error("delivery failed", exc_info=True)
            stop.wait(pause)

    def deliver_due(self, now: datetime | None = None, stop: threading.Event | None = None) -> int:
        """Try everything that is due, once; returns how many were sent.

        A channel that fails is left alone for the rest of the pass, a throttled one until its time. Raises
        StoreError when mentions or cases cannot be read; that costs no delivery a try.
        """
        tired = {name for name, until in self._resting.items() if until > (now or datetime.now(UTC))}
        sent = 0
        while not (stop and stop.is_set()):
            at = now or datetime.now(UTC)
            row = self._claim(at, tired)
            if row is None:
                break
            try:
                result = self._attempt(row, at)
            except StoreError:
                self.records.run(
                    "UPDATE outbox SET tries = tries - 1, next_at = ? WHERE id = ?", (stamp(at), row[0])
                )
                raise
            sent += result == "sent"
            if result not in ENDS:
                tired.add(row[3])
            metrics.DELIVERIES.labels(row[3], result).inc()
        return sent

    def _attempt(self, row: Row, now: datetime) -> str:
        """Send one delivery and write down how it ended: one of ENDS, or the name of the fault of its channel."""
        id_, case_id, mention_id, name, tries = row
        if tries > MAX_TRIES:  # only a process that died while sending gets here
            return self._end(id_, "given_up", now, "Each try was cut off; see the log.")
        record = self._store.get([mention_id])[0]
        if record is None:
            return self._end(id_, "dropped", now, "The mention was removed before it was sent.")
        fault = self._send(case_id, record, name)
        if fault is None:
            return self._end(id_, "sent", now)
        self._put_off(id_, name, tries, fault, now)
        return type(fault).__name__

    def _claim(self, now: datetime, tired: set[str]) -> Row | None:
        """Borrow the delivery that is due longest; the try is counted before, so a crash counts too."""
        due = (
            "SELECT id, case_id, mention_id, channel, tries + 1 FROM outbox WHERE state = 'waiting'"
            " AND next_at <= ? AND channel NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at, id LIMIT 1"
        )
        values = (stamp(now), sorted(tired))
        if self.records.one(due, values) is None:
            return None
        with self.records.write() as transaction:
            row = transaction.one(due, values)
            if row is not None:
                transaction.run(
                    "UPDATE outbox SET tries = tries + 1, next_at = ? WHERE id = ?",
                    (stamp(now + timedelta(seconds=LEASE)), row[0]),
                )
        return row

    def _send(self, case_id: str, record: Record, name: str) -> Fault | None:
        try:
            self._channel(name).send(self._cases.get(case_id), record, self._settings)
        except (SourceError, SettingsError) as fault:
            _log.warning("not delivered", channel=name, case=case_id, error=str(fault))
            return fault
        return None

    def _channel(self, name: str) -> Channel:
        if name not in self._known:
            raise SettingsError(f"Channel {name!r} has no [[channels]] entry any more.")
        if name not in self._open:
            self._open[name] = open_channel(self._known[name], self._settings)
        return self._open[name]

    def _end(self, id_: int, state: str, now: datetime, error: str | None = None) -> str:
        self.records.run(
            "UPDATE outbox SET state = ?, sent_at = ?, error = ? WHERE id = ?",
            (state, stamp(now) if state == "sent" else None, error, id_),
        )
        return state

    def _put_off(self, id_: int, name: str, tries: int, fault: Fault, now: datetime) -> None:
        if tries >= MAX_TRIES:
            self._end(id_, "given_up", now, str(fault))
            return
        until = now + timedelta(seconds=pause(fault, tries) * self._jitter())
        if isinstance(fault, Throttled):
            until = now + timedelta(seconds=max(fault.seconds, 1.0))
            self._resting[name] = until
        self.records.run("UPDATE outbox SET next_at = ?, error = ? WHERE id = ?", (stamp(until), str(fault), id_))


def pause(fault: Fault, tries: int) -> float:
    """Seconds until the next try after `tries` of them."""
    if isinstance(fault, AuthFailed | Blocked | SettingsError):
        return PERSON_PAUSE
    return float(min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE))


def deliveries(records: Records, state: str | None = None, *, limit: int = 100) -> list[Delivery]:
    """What was or is to be sent, newest first."""
    found = records.all(
        "SELECT id, case_id, channel, state, tries, next_at, sent_at, error FROM outbox"
        " WHERE ?1 IS NULL OR state = ?1 ORDER BY id DESC LIMIT ?2",
        (state, limit),
    )
    return [_delivery(row) for row in found]


def send_again(records: Records, ids: Sequence[int], *, by: str) -> int:
    """A person gives alerts that were given up another chance; returns how many wait now. What is no longer
    given up is left alone: a colleague may have been faster."""
    at = datetime.now(UTC)
    with records.write() as transaction:
        return sum(_again(transaction, at, id_, by) for id_ in ids)


def _again(transaction: Transaction, at: datetime, id_: int, by: str) -> bool:
    changed = transaction.run(
        "UPDATE outbox SET state = 'waiting', tries = 0, next_at = ? WHERE id = ? AND state = 'given_up'",
        (stamp(at), id_),
    )
    if changed:
        record_act(transaction, at, who=by, what="delivery.again", subject=str(id_), why=None)
    return bool(changed)


def _delivery(row: Row) -> Delivery:
    id_, case_id, channel, state, tries, next_at, sent_at, error = row
    return Delivery(
        id=id_,
        case_id=case_id,
        channel=channel,
        state=state,
        tries=tries,
        next_at=datetime.fromisoformat(next_at),
        sent_at=datetime.fromisoformat(sent_at) if sent_at else None,
        error=error,
    )
