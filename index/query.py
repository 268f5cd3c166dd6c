"""What to look for: the filters of a page and the search-box language, parsed once for every store.

The language: words are AND, `"phrase"`, `OR`, `-not`, `( )`, `field:value`; a run of Chinese characters
is a phrase.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from index.documents import Document

Sort = Literal["newest", "relevance", "engagement"]


class Term(Document, frozen=True, kw_only=True, tag=True):
    """Consecutive normalised tokens. `prefix`: the last token may go on (written `word*`)."""

    tokens: tuple[str, ...]
    prefix: bool = False


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

    `since` is inclusive, `until` exclusive. `text` is the search box as written.
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
    sort: Sort = "newest"


def parse(text: str) -> Node | None:
    """Read the search box; None when it is empty. Raises QueryError with the position of the bad character."""
    raise NotImplementedError
