"""Words people use now and did not use before: counts over two samples of texts, no dictionary needed.

Candidates are runs of two to four Chinese characters and Latin words. A piece of a longer word that occurs
as often as the word itself is dropped, so 服口 of 幸服口 does not stand beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dashboard.news import two_proportions
from index.text import normalise

_LATIN = re.compile(r"[a-z][a-z0-9'\-]{2,23}")
# Particles, pronouns, adverbs and verbs of every sentence: between them stand the words worth showing.
# 太, 不 and 没 are missing on purpose: 太甜 and 没人理 are what people complain of.
_EMPTY = (
    "的了是我你他她它们在和也都就有这那一个吗呢吧啊哦呀很还才被把"
    "给让到去来说要会能可以为与跟及对从但而且或着过得地上下里中后前时"
)
_COMMON = (
    "the and for with that this from have has had was were are you your but not its just out all can get got they"
    " them our one too very what when will would about been then than there their his her she him who how http"
    " https www com"
)
_STOP = frozenset(_COMMON.split())
_HAN = re.compile(f"(?:(?![{_EMPTY}])[\u4e00-\u9fff])+")
LONGEST = 400  # characters of a text that are looked at: news goes on, but its words come early
LEAST_TEXTS = 4  # a word of fewer texts is one person's word


class Rising(NamedTuple):
    """A word in `now` of a hundred texts, before in `before` of a hundred."""

    word: str
    now: float
    before: float


def rising_words(
    now: Sequence[str], before: Sequence[str], *, known: Iterable[str] = (), most: int = 8
) -> list[Rising]:
    """The words that became clearly more frequent, the clearest first. `known` (brand names) are left out."""
    if not now or not before:
        return []
    names = [normalise(name) for name in known]
    new, old = _frequencies(now, names), _frequencies(before, names)
    scored = [
        (two_proportions(count, len(now), old[word], len(before)), word)
        for word, count in new.items()
        if count >= LEAST_TEXTS
    ]
    clear = [word for z, word in sorted(scored, key=lambda pair: (-pair[0], pair[1])) if z > 2.6]
    return [
        Rising(word, 100 * new[word] / len(now), 100 * old[word] / len(before))
        for word in _whole(clear, new)[:most]
    ]


def _frequencies(texts: Sequence[str], names: Sequence[str]) -> Counter[str]:
    """In how many texts each candidate stands, outside of names."""
    outside = re.compile(
        "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name) or "(?!)"
    )
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_candidates(outside.sub(" ", normalise(text)[:LONGEST])))
    return counts


def _candidates(text: str) -> set[str]:
    found = {word for word in _LATIN.findall(text) if word not in _STOP}
    for run in _HAN.findall(text):
        for size in (2, 3, 4):
            found.update(run[i : i + size] for i in range(len(run) - size + 1))
    return found


def _whole(words: Sequence[str], counts: Counter[str]) -> list[str]:
    """Without pieces of a chosen longer word, and without longer words whose piece is chosen and commoner."""
    kept: list[str] = []
    for word in words:
        longer = any(word in other and counts[other] >= 0.7 * counts[word] for other in words if other != word)
        overlapping = any(_overlap(word, other) for other in kept)
        if not longer and not overlapping:
            kept.append(word)
    return kept


def _overlap(a: str, b: str) -> bool:
    """Whether two words share two neighbouring characters: 客服态 and 服态度 are one find."""
    return any(a[i : i + 2] in b for i in range(len(a) - 1)) if not a.isascii() else a == b
