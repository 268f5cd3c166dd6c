"""How often the model's sentiment is what a person says it is, by platform and language, with its uncertainty.

Two kinds of labels are never mixed. Mentions drawn at random for a check tell how good the model is. Labels
people correct on their own tell how bad its mistakes are, and make a model look worse than it is: whoever finds
a right label has no reason to touch it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from index.documents import Correction, Record

ENOUGH = 30  # labels below which no number is shown: with 30, nine of ten right is still 74 to 97 %
Z = 1.96  # two-sided 95 %


class Tally(NamedTuple):
    """`right` of `judged` labels. `undecided` counts those where the model or the person was unsure."""

    right: int = 0
    judged: int = 0
    undecided: int = 0

    @property
    def enough(self) -> bool:
        return self.judged >= ENOUGH

    @property
    def share(self) -> float | None:
        """Accuracy, 0..1; None without any label."""
        return self.right / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `share`."""
        return wilson(self.right, self.judged)

    def with_one(self, said: str, person: str) -> Tally:
        if "unsure" in (said, person):
            return self._replace(undecided=self.undecided + 1)
        return self._replace(right=self.right + (said == person), judged=self.judged + 1)


class GroupAccuracy(NamedTuple):
    """One platform and language. `drawn`: labels of a random check; `found`: what people corrected unasked."""

    platform: str
    lang: str | None
    drawn: Tally
    found: Tally


def wilson(right: int, n: int, z: float = Z) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, 1927; advised for small n by Brown, Cai and DasGupta, 2001,
    "Interval Estimation for a Binomial Proportion"): both ends stay inside 0..1, also when all are right."""
    if n == 0:
        return 0.0, 1.0
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def by_group(pairs: Iterable[tuple[Correction, Record]]) -> list[GroupAccuracy]:
    """Accuracy of the sentiment labels as they are now (after re-scoring: the new model's), most labels first."""
    drawn: defaultdict[tuple[str, str | None], Tally] = defaultdict(Tally)
    found: defaultdict[tuple[str, str | None], Tally] = defaultdict(Tally)
    for correction, record in pairs:
        if correction.field == "sentiment":
            key = record.mention.platform, record.analysis.lang
            tallies = drawn if correction.drawn else found
            tallies[key] = tallies[key].with_one(record.analysis.sentiment, correction.value)
    groups = [GroupAccuracy(*key, drawn[key], found[key]) for key in {*drawn, *found}]
    return sorted(groups, key=lambda g: (-g.drawn.judged, -g.found.judged, g.platform, g.lang or ""))
