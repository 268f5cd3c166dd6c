"""Chinese and mixed text made comparable: one normal form, one tokeniser, for every search and every match.

`normalise` is for comparing, never for showing: Traditional = Simplified, full-width = half-width, upper =
lower case, invisible characters gone. `words` cuts the normal form into words as Lucene's standard tokeniser
would (each Chinese character is a word, an emoji is a word); `spans` tells where they stand in the text as written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import apsw.unicode

TOKENISER_VERSION = f"1/{apsw.unicode.unicode_version}/{unicodedata.unidata_version}"

# Lucene's choice of what makes a word: without No, so a lone ₿ or ⅐ is none.
_RULES: Any = {
    "categories": ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl"),
    "emoji": True,
    "regional_indicator": True,
}
JOINER = "\u200d"  # holds 👨‍👩‍👧 together: the one invisible character that stays
SKIN_TONES = range(0x1F3FB, 0x1F400)
KEYCAP = 0x20E3
# Folding these would change where words end: Chinese clauses are divided by full-width marks without a space,
# and "Nike™" must not become "niketm".
KEPT = frozenset("，：；™℠")
MARKS = {",": "，", ":": "：", ";": "；"}
# What OpenCC leaves as it is because Simplified Chinese knows the character too, in another sense.
VARIANTS = {"著": "着", "妳": "你", "’": "'", "‘": "'", "İ": "i"}


class _Table(dict[int, int | str | None]):
    """Character to its normal form, computed when first met. A dict, so that str.translate stays in C."""

    def __missing__(self, code: int) -> int | str | None:
        folded = _fold(chr(code))
        form: int | str | None = code if folded == chr(code) else folded or None
        self[code] = form
        if len(folded) != 1:
            _resizing.add(chr(code))
        return form


_resizing: set[str] = set()  # characters whose normal form is longer or shorter: offsets need a map
_table = _Table()


@cache
def _converters() -> tuple[Callable[[str], str], ...]:
    from opencc import OpenCC  # 5 ms: only processes that meet Chinese text pay

    return OpenCC("t2s").convert, OpenCC("hk2s").convert


def _fold(char: str) -> str:
    """One character's normal form: "" when it is invisible."""
    code = ord(char)
    if char in KEPT:
        return char
    if char in VARIANTS:
        return VARIANTS[char]
    if 0xD800 <= code <= 0xDFFF:  # half of a pair: cut off by a platform; cannot be stored
        return "\ufffd"
    if _invisible(char):
        return ""
    wide = unicodedata.normalize("NFKC", char)
    if wide != char and wide in MARKS:
        return MARKS[wide]
    lower = unicodedata.normalize("NFKC", wide.lower())
    if lower.isascii():
        return lower
    for convert in _converters():
        lower = "".join(convert(c) for c in lower)
    return "".join(VARIANTS.get(c, c) for c in lower)


def _invisible(char: str) -> bool:
    code = ord(char)
    selector = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    return (
        selector or code in SKIN_TONES or code == KEYCAP or (unicodedata.category(char) == "Cf" and char != JOINER)
    )


def normalise(text: str) -> str:
    """The form in which texts are compared. About 5 µs for 100 characters; idempotent.

    Lower case, NFKC (full-width = half-width), Traditional = Simplified character by character, no invisible
    characters (zero-width, variation selectors, skin tones). Full-width ，：； stay: they end a word.
    """
    if text.isascii():
        return text.lower()
    form = text.translate(_table)
    if unicodedata.is_normalized("NFC", form):
        return form
    return normalise_with_offsets(text)[0]


def normalise_with_offsets(text: str) -> tuple[str, Sequence[int]]:
    """`normalise(text)` and for each of its characters the place in `text`; one more entry for the end.

    The span [a, b) of the normal form is [offsets[a], offsets[b]) of the text.
    """
    form = text.lower() if text.isascii() else text.translate(_table)
    if unicodedata.is_normalized("NFC", form):
        if len(form) == len(text) and _resizing.isdisjoint(text):
            return form, range(len(text) + 1)
        if not any(map(unicodedata.combining, form)):  # each character stands for itself
            return form, [*(i for i, char in enumerate(text) for _ in char.translate(_table)), len(text)]
    chars: list[str] = []
    offsets: list[int] = []
    for part, place in _composed(text):
        chars.append(part)
        offsets.extend([place] * len(part))
    return "".join(chars), [*offsets, len(text)]


