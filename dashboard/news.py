"""What is worth saying first: bursts of negative mentions, peaks, and what changed. Pure: counts in, facts out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Literal, NamedTuple

from index.stores.protocol import Bucket, SentimentCounts

HISTORY = timedelta(days=9)  # what find_burst wants to see: two days to judge, a week before them to compare
RECENT = timedelta(hours=24)  # a burst that ended earlier is no news
JUDGED = timedelta(hours=48)
QUIET = 2  # calm hours that do not end a burst
HOT = 2.5  # times the usual
LEAST = 8  # negative mentions: fewer are a few people's bad day
SIGMAS = 3.0  # the excess over the usual in units of its Poisson deviation
HOUR = timedelta(hours=1)


class Burst(NamedTuple):
    """Negative mentions far above the usual, from `start` to `end` (local time, whole hours, end exclusive).

    `times` is how many times the usual, None when there usually are none.
    """

    start: datetime
    end: datetime
    negatives: int
    times: float | None


class Change(NamedTuple):
    """An aspect and polarity that is spoken of more or less often, in mentions per hundred."""

    aspect: str
    sentiment: Literal["negative", "positive"]
    now: float
    before: float
    mentions: int


def find_burst(hours: Sequence[Bucket], now: datetime) -> Burst | None:
    """The latest burst of negative mentions, from hourly counts of HISTORY; `now` is local and naive."""
    negatives = {_hour(bucket.key): bucket.counts.negative for bucket in hours}
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    judged = [this_hour - HOUR * i for i in range(int(JUDGED / HOUR), -1, -1)]
    hot = [hour for hour in judged if _is_hot(negatives.get(hour, 0), _usual(negatives, hour))]
    if not hot or now - hot[-1] > RECENT:
        return None
    start = _start_of_run(hot)
    run = [hour for hour in judged if start <= hour <= hot[-1]]
    total, usual = sum(negatives.get(h, 0) for h in run), sum(_usual(negatives, h) for h in run)
    if total < LEAST or total < 2 * usual:
        return None
    return Burst(start, hot[-1] + HOUR, total, total / usual if usual >= 1 else None)


def _hour(key: str) -> datetime:
    return datetime.fromisoformat(key).replace(minute=0, second=0, microsecond=0, tzinfo=None)


def _usual(negatives: dict[datetime, int], hour: datetime) -> float:
    """The mean at this time of day (an hour more and less) of the seven days before the judged ones."""
    days = range(2, 9)
    seen = [negatives.get(hour - timedelta(days=d, hours=h), 0) for d in days for h in (-1, 0, 1)]
    return sum(seen) / len(seen)


def _is_hot(count: int, usual: float) -> bool:
    return count >= 3 and count >= HOT * usual and count - usual >= SIGMAS * math.sqrt(max(usual, 0.5))


def _start_of_run(hot: Sequence[datetime]) -> datetime:
    start = hot[-1]
    for hour in reversed(hot):
        if start - hour > HOUR * (QUIET + 1):
            break
        start = hour
    return start


def peaks(buckets: Sequence[Bucket]) -> list[str]:
    """Keys of the steps whose negative mentions stand out from the others of the picture."""
    if len(buckets) < 5:
        return []
    usual = median(bucket.counts.negative for bucket in buckets)
    return [
        bucket.key
        for bucket in buckets
        if bucket.counts.negative >= LEAST
        and bucket.counts.negative >= HOT * usual
        and bucket.counts.negative - usual >= SIGMAS * math.sqrt(max(usual, 1))
    ]


def total(buckets: Sequence[Bucket]) -> SentimentCounts:
    """All steps together."""
    return SentimentCounts(
        negative=sum(b.counts.negative for b in buckets),
        neutral=sum(b.counts.neutral for b in buckets),
        positive=sum(b.counts.positive for b in buckets),
        unsure=sum(b.counts.unsure for b in buckets),
    )


def changes(
    now: Sequence[Bucket], before: Sequence[Bucket], n_now: int, n_before: int, *, most: int = 6
) -> list[Change]:
    """Aspects spoken of clearly more or less often than before, the clearest first.

    `n_now` and `n_before` are all mentions of each stretch. Clear is a difference of two proportions of
    more than 2.6 standard errors (one in a hundred by chance).
    """
    if not n_now or not n_before:
        return []
    old = {bucket.key: bucket.counts for bucket in before}
    new = {bucket.key: bucket.counts for bucket in now}
    found: list[tuple[float, Change]] = []
    for aspect in sorted(new.keys() | old.keys()):
        for polarity in ("negative", "positive"):
            a = getattr(new.get(aspect), polarity, 0)
            b = getattr(old.get(aspect), polarity, 0)
            z = two_proportions(a, n_now, b, n_before)
            if abs(z) > 2.6 and max(a, b) >= 5:
                found.append((-abs(z), Change(aspect, polarity, 100 * a / n_now, 100 * b / n_before, a)))
    return [change for _, change in sorted(found)[:most]]


def two_proportions(a: int, n: int, b: int, m: int) -> float:
    """The z statistic of a/n against b/m with a pooled variance; 0 when both are empty or full."""
    pooled = (a + b) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    return (a / n - b / m) / math.sqrt(variance) if variance > 0 else 0.0


def relative(now: float | None, before: float | None) -> float | None:
    """The change in percent; None when there is nothing to compare with."""
    return None if now is None or not before else 100 * (now - before) / before
