"""What a text speaks of (taste, price, service ...) and how, clause by clause.

Rules: find the words of the lexicon, cut the text into clauses, give each opinion its polarity (negation, too
much, comparison, irony) and the terms it is about. A trained model takes over by being an AspectFinder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from index.documents import Aspect, SentimentLabel
from index.text import normalise_with_offsets
from nlp.lexicon import load
from nlp.opinion_words import Hit, Role
from nlp.opinion_words import find as find_words

NAMES: tuple[str, ...] = tuple(load("aspects")["names"])
LABELS: dict[str, dict[str, str]] = load("aspects")["names"]  # name -> {"zh": ..., "en": ...} for display

MAX_CHARS = 6_000  # characters read: opinions of a longer article are about more than the brand
REACH = 28  # characters over which a negation or "too" reaches its opinion ("did not find the staff very ...")
REACH_HAN = 9  # the same in Chinese ("没有想象中那么好吃")
CARRY = 2  # clauses an aspect stays the subject: "味道呢，说实话，一般"
CERTAIN = 0.5  # probability from which the sentiment of the whole mention colours its only clause

_SENTIMENT: dict[int, SentimentLabel] = {-1: "negative", 0: "neutral", 1: "positive"}
_HAN = "\u4e00-\u9fff"
_STOP = re.compile(
    rf"[，。！？；!?;…~～\n\r|—–]+|,(?!\d)|[.:](?!\d)(?=\s|$)|(?<=[{_HAN}])\s+(?=[{_HAN}])|[\u2600-\u27bf\U0001f300-\U0001faff]+"
)
_COPULA = re.compile(
    r"\b(?:is|was|are|were|be|been|being|'s|tastes?|tasted|feels?|felt|seems?|seemed|became|got|gets)\b"
)
_EXTREME = re.compile("[得到](?:要命|要死|不行|发|离谱|吓人|怀疑|爆|牙|喉|齁|难受|没法|让人)|死[我了人]|爆了|过头")
_PAST = re.compile(r"以前|从前|之前|原来|曾经|当初|\bused to\b")
_NOW = re.compile(r"\s*(?:现在|如今|这次|今天|最近|但现在|now\b|but now\b|not any)")
_MORE = re.compile(r".{0,4}(?:点|些|就好|就完美|就更)")


class AspectFinder(Protocol):
    """What finds aspects: RuleFinder now, a trained model later."""

    def find(self, text: str, sentiment: Mapping[str, float] | None = None) -> tuple[Aspect, ...]:
        """The aspects of `text`, in reading order. Total: any string has an answer."""
        ...


class _Clause(NamedTuple):
    start: int
    end: int
    hits: list[Hit]


class _Opinion(NamedTuple):
    """A polarity said at [start, end), modifiers included, about `aspect` or about what stands nearby."""

    start: int
    end: int
    polarity: int
    hit: Hit
    aspect: str | None


class _Judgement(NamedTuple):
    aspect: str
    polarity: int
    start: int
    end: int
    said: tuple[int, int]


class RuleFinder:
    """Finds aspects by words and rules; see the module. Holds no state."""

    def find(self, text: str, sentiment: Mapping[str, float] | None = None) -> tuple[Aspect, ...]:
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
        clauses = list(_clauses(norm, hits))
        found = list(_judge(norm, clauses))
        if len(clauses) == 1 and not any(j.polarity for j in found):
            found = [j._replace(polarity=_mood(sentiment)) for j in found]
        return tuple(_document(text, offsets, j) for j in _merged(found))


def find(text: str, sentiment: Mapping[str, float] | None = None) -> tuple[Aspect, ...]:
    """The aspects `text` speaks of, by the rules: see RuleFinder.find."""
    return _RULES.find(text, sentiment)


_RULES = RuleFinder()


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


def _clauses(text: str, hits: list[Hit]) -> Iterator[_Clause]:
    """Clauses that hold words of the lexicon. A clause ends at a mark, and before "but"."""
    stops = [(m.start(), m.end()) for m in _STOP.finditer(text)]
    stops += [(h.start, h.start) for h in hits if h.role("break")]
    start, at = 0, 0
    for stop, after in [*sorted(stops), (len(text), len(text))]:
        inside = []
        while at < len(hits) and hits[at].start < stop:
            inside.append(hits[at])
            at += 1
        if inside or text[start:stop].strip():
            yield _Clause(start, stop, inside)
        start = after


def _judge(text: str, clauses: list[_Clause]) -> Iterator[_Judgement]:
    carried: list[Hit] = []
    age = 0
    for clause in clauses:
        terms = [h for h in clause.hits if h.role("term")]
        opinions = _opinions(text, clause)
        about: set[Hit] = set()
        for number, opinion in enumerate(opinions):
            targets = _targets(text, terms, opinions, number) or (carried if not terms else [])
            for judgement, target in _apply(opinion, targets):
                yield judgement
                about.update(target)
        unsaid = [h for h in terms if h not in about]
        yield from (_named(h, role) for h in unsaid if (role := h.role("term")) and not role.weak)
        strong = [h for h in unsaid if not opinions]
        age = 0 if terms else age + 1
        carried = strong if terms else (carried if age < CARRY and not opinions else [])


def _named(hit: Hit, role: Role) -> _Judgement:
    return _Judgement(role.aspect or "", 0, hit.start, hit.end, (hit.start, hit.end))


def _apply(opinion: _Opinion, targets: list[Hit]) -> Iterator[tuple[_Judgement, list[Hit]]]:
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


def _borrowed(opinion: _Opinion, terms: list[Hit]) -> bool:
    """Whether the term named decides, not the word: 太薄 is said of soup and of fabric, 好看 of a box too."""
    packaging = (role := terms[-1].role("term")) is not None and role.aspect == "packaging"
    return opinion.hit.role("excess") is not None or (opinion.aspect == "appearance" and packaging)


def _polarity_for(opinion: _Opinion, term: Role | None) -> int | None:
    """The polarity of the opinion for this term; None when the word says nothing of such a term."""
    own = opinion.hit.role("opinion", "worse", "excess")
    scaled = next((r for r in opinion.hit.roles if r.kind == "scaled" and term and r.scale == term.scale), None)
    if scaled:
        return scaled.polarity * opinion.polarity if own is None else scaled.polarity * _turned(opinion, own)
    return opinion.polarity if own else None


def _turned(opinion: _Opinion, own: Role) -> int:
    """-1 when a modifier turned the word round."""
    return -1 if own.polarity and own.polarity != opinion.polarity else 1


def _targets(text: str, terms: list[Hit], opinions: list[_Opinion], number: int) -> list[Hit]:
    """The terms of the clause an opinion is about: those before it, or the one right after it."""
    opinion = opinions[number]
    left = opinions[number - 1].end if number else 0
    right = opinions[number + 1].start if number + 1 < len(opinions) else len(text)
    before = [h for h in terms if left <= h.start < opinion.hit.start]
    after = [h for h in terms if opinion.hit.end <= h.start < right]
    if after and _describes(text, opinion, after[0], before):
        return after[:1]
    return before or after[:1] or [h for h in terms if h.start < opinion.hit.start][-1:]


def _describes(text: str, opinion: _Opinion, after: Hit, before: list[Hit]) -> bool:
    """Whether the opinion stands as an adjective before the term: "good food", 不错的口味."""
    gap = text[opinion.hit.end : after.start]
    if text[opinion.hit.end - 1].isascii():
        verb = before and _COPULA.search(text, before[-1].end, opinion.hit.start)
        return len(gap) <= 12 and not verb
    return gap.startswith("的") and len(gap) <= 3


def _opinions(text: str, clause: _Clause) -> list[_Opinion]:
    found: list[_Opinion] = []
    since = clause.start
    for number, hit in enumerate(clause.hits):
        role = hit.role("opinion", "excess", "scaled", "worse")
        following = clause.hits[number + 1] if number + 1 < len(clause.hits) else None
        if role is None or (_only_degree(text, hit, following)):
            continue
        opinion = _weigh(text, clause, hit, role, since)
        if opinion:
            found.append(opinion)
            since = hit.end
    return found


def _only_degree(text: str, hit: Hit, following: Hit | None) -> bool:
    """好 before another opinion is "very": 好贵, 好难吃. So are 超 and "pretty"."""
    if following is None or text[hit.start : hit.end] not in (
        "好",
        "爽",
        "强",
        "水",
        "正",
        "pretty",
        "well",
        "super",
    ):
        return False
    gap = text[hit.end : following.start]
    return gap in ("", " ") and following.role("opinion", "excess", "scaled", "not", "too") is not None


def _weigh(text: str, clause: _Clause, hit: Hit, role: Role, since: int) -> _Opinion | None:
    reach = REACH if text[hit.start].isascii() else REACH_HAN
    near = [h for h in clause.hits if since <= h.start < hit.start and hit.start - h.end <= reach]
    kinds = [h.roles[0].kind for h in near]
    denied = kinds.count("not") % 2 == 1
    if role.kind == "excess":
        too = "too" in kinds or _EXTREME.match(text, hit.end) is not None
        polarity = _excess(role, denied, too, "enough" in kinds)
        if polarity == 0 and not hit.role("scaled"):
            return None  # 甜 alone praises nothing and blames nothing
        if polarity == 0:
            role, polarity = Role("scaled"), -1 if denied else 1
    elif role.kind == "scaled":
        polarity = -1 if denied or "enough" in kinds else 1  # a factor on what the scale says
    elif role.kind == "worse":
        polarity = -1
    else:
        polarity = _worded(text, clause, hit, role, denied, kinds)
    start = min([h.start for h in near if h.role("not", "too", "enough", "irony", "worse")] + [hit.start])
    return _Opinion(start, hit.end, polarity, hit, role.aspect)


def _excess(role: Role, denied: bool, too: bool, lacking: bool) -> int:
    if lacking:
        return -1
    if too:
        return 1 if denied else -1  # 不会太甜 · 太甜
    if role.weak:
        return 0
    return 1 if denied else -1


def _after(text: str, end: int) -> int:
    stop = _STOP.match(text, end)
    return stop.end() if stop else end


def _worded(text: str, clause: _Clause, hit: Hit, role: Role, denied: bool, kinds: Sequence[str]) -> int:
    polarity = role.polarity
    before = [h.roles[0].kind for h in clause.hits if h.start < hit.start]
    after = next((h for h in clause.hits if h.start == hit.end), None)
    past = _PAST.search(text, clause.start, hit.start) and _NOW.match(text, _after(text, clause.end))
    mocked = past or "irony" in before or (after is not None and after.role("irony_after") is not None)
    wished = "hope" in before and (text[hit.start].isascii() or _MORE.match(text, hit.end) is not None)
    if denied or (polarity == 1 and (mocked or wished or "worse" in before or "enough" in kinds)):
        # 不难吃 is faint praise at best, 不坑 is praise
        return 0 if polarity == -1 and text[hit.start] == "难" else -polarity
    return polarity
