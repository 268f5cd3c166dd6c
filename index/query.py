"""What to look for: the filters of a page, and what the search box asks for as a tree of nodes.

The language of the search box is read by index/query_language.py, once for every store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from index.documents import Document
from index.text import spans, words

RELEVANT_TIMES = 3  # said more often, a word makes a text no more relevant: it is spam or a list

Sort = Literal["newest", "relevance", "engagement"]


class Term(Document, frozen=True, kw_only=True, tag=True):
    """Consecutive normalised tokens. `prefix`: the last token may go on (written `word*`)."""

    tokens: tuple[str, ...]
    prefix: bool = False

    def at(self, found: Sequence[str]) -> bool:
        """Whether these words, as many as `tokens`, are what the term asks for."""
        last = found[-1].startswith(self.tokens[-1]) if self.prefix else found[-1] == self.tokens[-1]
        return last and tuple(found[:-1]) == self.tokens[:-1]


class FieldIs(Document, frozen=True, kw_only=True, tag=True):
    """`field:value`, such as `platform:weibo` or `sentiment:negative`."""

    field: str
    value: str


class Not(Document, frozen=True, kw_only=True, tag=True):
    node: Node


class And(Document, frozen=True, kw_only=True, tag=True):
    nodes: tuple[Node, ...]


class Or(Document, frozen=True, kw_only=True, tag=True):
    nodes: tuple[Node, ...]


Node = Term | FieldIs | Not | And | Or


class MentionQuery(Document, frozen=True, kw_only=True):
    """One question to a store. Values of one filter are OR, filters are AND; empty means no restriction.

    `since` is inclusive, `until` exclusive. `text` is the search box as written. `authors` are ids.
    `min_followers` and `min_engagement` leave out mentions of which the number is not known.
    `hide_spam` keeps those below 0.5 and those not judged. `clusters` are keys of Analysis.cluster; `not_clusters`
    leaves theirs out and keeps mentions without one.

    `sort` newest: by published_at, then id, both descending, as every sort does among equals. relevance: how often
    the wanted words are said, each counting RELEVANT_TIMES at most; then the shorter text; newest without words.
    engagement: the sum of known counters, unknown last.
    """

    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    brands: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    aspect_sentiment: str | None = None
    intents: tuple[str, ...] = ()
    langs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    linked: bool | None = None
    min_followers: int | None = None
    min_engagement: int | None = None
    hide_spam: bool = False
    clusters: tuple[str, ...] = ()
    not_clusters: tuple[str, ...] = ()
    sort: Sort = "newest"


def write(node: Node) -> str:
    """A search-box text that `parse` reads as this node."""
    match node:
        case Term():
            return f'"{" ".join(node.tokens)}"{"*" if node.prefix else ""}'
        case FieldIs():
            return f'{node.field}:"{node.value}"'
        case Not():
            inner = write(node.node)
            return f"-({inner})" if isinstance(node.node, And | Or) else f"-{inner}"
        case And():
            return " ".join(f"({write(n)})" if isinstance(n, Or | And) else write(n) for n in node.nodes)
        case Or():
            return " OR ".join(f"({write(n)})" if isinstance(n, Or) else write(n) for n in node.nodes)


def highlight(text: str, node: Node | None) -> tuple[tuple[int, int], ...]:
    """Where the wanted words stand in `text`: spans (start, end) in characters, in order, not touching."""
    terms = list(wanted_terms(node)) if node else []
    if not terms:
        return ()
    said = words(text)
    found = spans(text, said, sorted({run for term in terms for run in _occurrences(term, said)}))
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def wanted_terms(node: Node) -> Iterator[Term]:
    """The terms of a query that a hit may contain: those not under a minus."""
    match node:
        case Term():
            yield node
        case And() | Or():
            for inner in node.nodes:
                yield from wanted_terms(inner)


def ranking_terms(node: Node | None) -> list[Term]:
    """What the order by relevance goes by: the terms of those parts of the query that ask for words alone."""
    parts: tuple[Node, ...] = node.nodes if isinstance(node, And) else (node,) if node else ()
    return [term for part in parts if _only_words(part) for term in wanted_terms(part)]


def _only_words(node: Node) -> bool:
    return isinstance(node, Term) or (isinstance(node, And | Or) and all(map(_only_words, node.nodes)))


def _occurrences(term: Term, said: list[str]) -> Iterator[tuple[int, int]]:
    """Runs [first, last) of the words said."""
    size, first = len(term.tokens), term.tokens[0]
    for i in range(len(said) - size + 1):
        if (said[i] == first or size == 1) and term.at(said[i : i + size]):
            yield i, i + size
