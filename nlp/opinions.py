"""Clauses of a text and the opinions in them: which polarity a word has once its neighbours are heard.

不 and "not" turn it round, 太 makes a fault of 甜, 希望便宜点 is no praise, nor is 这也叫好喝 or 好喝个屁.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nlp.opinion_words import Hit, Role

REACH = 28  # characters over which a negation or "too" reaches its opinion ("did not find the staff very ...")
REACH_HAN = 9  # the same in Chinese ("没有想象中那么好吃")
MAX_HITS = 120  # words of the lexicon in one clause; more is no clause, and each is compared with all before it

_HAN = "\u4e00-\u9fff"
_STOP = re.compile(
    rf"[，。！？；!?;…~～\n\r|—–]+|,(?!\d)|[.:](?!\d)(?=\s|$)|(?<=[{_HAN}])\s+(?=[{_HAN}])"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff]+"
)
_EXTREME = re.compile("[得到](?:要命|要死|不行|发|离谱|吓人|怀疑|爆|牙|喉|齁|难受|没法|让人)|死[我了人]|爆了|过头")
_PAST = re.compile(r"以前|从前|之前|原来|曾经|当初|\bused to\b")
_NOW = re.compile(r"\s*(?:现在|如今|这次|今天|最近|但现在|now\b|but now\b|not any)")
_MORE = re.compile(r".{0,4}(?:点|些|就好|就完美|就更)")
_DEGREES = frozenset(("好", "爽", "强", "水", "正", "pretty", "well", "super"))


class Clause(NamedTuple):
    """Characters [start, end) of the text, and the words of the lexicon in them."""

    start: int
    end: int
    hits: list[Hit]


class Opinion(NamedTuple):
    """A polarity said at [start, end), modifiers included, about `aspect` or about what stands nearby."""

    start: int
    end: int
    polarity: int
    hit: Hit
    aspect: str | None


def clauses(text: str, hits: list[Hit]) -> Iterator[Clause]:
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
            yield Clause(start, stop, inside[:MAX_HITS])
        start = after


def opinions(text: str, clause: Clause) -> list[Opinion]:
    """The opinions of a clause, in order. `polarity` of a scaled word is a factor on what its scale says."""
    found: list[Opinion] = []
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
    if following is None or text[hit.start : hit.end] not in _DEGREES:
        return False
    gap = text[hit.end : following.start]
    return gap in ("", " ") and following.role("opinion", "excess", "scaled", "not", "too") is not None


def _weigh(text: str, clause: Clause, hit: Hit, role: Role, since: int) -> Opinion | None:
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
    return Opinion(start, hit.end, polarity, hit, role.aspect)


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


def _worded(text: str, clause: Clause, hit: Hit, role: Role, denied: bool, kinds: Sequence[str]) -> int:
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
