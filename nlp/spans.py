"""The words of a text behind an aspect: from how the model weighed its tokens to a place in the text as written."""

from __future__ import annotations

import functools
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nlp.normalise import for_model

LEAST = 0.3  # of the heaviest token's weight: neighbours below it are not part of the span
ALIGNED = 800  # characters in which spans are looked for
WRITTEN = 4 * ALIGNED  # letters of the text as written that these may come from: addresses and blanks vanish
LONGEST = 60
# Addresses, names and emoticons: the model reads another word than was written.
_PIECE = re.compile(
    r"(?:https?://|www\.)[!#-&(-;=?-~]{1,2000}(?<![!-.:;?@\]])|(?<![\w.])@[\w-]{1,30}|\[[^\W_]{1,8}\]|\s+|.",
    re.DOTALL | re.IGNORECASE,
)
_SEED = 3  # letters in a row that must be the same before the two forms are taken to agree again
_NEW = 8  # letters in a row that stand in the normal form alone, such as the words for an emoticon
_RARE = 4  # times as rare as one that vanished is a new letter
_GONE = 2_100  # letters in a row that stand in the written form alone: an address

# Letters of scripts that put blanks between words: a Chinese word is cut anywhere, these are not cut at all.
_LETTER = r"[0-9A-Za-z\u00c0-\u024f\u0370-\u052f]"
_WORD = re.compile(rf"{_LETTER}+(?:[.,'’-]{_LETTER}+)*")
_ENDLESS = rf"(?<!{_LETTER})(?:{_LETTER}[.,'’-]?){{{LONGEST + 1},}}"
# What stands between clauses. The point of 9.9 or t.cn and the comma of 1,000 do not; nobody reads an address.
_STOP = re.compile(
    rf"(?:(?<!{_LETTER})(?:https?://|www\.)[!-~]+|{_ENDLESS}|[，。！？；、｡､،؟؛۔।!?;\r\n\u2028~～…]"
    rf"|(?<!{_LETTER})\.|\.(?!{_LETTER})|(?<!\d),|,(?!\d))+",
    re.IGNORECASE,
)
_EDGES = " \t\r\n\u3000\xa0，。！？；、｡､،؟؛۔।,.!?;:：~～…\"'“”‘’()（）【】[]#"

Places = Sequence[tuple[int, int]]


def place_map(text: str, limit: int = ALIGNED) -> list[int]:
    """For each character of `for_model(text)` (at most `limit`) where in `text` it came from; not decreasing.

    Normalising replaces and drops characters but never moves them: one look ahead finds where both agree again.
    """
    normal = for_model(text)
    letters, sources = _letters(text)
    if letters.startswith(normal[:limit]):
        return sources[: min(limit, len(normal))]
    found: list[int] = []
    at = 0
    while len(found) < min(limit, len(normal)):
        gone, new = _until_same(letters, at, normal, len(found))
        found += [at + min(step, max(0, gone - 1)) for step in range(new)] + [at + gone]
        at += gone + 1
    return [sources[min(place, len(sources) - 1)] for place in found[:limit]]


def _letters(text: str) -> tuple[str, list[int]]:
    """The first letters of `text`, each piece as the model reads it by itself, and where each was written."""
    letters: list[str] = []
    sources: list[int] = []
    for match in _PIECE.finditer(text):
        form = _form(match[0])
        letters.append(form)
        start, last = match.start(), match.end() - 1
        sources += [min(start + i, last) for i in range(len(form))]
        if len(sources) >= WRITTEN:
            break
    return "".join(letters), sources or [0]


def _form(piece: str) -> str:
    if len(piece) == 1 or piece.isspace():
        return _folded(piece[0])
    return f" {for_model(piece)} " if piece[0] == "[" else f"{for_model(piece)} "


@functools.lru_cache(maxsize=20_000)
def _folded(char: str) -> str:
    return " " if char.isspace() else for_model(char)


def _until_same(letters: str, at: int, normal: str, here: int) -> tuple[int, int]:
    """How many letters vanished and how many are new, in the fewest together, before both forms agree again.

    (0, 0) where they do already, and where nothing ahead agrees: one letter then stands for the other.
    """
    if letters[at : at + 1] == normal[here]:
        return 0, 0
    best, least = (0, 0), _GONE
    for new in range(min(_NEW, len(normal) - here)):
        seed = normal[here + new : here + new + _SEED]
        reach = least - _RARE * new
        gone = letters.find(seed, at, at + max(0, reach) + len(seed)) - at
        if 0 <= gone < reach:
            best, least = (gone, new), gone + _RARE * new
    return best


def span_of(
    text: str, weights: npt.NDArray[np.float32], places: Places, mapped: Sequence[int]
) -> tuple[int, int] | None:
    """(start, end) in `text` of the clause with the heaviest token, shortened when long; None for no real token.

    `weights` [tokens] and `places` [tokens] are those of a Reading, `mapped` is the place_map of `text`.
    """
    clauses = list(_clauses(text[: mapped[-1] + 4 * LONGEST])) if mapped else []
    written = [_written(mapped, *place) for place in places]
    homes = _homes(clauses, written)
    if not (real := {i for i, home in enumerate(homes) if home}):
        return None
    peak = max(sorted(real), key=lambda i: weights[i])
    heavy = {i for i in real if homes[i] == homes[peak] and weights[i] >= LEAST * weights[peak]}
    first = last = peak
    while first - 1 in heavy:
        first -= 1
    while last + 1 in heavy:
        last += 1
    return _near(text, homes[peak] or (0, 0), written[peak], (written[first][0], written[last][1]))


def _homes(clauses: list[tuple[int, int]], written: Places) -> list[tuple[int, int] | None]:
    """The first clause that each of these places reaches into; None for a place between clauses."""
    ends, clauses = [end for _, end in clauses], [*clauses, (sys.maxsize, sys.maxsize)]
    first = (clauses[bisect_right(ends, start)] for start, _ in written)
    return [clause if clause[0] < end else None for clause, (_, end) in zip(first, written, strict=True)]


def _written(mapped: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """Where a token of the normal form stands in the text; nothing for one past what is aligned."""
    if not start < end or start >= len(mapped):
        return 0, 0
    return mapped[start], mapped[min(end, len(mapped)) - 1] + 1


def _clauses(text: str) -> Iterator[tuple[int, int]]:
    """Places of the clauses that say something."""
    start = 0
    for stop in [*(match.span() for match in _STOP.finditer(text)), (len(text), len(text))]:
        clause = _trimmed(text, start, stop[0])
        if clause[0] < clause[1]:
            yield clause
        start = stop[1]


def _near(text: str, clause: tuple[int, int], peak: tuple[int, int], run: tuple[int, int]) -> tuple[int, int]:
    """The clause, which reads better than its two heaviest syllables; of a long one the words near them."""
    left, right = clause
    if right - left <= LONGEST:
        return clause
    start, end = max(run[0], peak[0] - LONGEST // 2), min(run[1], peak[1] + LONGEST // 2)
    start, end = start - LONGEST // 4, max(end, start + LONGEST // 2)
    for word in _WORD.finditer(text, left, right):
        start = word.start() if word.start() < start < word.end() else start
        end = word.end() if word.start() < end < word.end() else end
    return _trimmed(text, max(left, start), min(right, end))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    return start, end
