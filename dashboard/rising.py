"""Words and phrases people use now and did not use before: counts over two samples of texts, no dictionary needed.

Candidates are runs of two to four Chinese characters and Latin words. One that clearly rose grows by its
neighbours as long as they nearly always stand beside it: 喝出异物不回应 is one find, not 喝出异 and 物不回.
Whatever else stands in the same texts is explained by it and is left out; what only one person says is no trend.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dashboard.news import two_proportions
from index.text import normalise, normalise_with_offsets

# Particles, pronouns, adverbs and verbs of every sentence: between them stand the words worth showing.
# 太, 不 and 没 are missing on purpose: 太甜 and 没人理 are what people complain of.
_EMPTY = (
    "的了是我你他她它们在和也都就有这那一个吗呢吧啊哦呀很还才被把"
    "给让到去来说要会能可以为与跟及对从但而且或着过得地上下里中后前时怎么什"
)
_COMMON = (
    "the and for with that this from have has had was were are you your but not its just out all can get got they"
    " them our one too very what when will would about been then than there their his her she him who how http"
    " https www com a i an in on at it is to of so we my me be or if as by do no up am us rt t co"
    " two three four five six seven eight nine ten"
)
_STOP = frozenset(_COMMON.split()) | frozenset(_EMPTY)
_LEADING = frozenset("不没太更最")  # 味道不 wants another word
_NO_END = _LEADING | frozenset(_COMMON.split()) | frozenset("的了是和在就都也有吗呢吧啊哦呀我你他她它们这那")
_TOKEN = re.compile(r"[a-z][a-z0-9'\-]*|\d+(?:[.,]\d+)*%?|[\u3400-\u9fff]| +|.", re.DOTALL)
_LATIN = re.compile(r"[a-z][a-z0-9'\-]{2,23}")
_HAN = re.compile(r"[\u3400-\u9fff]")
LONGEST = 400  # characters of a text that are looked at: news goes on, but its words come early
LONGEST_PHRASE = 16  # characters, or half as many words: what a button holds
LEAST_TEXTS, LEAST_AUTHORS = 4, 2  # a word of fewer is one person's word
NEARLY = 0.7  # of its texts: a neighbour belongs to a phrase, a phrase explains a word
CLEAR = 2.6  # standard errors: one in a hundred by chance
SEEDS = 80  # the clearest words that are looked at


class Said(NamedTuple):
    """A text and who wrote it; who is not known stands for himself."""

    text: str
    author: str | None = None


class Rising(NamedTuple):
    """A word in `now` of a hundred texts, before in `before` of a hundred."""

    word: str
    now: float
    before: float


class _Text(NamedTuple):
    """`keys`: the tokens in normal form between spaces, a new line where a phrase must end; `places`: where each
    stands in the text."""

    keys: str
    places: tuple[tuple[int, int], ...]
    said: Said


def rising_words(
    now: Sequence[Said], before: Sequence[Said], *, known: Iterable[str] = (), most: int = 8
) -> list[Rising]:
    """The words that became clearly more frequent, the clearest first. `known` (brand names) are left out."""
    if not now or not before:
        return []
    names = _any_of(known)
    new, old = [_read(said, names) for said in now], [_read(said, names) for said in before]
    found: list[tuple[str, set[int]]] = []
    for seed in _seeds(new, old):
        places = _holding(seed, new)
        if len(found) == most:
            break
        if not any(seed in phrase or len(places & held) >= NEARLY * len(places) for phrase, held in found):
            phrase = _grown(seed, new, places)
            found.append((phrase, _holding(phrase, new) | places))
    return [_rising(phrase, new, old) for phrase, _ in found]


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    forms = sorted((normalise(name) for name in names), key=len, reverse=True)
    return re.compile("|".join(re.escape(form) for form in forms if form) or "(?!)")


def _read(said: Said, names: re.Pattern[str]) -> _Text:
    """The tokens of a text; names and punctuation end a phrase."""
    text = said.text[:LONGEST]
    form, places = normalise_with_offsets(text)
    form = names.sub(lambda name: "\n" * len(name[0]), form)
    tokens = [token for token in _TOKEN.finditer(form) if token[0].strip(" ")]
    keys = (token[0] if token[0][0].isalnum() else "\n" for token in tokens)
    spans = tuple((places[token.start()], places[token.end()]) for token in tokens)
    return _Text(f" {' '.join(keys)} ", spans, said)


def _seeds(new: Sequence[_Text], old: Sequence[_Text]) -> list[str]:
    """What clearly rose and was said by more than one person, the clearest first."""
    now, before = _counts(new), _counts(old)
    scored = [
        (two_proportions(count, len(new), before[seed], len(old)), seed)
        for seed, count in now.items()
        if count >= LEAST_TEXTS
    ]
    clear = sorted((-z, -len(seed), seed) for z, seed in scored if z > CLEAR)[:SEEDS]
    return [seed for *_, seed in clear if _authors(seed, new) >= LEAST_AUTHORS]


def _counts(texts: Sequence[_Text]) -> Counter[str]:
    """In how many texts each candidate stands."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(_candidates(text.keys.split(" "))))
    return counts


