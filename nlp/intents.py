"""What a text wants: complaint, question, praise, purchase_intent, advertisement; and how much it is spam.

Evidence of lexicon/intents.toml adds up; the mention's sentiment and aspects weigh in where they are known. Good
enough to open a case and to sort the desk; a trained model takes over behind the same function.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ahocorasick

from index.documents import Aspect
from index.text import normalise
from nlp.lexicon import load

LABELS = ("complaint", "question", "praise", "purchase_intent", "advertisement")
LONG = 150  # characters from which words that anybody may use once count less: a review has room for all of them
SLIGHT = 0.3  # weight up to which a group is of such words
MAX_CHARS = 4_000  # characters read; what a text wants is said at its beginning
THRESHOLD = 0.5

# What the mention's sentiment and aspects add. A negative mention is no complaint by itself (bad news, a rival's
# fault), so it needs a word or an aspect besides.
NEGATIVE_WEIGHT, NEGATIVE_ASPECT_WEIGHT = 0.45, 0.3
POSITIVE_WEIGHT, POSITIVE_ASPECT_WEIGHT = 0.45, 0.3
SURE = 0.6  # probability from which the sentiment speaks for or against


class Intents(NamedTuple):
    """`labels` in the order of LABELS; `spam` 0..1, an advertisement from 0.5."""

    labels: tuple[str, ...]
    spam: float


class _Group(NamedTuple):
    """One kind of evidence: found at most `at_most` times, each with `weight`."""

    intent: str
    weight: float
    at_most: int


def find(text: str, *, sentiment: Mapping[str, float] | None = None, aspects: Sequence[Aspect] = ()) -> Intents:
    """The intents of `text`, masked or not. Total: any string has an answer.

    `sentiment` (probabilities of negative, neutral, positive) and `aspects` of the same text sharpen complaint
    and praise; without them the words alone decide.
    """
    weights = _evidence(normalise(text[:MAX_CHARS]))
    mood = sentiment or {}
    faults = any(a.sentiment == "negative" for a in aspects)
    merits = any(a.sentiment == "positive" for a in aspects)
    _colour(weights, mood, faults, merits)
    scores = {intent: _combine(found) for intent, found in weights.items()}
    spam = scores.pop("spam")
    said = {intent for intent, score in scores.items() if score >= THRESHOLD}
    if spam >= THRESHOLD:
        # An advert praises and asks, but nobody behind it wants, asks or praises anything.
        said = (said & {"complaint"}) | {"advertisement"}
    if "complaint" in said or ("question" in said and mood.get("positive", 0.0) < SURE):
        said.discard("praise")  # 好喝吗 asks, 好喝 praises
    return Intents(tuple(label for label in LABELS if label in said), round(spam, 4))


def _colour(weights: dict[str, list[float]], mood: Mapping[str, float], faults: bool, merits: bool) -> None:
    negative, positive = mood.get("negative", 0.0), mood.get("positive", 0.0)
    if mood:  # 谢谢 and "thanks" stand for the mood where it is unknown, and irony is full of them
        weights["complaint"] = [weight for weight in weights["complaint"] if weight > 0]
    weights["complaint"] += [NEGATIVE_WEIGHT * negative] + [NEGATIVE_ASPECT_WEIGHT] * faults
    weights["praise"] += [POSITIVE_WEIGHT * positive] + [POSITIVE_ASPECT_WEIGHT] * (merits and not faults)
    if faults and not merits:
        weights["praise"].append(-2 * NEGATIVE_WEIGHT)  # 隔壁比你家好喝 holds 好喝 and praises nobody here
    if positive >= SURE:
        weights["complaint"].append(-POSITIVE_WEIGHT)
    if negative >= SURE:
        weights["praise"].append(-2 * NEGATIVE_WEIGHT)
        weights["spam"].append(-NEGATIVE_WEIGHT)  # adverts are never in a bad mood


def _combine(weights: list[float]) -> float:
    """1 - product of (1 - w) over what speaks for it, times (1 - |w|) over what speaks against."""
    missing, kept = 1.0, 1.0
    for weight in weights:
        if weight >= 0:
            missing *= 1 - weight
        else:
            kept *= 1 + weight
    return (1 - missing) * kept


def _evidence(norm: str) -> dict[str, list[float]]:
    groups, automaton, patterns = _cues()
    found: dict[int, set[str]] = {}
    for last, (word, latin, numbers) in automaton.iter(norm):
        start, end = last - len(word) + 1, last + 1
        if not latin or not (_letter(norm, start - 1) or _letter(norm, end)):
            for number in numbers:
                found.setdefault(number, set()).add(word)
    for number, pattern in patterns:
        if pattern.search(norm):
            found[number] = {""}
    weights: dict[str, list[float]] = {intent: [] for intent in load("intents")}
    for number, words in found.items():
        group = groups[number]
        slight = abs(group.weight) <= SLIGHT
        weight = group.weight * min(1.0, LONG / len(norm)) if slight else group.weight
        weights[group.intent] += [weight] * min(len(words), group.at_most)
    return weights


def _letter(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isascii() and text[place].isalnum()


@functools.cache
def _cues() -> tuple[list[_Group], Any, list[tuple[int, re.Pattern[str]]]]:
    groups: list[_Group] = []
    words: dict[str, list[int]] = {}
    patterns: list[tuple[int, re.Pattern[str]]] = []
    for intent, listed in load("intents").items():
        for group in listed:
            number = len(groups)
            groups.append(_Group(intent, group["weight"], group.get("at_most", 2)))
            for word in [*group.get("zh", "").split(), *group.get("en", "").split(",")]:
                if form := " ".join(normalise(word).split()):
                    words.setdefault(form, []).append(number)
            if "pattern" in group:
                patterns.append((number, re.compile(group["pattern"], re.ASCII)))
    automaton = ahocorasick.Automaton()
    for form, numbers in words.items():
        automaton.add_word(form, (form, form[0].isascii() and form[0].isalnum(), tuple(numbers)))
    automaton.make_automaton()
    return groups, automaton, patterns