def _composed(text: str) -> Iterator[tuple[str, int]]:
    """Folded pieces that compose with nothing outside them (e + ´ is one piece), each with its place."""
    piece, start = "", 0
    for place, char in enumerate(text):
        for folded in char.translate(_table):
            if piece and not _joins(piece, folded):
                yield unicodedata.normalize("NFC", piece), start
                piece = ""
            if not piece:
                start = place
            piece += folded
    if piece:
        yield unicodedata.normalize("NFC", piece), start


def _joins(piece: str, char: str) -> bool:
    if unicodedata.combining(char):
        return True
    return unicodedata.normalize("NFC", piece + char) != unicodedata.normalize("NFC", piece) + char


def original_span(offsets: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """The span [start, end) of a normal form as a span of the text; never empty unless the argument is."""
    if start >= end:
        return offsets[start], offsets[start]
    return offsets[start], max(offsets[end], offsets[end - 1] + 1)


# Joined by these, words would be found only together: brand:nike, hey_tea, good.bad. Numbers keep their points.
_inner_point = re.compile(r"(?<=[^\W\d_])[.·](?=[^\W_])|(?<=\d)[.·](?=[^\W\d_])")
_MARKS_TO_SPACE = str.maketrans(dict.fromkeys(':_"，：；', " "))
_JOINING = frozenset("'.,·;⁄‧")  # marks that Unicode lets stand inside a word or a number
_ODD = "\x01"  # set before a character that needs Unicode's rules: other scripts, marks inside words, flags
_odd_run = re.compile(r"[^ ]*\x01[^ ]*")
# A family of emoji is one word, which the table has cut. Elsewhere the joiner ends a word.
_family = re.compile(
    r"(?<=[\u2600-\u27bf\U0001F300-\U0001FAFF]) \x01\u200d (?=[\u2600-\u27bf\U0001F300-\U0001FAFF])"
)


class _SpacedTable(dict[int, int | str | None]):
    """Character to its normal form with the obvious word ends as spaces: around a Chinese character or an emoji,
    for a mark. What is left to Unicode's rules costs ten times as much."""

    def __missing__(self, code: int) -> int | str | None:
        form = chr(code).translate(_table)
        spaced = "".join(map(_spaced, form))
        self[code] = spaced or None
        return self[code]


def _spaced(char: str) -> str:
    if "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf":
        return f" {char} "
    if "\u2600" <= char <= "\u27bf" or "\U0001f300" <= char <= "\U0001faff":
        return f" {char} " if list(apsw.unicode.word_iter(char, **_RULES)) else " "
    mark = unicodedata.category(char)[0] == "P" and char not in _JOINING
    near = char.isascii() or "\u3000" <= char <= "\u30ff" or "\uff00" <= char <= "\uffef"
    if char.isspace() or char == _ODD or (mark and near):
        return " "
    return char if char.isascii() and char.isalnum() else _ODD + char


_spaced_table = _SpacedTable()


# Unicode's rules for ASCII, without the points and colons that are cut anyway
_ascii_word = re.compile(r"[a-z0-9]+(?:(?:(?<=[a-z])'(?=[a-z])|(?<=[0-9])['.,;](?=[0-9]))[a-z0-9]+)*")


def _unicode_words(form: str) -> list[str]:
    if form.isascii():
        return _ascii_word.findall(form)
    form = form.translate(_MARKS_TO_SPACE)
    return list(apsw.unicode.word_iter(_inner_point.sub(" ", form), **_RULES))


def _apart(text: str) -> str:
    """The words of `text` in normal form with spaces before, between and after them."""
    spaced = text.translate(_spaced_table)
    if _ODD not in spaced:
        return spaced
    if not unicodedata.is_normalized("NFC", spaced.replace(_ODD, "")):
        spaced = normalise(text).translate(_spaced_table)
    if JOINER in spaced:
        spaced = _family.sub(_ODD + JOINER, spaced)
    return _odd_run.sub(lambda run: " ".join(_unicode_words(run[0].replace(_ODD, ""))), spaced)


def words(text: str) -> list[str]:
    """The words of `text` in normal form. About 10 µs for 100 characters."""
    return _apart(text).split()


def token_string(text: str) -> str:
    """The words with one space between: what a full-text index is fed, with the space as its only separator."""
    apart = _apart(text)
    while "  " in apart:  # half the time of split and join
        apart = apart.replace("  ", " ")
    return apart.strip()


def spans(text: str, said: Sequence[str], runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where runs [first, last) of the words said, those of `text`, stand in it as it was written."""
    form, offsets = normalise_with_offsets(text)
    places = []
    end = 0
    for word in said[: max((last for _, last in runs), default=0)]:
        start = form.index(word, end)  # between two words stand only marks, so the next place is the place
        end = start + len(word)
        places.append((start, end))
    return [original_span(offsets, places[first][0], places[last - 1][1]) for first, last in runs]