def _candidates(keys: Sequence[str]) -> Iterable[str]:
    """Latin words, and runs of two to four Chinese characters; empty words end a run."""
    run: list[str] = []
    for key in keys:
        if _LATIN.fullmatch(key) and key not in _STOP:
            yield f" {key} "
        if not _HAN.fullmatch(key) or key in _STOP:
            run = []
            continue
        run = [*run[-3:], key]
        if key not in _LEADING:
            yield from (f" {' '.join(run[-size:])} " for size in (2, 3, 4) if size <= len(run))


def _holding(phrase: str, texts: Sequence[_Text]) -> set[int]:
    return {number for number, text in enumerate(texts) if phrase in text.keys}


def _authors(phrase: str, texts: Sequence[_Text]) -> int:
    return len({texts[number].said.author or number for number in _holding(phrase, texts)})


def _grown(seed: str, texts: Sequence[_Text], places: set[int]) -> str:
    """The longest phrase around `seed` in nearly all of its texts, without empty words at its ends."""
    phrase, least = seed, NEARLY * len(places)
    while _size(phrase) < LONGEST_PHRASE:
        beside: Counter[str] = Counter()
        for number in places:
            left, found, right = texts[number].keys.partition(phrase)
            if found:
                beside[f" {left.rpartition(' ')[2]}{phrase}"] += 1
                beside[f"{phrase}{right.partition(' ')[0]} "] += 1
        longer = {each: count for each, count in beside.items() if "\n" not in each and "  " not in each}
        best = max(longer, key=lambda each: (longer[each], each.endswith(phrase), each), default=None)
        if best is None or longer[best] < least:
            break
        phrase = best
    return _without_empty_ends(phrase)


def _size(phrase: str) -> int:
    return sum(1 if _HAN.fullmatch(key) else 2 for key in phrase.split())


def _without_empty_ends(phrase: str) -> str:
    keys = phrase.split()
    while keys and keys[0] in _STOP:
        keys.pop(0)
    while keys and keys[-1] in _NO_END:
        keys.pop()
    return f" {' '.join(keys)} "


def _rising(phrase: str, new: Sequence[_Text], old: Sequence[_Text]) -> Rising:
    places = _holding(phrase, new)
    before = len(_holding(phrase, old))
    return Rising(_spelt(phrase, new[min(places)]), 100 * len(places) / len(new), 100 * before / len(old))


def _spelt(phrase: str, text: _Text) -> str:
    """The phrase as it was written there."""
    first = text.keys[: text.keys.index(phrase)].count(" ")
    last = first + len(phrase.split()) - 1
    return " ".join(text.said.text[text.places[first][0] : text.places[last][1]].split())
