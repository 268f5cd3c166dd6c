"""Whether labels still look as they did: the last week of each platform against the four weeks before.

Two signs, because a model that no longer fits shows either: the shares of its labels move, or it becomes more or
less sure. Neither proves a fault (people may talk differently), so the alarm asks for a check of a sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from statistics import fmean, variance
from typing import Literal, NamedTuple

from index.documents import SENTIMENTS
from index.labels.sample import draw
from index.query import MentionQuery
from index.stores.protocol import SentimentCounts, Store

WINDOW, BASELINE = timedelta(days=7), timedelta(days=28)
FEWEST = 50  # mentions in the window and before it: below, a week is too little to say anything
# A stability index of 0.25 is a major shift (N. Siddiqi, "Credit Risk Scorecards", 2006). Between samples of one
# population it is chi-square with 3 degrees times (1/n + 1/m) (B. Yurdakul, "Statistical Properties of Population
# Stability Index", 2018); 16.27 is exceeded by chance once in a thousand.
MAJOR, CHI_SQUARE = 0.25, 16.27
MEDIUM = 0.5  # standard deviations between means: a medium effect (J. Cohen, "Statistical Power Analysis", 1988)
SAMPLED, RUN = 200, 5  # mentions a side whose confidence is read, five neighbours at a time
FEWEST_SAMPLED = 100  # two means of a hundred differ by MEDIUM by chance less than once in two thousand

Measure = Literal["labels", "confidence"]


class Drift(NamedTuple):
    """A platform that looks different. `value` is the stability index of the labels, or the difference of the
    mean confidence in standard deviations; `now` and `before` are what moved: the share of `label`, the mean."""

    platform: str
    measure: Measure
    value: float
    now: float
    before: float
    label: str | None = None

    @property
    def text(self) -> str:
        """One sentence for the command line."""
        what = f"share of {self.label} labels" if self.label else "mean confidence of the model"
        return f"{what} {self.now:.0%} in the last 7 days, {self.before:.0%} in the four weeks before"


class Watched(NamedTuple):
    """What was compared: the platforms with enough mentions, those with too few, and what was found."""

    compared: tuple[str, ...]
    too_few: tuple[str, ...]
    found: tuple[Drift, ...]


def watch(store: Store, now: datetime, seed: int = 0) -> Watched:
    """Compare each platform of the last week with its baseline. The same store, time and seed: the same answer."""
    recent = MentionQuery(since=now - WINDOW, until=now, hide_spam=True)
    earlier = MentionQuery(since=now - WINDOW - BASELINE, until=now - WINDOW, hide_spam=True)
    counts, counts_before = _by_platform(store, recent), _by_platform(store, earlier)
    compared, too_few, found = [], [], []
    for platform in sorted(counts.keys() | counts_before.keys()):
        a, b = counts.get(platform, SentimentCounts()), counts_before.get(platform, SentimentCounts())
        if min(a.total, b.total) < FEWEST:
            too_few.append(platform)
            continue
        compared.append(platform)
        sides = [_confidence(store, query, platform, Random(seed)) for query in (recent, earlier)]
        found += [drift for drift in (label_drift(platform, a, b), confidence_drift(platform, *sides)) if drift]
    return Watched(tuple(compared), tuple(too_few), tuple(found))


def label_drift(platform: str, now: SentimentCounts, before: SentimentCounts) -> Drift | None:
    """A stability index that is both major and beyond chance; `label` is the one whose share moved most."""
    new, old = _counts(now), _counts(before)
    index = stability_index(new, old)
    if index < max(MAJOR, CHI_SQUARE * (1 / now.total + 1 / before.total)):
        return None
    shares = [(a / now.total, b / before.total, label) for a, b, label in zip(new, old, SENTIMENTS, strict=True)]
    share, share_before, label = max(shares, key=lambda moved: abs(moved[0] - moved[1]))
    return Drift(platform, "labels", index, share, share_before, label)


def confidence_drift(platform: str, now: Sequence[float], before: Sequence[float]) -> Drift | None:
    """Means of the highest probability that lie MEDIUM standard deviations apart (Cohen's d, pooled)."""
    if min(len(now), len(before)) < FEWEST_SAMPLED:
        return None
    spread = math.sqrt((variance(now) + variance(before)) / 2)
    mean, mean_before = fmean(now), fmean(before)
    distance = abs(mean - mean_before) / max(spread, 1e-3)
    return Drift(platform, "confidence", distance, mean, mean_before) if distance >= MEDIUM else None


def stability_index(now: Sequence[int], before: Sequence[int]) -> float:
    """Population stability index: sum of (p - q) ln(p / q) over the shares p now and q before. Half a mention is
    added to every count, so that an empty one has a logarithm."""
    n, m = sum(now) + len(now) / 2, sum(before) + len(before) / 2
    shares = [((a + 0.5) / n, (b + 0.5) / m) for a, b in zip(now, before, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in shares)


def _counts(counts: SentimentCounts) -> list[int]:
    return [getattr(counts, label) for label in SENTIMENTS]


def _by_platform(store: Store, query: MentionQuery) -> dict[str, SentimentCounts]:
    return {bucket.key: bucket.counts for bucket in store.facets(query, ["platform"], size=50)["platform"]}


def _confidence(store: Store, query: MentionQuery, platform: str, chance: Random) -> list[float]:
    asked = MentionQuery(since=query.since, until=query.until, platforms=(platform,), hide_spam=True)
    records = draw(store, asked, SAMPLED, chance, run=RUN)
    return [max(r.analysis.probabilities.values()) for r in records if r.analysis.probabilities]
