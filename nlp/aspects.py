"""What a text speaks of (taste, price, service ...) and how, clause by clause.

Rules: find the words of the lexicon, cut the text into clauses, give each opinion its polarity (negation, too
much, comparison, irony) and the terms it is about. nlp/reading.py joins them with what a model finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from index.documents import Aspect, SentimentLabel
from index.text import normalise_with_offsets
from nlp.opinion_words import Hit, Role
from nlp.opinion_words import find as find_words
from nlp.opinions import REACH, Clause, Opinion, opinions
from nlp.opinions import clauses as clauses_of

MAX_CHARS = 6_000  # characters read: opinions of a longer article are about more than the brand
CARRY = 2  # clauses an aspect stays the subject: "味道呢，说实话，一般"
CERTAIN = 0.5  # probability from which the sentiment of the whole mention colours its only clause

_SENTIMENT: dict[int, SentimentLabel] = {-1: "negative", 0: "neutral", 1: "positive"}
_COPULA = re.compile(
    r"\b(?:is|was|are|were|be|been|being|'s|tastes?|tasted|feels?|felt|seems?|seemed|became|got|gets)\b"
)


class _Judgement(NamedTuple):
    aspect: str
    polarity: int
    start: int
    end: int
    said: tuple[int, int]


def find(text: str, sentiment: Mapping[str, float] | None = None) -> tuple[Aspect, ...]:
    """At most one Aspect for each name and sentiment, in reading order.

    An aspect that is named without an opinion is neutral, and left out when the text has an opinion on it
    elsewhere. `sentiment` holds the mention's probabilities (negative, neutral, positive); it decides where
    a text of one clause names an aspect without an opinion word. `span` covers term and opinion in `text`,
    `evidence` is the opinion as written, such as 太甜.
    """
    norm, offsets = normalise_with_offsets(text[:MAX_CHARS])
    hits = find_words(norm)
    if not hits:
        return ()
    clauses = list(clauses_of(norm, hits))
    found = list(_judge(norm, clauses))
    if len(clauses) == 1 and not any(j.polarity for j in found):
        found = [j._replace(polarity=_mood(sentiment)) for j in found]
    return tuple(_document(text, offsets, j) for j in _merged(found))


def _mood(sentiment: Mapping[str, float] | None) -> int:
    mood = sentiment or {}
    if mood.get("negative", 0.0) >= CERTAIN:
        return -1
    return 1 if mood.get("positive", 0.0) >= CERTAIN else 0


def _document(text: str, offsets: Sequence[int], judged: _Judgement) -> Aspect:
    start, end = judged.said
    return Aspect(
        name=judged.aspect,
        sentiment=_SENTIMENT[judged.polarity],
        span=(offsets[judged.start], offsets[judged.end]),
        evidence=text[offsets[start] : offsets[end]],
    )


def _merged(found: list[_Judgement]) -> list[_Judgement]:
    judged = {j.aspect for j in found if j.polarity}
    first: dict[tuple[str, int], _Judgement] = {}
    for j in found:
        if j.polarity or j.aspect not in judged:
            first.setdefault((j.aspect, j.polarity), j)
    return sorted(first.values(), key=lambda j: (j.start, j.end))


def _judge(text: str, clauses: list[Clause]) -> Iterator[_Judgement]:
    carried: list[Hit] = []
    age = 0
    for clause in clauses:
        terms = [h for h in clause.hits if h.role("term")]
        said = opinions(text, clause)
        about: set[Hit] = set()
        for number, opinion in enumerate(said):
            targets = _targets(text, terms, said, number) or (carried if not terms else [])
            for judgement, target in _apply(opinion, targets):
                yield judgement
                about.update(target)
        unsaid = [h for h in terms if h not in about]
        yield from (_named(h, role) for h in unsaid if (role := h.role("term")) and not role.weak)
        strong = [h for h in unsaid if not said]
        age = 0 if terms else age + 1
        carried = strong if terms else (carried if age < CARRY and not said else [])


def _named(hit: Hit, role: Role) -> _Judgement:
    return _Judgement(role.aspect or "", 0, hit.start, hit.end, (hit.start, hit.end))


def _apply(opinion: Opinion, targets: list[Hit]) -> Iterator[tuple[_Judgement, list[Hit]]]:
    """What `opinion` says of each aspect among its targets; its own aspect comes before theirs."""
    said = (opinion.start, opinion.end)
    strong = [h for h in targets if (role := h.role("term")) and not role.weak]
    if opinion.aspect and not (targets and _borrowed(opinion, strong or targets)):
        near = [h for h in targets if (role := h.role("term")) and (role.aspect == opinion.aspect or role.weak)]
        start = min([h.start for h in near] + [opinion.start])
        end = max([h.end for h in near] + [opinion.end])
        start, end = (start, end) if end - start <= 2 * REACH else said
        yield _Judgement(opinion.aspect, opinion.polarity, start, end, said), near
        return
    for hit in strong or targets[-1:]:
        role = hit.role("term")
        polarity = _polarity_for(opinion, role)
        if role and role.aspect and polarity is not None:
            start, end = min(hit.start, opinion.start), max(hit.end, opinion.end)
            yield _Judgement(role.aspect, polarity, start, end, said), [hit]


def _borrowed(opinion: Opinion, terms: list[Hit]) -> bool:
    """Whether the term named decides, not the word: 太薄 is said of soup and of fabric, 好看 of a box too."""
    packaging = (role := terms[-1].role("term")) is not None and role.aspect == "packaging"
    return opinion.hit.role("excess") is not None or (opinion.aspect == "appearance" and packaging)


def _polarity_for(opinion: Opinion, term: Role | None) -> int | None:
    """The polarity of the opinion for this term; None when the word says nothing of such a term."""
    own = opinion.hit.role("opinion", "worse", "excess")
    scaled = next((r for r in opinion.hit.roles if r.kind == "scaled" and term and r.scale == term.scale), None)
    if scaled:
        return scaled.polarity * opinion.polarity if own is None else scaled.polarity * _turned(opinion, own)
    return opinion.polarity if own else None


def _turned(opinion: Opinion, own: Role) -> int:
    """-1 when a modifier turned the word round."""
    return -1 if own.polarity and own.polarity != opinion.polarity else 1


def _targets(text: str, terms: list[Hit], said: list[Opinion], number: int) -> list[Hit]:
    """The terms of the clause an opinion is about: those before it, or the one right after it."""
    opinion = said[number]
    left = said[number - 1].end if number else 0
    right = said[number + 1].start if number + 1 < len(said) else len(text)
    before = [h for h in terms if left <= h.start < opinion.hit.start]
    after = [h for h in terms if opinion.hit.end <= h.start < right]
    if after and _describes(text, opinion, after[0], before):
        return after[:1]
    return before or after[:1] or [h for h in terms if h.start < opinion.hit.start][-1:]


def _describes(text: str, opinion: Opinion, after: Hit, before: list[Hit]) -> bool:
    """Whether the opinion stands as an adjective before the term: "good food", 不错的口味."""
    gap = text[opinion.hit.end : after.start]
    if text[opinion.hit.end - 1].isascii():
        verb = before and _COPULA.search(text, before[-1].end, opinion.hit.start)
        return len(gap) <= 12 and not verb
    return gap.startswith("的") and len(gap) <= 3
