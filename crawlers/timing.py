"""Which source is due, how long to wait after trouble, and when silence is an alarm: decisions without a clock,
a network or a database of their own. `crawlers.schedule` acts on them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from index.errors import AuthFailed, Blocked, QuotaExhausted, Retry, SettingsError, SourceError, Throttled
from index.settings import Source
from index.sources import ErrorKind, Standing

FIRST_BACK_OFF = 30.0  # seconds after the first failure; doubled with each one in a row
LONGEST_BACK_OFF = 3_600.0
CIRCUIT_OPEN = 1_800.0  # seconds a source rests after it refused us: the least that Weibo's web wants
AUTH_AGAIN = 3_600.0  # seconds until a refused token is tried again, should it have been renewed on their side
CLOCK_WRONG = timedelta(hours=1)  # a poll further ahead was written down by a clock that has been set right since
JITTER = 0.1  # share of a wait that is random, so that sources of one site do not march in step


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to write down after a failure."""

    kind: ErrorKind
    message: str
    next_poll_at: datetime


def kind_of(error: SourceError | SettingsError) -> ErrorKind:
    """One word for an error; the order matters, as a spent quota is also a throttle."""
    kinds: tuple[tuple[type[Exception], ErrorKind], ...] = (
        (QuotaExhausted, "quota"),
        (Throttled, "throttled"),
        (Retry, "retry"),
        (AuthFailed, "auth"),
        (Blocked, "blocked"),
    )
    return next((kind for cls, kind in kinds if isinstance(error, cls)), "error")


def after_failure(error: SourceError | SettingsError, failures: int, now: datetime, dice: random.Random) -> Verdict:
    """When to try again. `failures` counts those in a row before this one."""
    kind = kind_of(error)
    if isinstance(error, Throttled):
        seconds = max(error.seconds, 1.0) * (1 + JITTER * dice.random())
    elif kind == "auth":
        seconds = AUTH_AGAIN
    elif kind == "blocked":
        seconds = CIRCUIT_OPEN * (1 + JITTER * dice.random())
    else:
        seconds = back_off(failures, dice)
    return Verdict(kind=kind, message=str(error), next_poll_at=now + timedelta(seconds=seconds))


def back_off(failures: int, dice: random.Random) -> float:
    """Seconds after `failures` failures before this one: exponential, half of it random ("equal jitter")."""
    longest = min(FIRST_BACK_OFF * 2.0 ** min(failures, 20), LONGEST_BACK_OFF)
    return longest * (0.5 + 0.5 * dice.random())


def after_success(source: Source, wait: float | None, now: datetime, dice: random.Random) -> datetime:
    """The next poll: the source's interval, or the platform's wish when that is longer."""
    seconds = max(source.every, wait or 0.0)
    return now + timedelta(seconds=seconds * (1 + JITTER * (dice.random() - 0.5)))


def due_at(standing: Standing | None, fingerprint: str, now: datetime) -> datetime:
    """When a source is due. Changed settings, or a new token, end every wait but the platform's own."""
    if standing is None or standing.next_poll_at is None:
        return now
    if standing.last_poll_at is not None and standing.last_poll_at - now > CLOCK_WRONG:
        return now
    changed = standing.fingerprint is not None and standing.fingerprint != fingerprint
    if changed and standing.error_kind not in ("throttled", "quota"):
        return now
    return standing.next_poll_at


def due(
    sources: Iterable[Source], standings: Mapping[str, Standing], fingerprints: Mapping[str, str], now: datetime
) -> list[Source]:
    """The enabled sources whose time has come, the longest overdue first."""
    times = [(due_at(standings.get(s.name), fingerprints[s.name], now), s.name, s) for s in sources if s.enabled]
    return [source for moment, _, source in sorted(times, key=lambda each: each[:2]) if moment <= now]
