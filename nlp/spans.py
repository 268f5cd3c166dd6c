"""The words of a text behind an aspect: from how the model weighed its tokens to a place in the text as written."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

from nlp.normalise import for_model

LEAST = 0.3  # of the heaviest token's weight: neighbours below it are not part of the span
ALIGNED = 800  # characters in which spans are looked for: aligning takes time with the square of a text
LONGEST = 60
_CLAUSE = re.compile(r"[^，。！？；、,.!?;\n~～…]+")
_EDGES = " \t\r\n，。！？；、,.!?;:：~～…\"'“”‘’()（）【】[]#"

Places = Sequence[tuple[int, int]]


def place_map(text: str, limit: int = ALIGNED) -> list[int]:
    """For each character of `for_model(text)` (at most `limit`) where in `text` it came from; not decreasing.

    Normalising replaces and drops characters but never moves them: the longest common runs tell what stayed.
    """
    normal = list(for_model(text)[:limit])
    written = [_folded(char) for char in text[: 2 * limit]]
    same = next((i for i, (a, b) in enumerate(zip(written, normal, strict=False)) if a != b), len(normal))
    if same == len(normal) <= len(written):  # most texts; aligning them costs twice the rest of this
        return list(range(same))
    found, at = list(range(same)), max(0, same - 1)
    for kind, start, end, here, there in SequenceMatcher(None, written[same:], normal[same:], False).get_opcodes():
        for step in range(there - here):
            inside = start + same + min(step, max(0, end - start - 1))
            at = max(at, inside if kind != "insert" else start + same)
            found.append(min(at, max(0, len(text) - 1)))
    return found


@functools.lru_cache(maxsize=20_000)
def _folded(char: str) -> str:
    """One character as the model reads it; itself where it reads several or none."""
    form = for_model(char)
    return form if len(form) == 1 else char


def span_of(
    text: str, weights: npt.NDArray[np.float32], places: Places, mapped: Sequence[int]
) -> tuple[int, int] | None:
    """(start, end) in `text` of the clause with the heaviest tokens, shortened when long; None for no real token.

    `weights` [tokens] and `places` [tokens] are those of a Reading, `mapped` is the place_map of `text`.
    """
    real = [i for i, (start, end) in enumerate(places) if end > start and start < len(mapped)]
    if not real:
        return None
    peak = max(real, key=lambda i: weights[i])
    first = last = peak
    while first - 1 in real and weights[first - 1] >= LEAST * weights[peak]:
        first -= 1
    while last + 1 in real and weights[last + 1] >= LEAST * weights[peak]:
        last += 1
    start = mapped[places[first][0]]
    end = mapped[min(places[last][1], len(mapped)) - 1] + 1
    return _within_clause(text, start, max(end, start + 1))


def _within_clause(text: str, start: int, end: int) -> tuple[int, int]:
    """The clause around a place, which reads better than its two heaviest syllables; of a long one what is near."""
    for clause in _CLAUSE.finditer(text):
        if clause.start() <= start < clause.end():
            left, right = _trimmed(text, clause.start(), clause.end())
            if right - left <= LONGEST:
                return left, right
            return _trimmed(text, max(left, start - LONGEST // 4), min(right, max(end, start + LONGEST // 2)))
    return start, end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end - 1 and text[start] in _EDGES:
        start += 1
    while end > start + 1 and text[end - 1] in _EDGES:
        end -= 1
    return start, end
