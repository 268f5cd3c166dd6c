"""The words of lexicon/aspects.toml, and where they stand in a text. nlp/aspects.py reads sense into them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import ahocorasick

from index.text import normalise
from nlp.lexicon import load

Kind = Literal[
    "term",  # names an aspect; `weak` when it only names a thing
    "opinion",  # `polarity` of its own; of `aspect` or, without one, of what stands nearby
    "excess",  # a fault when there is too much of it; `weak` when it is none otherwise
    "scaled",  # `polarity` for terms of this `scale`
    "not",
    "too",
    "enough",
    "hope",
    "irony",  # stands before what it denies
    "irony_after",
    "worse",
    "break",
    "swallow",
]


class Role(NamedTuple):
    """One sense of a word."""

    kind: Kind
    aspect: str | None = None
    polarity: int = 0
    scale: str | None = None
    weak: bool = False


class Hit(NamedTuple):
    """A word of the lexicon at [start, end) of the normalised text."""

    start: int
    end: int
    roles: tuple[Role, ...]

    def role(self, *kinds: Kind) -> Role | None:
        return next((r for r in self.roles if r.kind in kinds), None)


def find(text: str) -> list[Hit]:
    """Words of the lexicon in a normalised `text`, in order, none overlapping: the longest from the left."""
    found = sorted(_matches(text), key=lambda hit: (hit.start, -hit.end))
    kept: list[Hit] = []
    for hit in found:
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return [hit for hit in kept if hit.roles]


def _matches(text: str) -> Iterator[Hit]:
    for last, (length, latin, roles) in _automaton().iter(text):
        start, end = last - length + 1, last + 1
        if latin and (_letter(text, start - 1) or _letter(text, end)):
            continue
        yield Hit(start, end, roles)


def _letter(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isascii() and text[place].isalnum()


@functools.cache
def _automaton() -> ahocorasick.Automaton:
    words: dict[str, list[Role]] = {}
    for word, role in _entries(load("aspects")):
        roles = words.setdefault(normalise(word), [])
        if role not in roles:
            roles.append(role)
    automaton = ahocorasick.Automaton()
    for word, roles in words.items():
        # A word that swallows is only kept from being read as its parts, unless it says something itself.
        senses = tuple(role for role in roles if role.kind != "swallow")
        automaton.add_word(word, (len(word), _letter(word, 0) and _letter(word, len(word) - 1), senses))
    automaton.make_automaton()
    return automaton


def _entries(lists: dict[str, Any]) -> Iterator[tuple[str, Role]]:
    for group in lists["terms"]:
        role = Role("term", group["aspect"], scale=group.get("scale"), weak=group.get("weak", False))
        yield from ((word, role) for word in group["zh"].split())
        yield from ((form, role) for word in _english(group["en"]) for form in _plurals(word))
    yield from _opinions(lists["general"], None)
    for aspect, group in lists["specific"].items():
        yield from _opinions(group, aspect)
    for aspect, group in lists["too_much"].items():
        for prefix in ("bad_", ""):
            role = Role("excess", aspect, weak=not prefix)
            yield from ((word, role) for word in _both(group, prefix))
    for scale, group in lists["scales"].items():
        for name, polarity in (("positive_", 1), ("negative_", -1)):
            yield from ((word, Role("scaled", None, polarity, scale)) for word in _both(group, name))
    yield from _small_words(lists)


def _small_words(lists: dict[str, Any]) -> Iterator[tuple[str, Role]]:
    kinds: dict[str, Kind] = {
        "negation_": "not",
        "too_": "too",
        "enough_": "enough",
        "hope_": "hope",
        "break_": "break",
        "swallow_": "swallow",
    }
    for name, kind in kinds.items():
        yield from ((word, Role(kind)) for word in _both(lists["modifiers"], name))
    yield from ((word, Role("irony")) for word in _both(lists["irony"], "before_"))
    yield from ((word, Role("irony_after")) for word in _both(lists["irony"], "after_"))
    yield from ((word, Role("worse")) for word in _both(lists["compare"], "worse_"))
    yield from ((word, Role("opinion", None, 1)) for word in _both(lists["compare"], "better_"))


def _opinions(group: dict[str, str], aspect: str | None) -> Iterator[tuple[str, Role]]:
    for name, polarity in (("positive_", 1), ("negative_", -1), ("neutral_", 0)):
        yield from ((word, Role("opinion", aspect, polarity)) for word in _both(group, name))


def _both(group: dict[str, str], prefix: str) -> Iterable[str]:
    return [*group.get(f"{prefix}zh", "").split(), *_english(group.get(f"{prefix}en", ""))]


def _english(listed: str) -> list[str]:
    return [word for part in listed.split(",") if (word := " ".join(part.split()))]


def _plurals(noun: str) -> tuple[str, ...]:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun, f"{noun}es"
    return (noun, f"{noun}s", f"{noun[:-1]}ies") if noun.endswith("y") else (noun, f"{noun}s")
