"""The list of mentions with near-duplicates folded: one card for each cluster, over all pages.

Store-neutral: each page goes on where the one before stopped and asks for what belongs to no cluster shown so far;
the size of each cluster is counted under the same filters.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from msgspec.structs import replace

from index.documents import Record
from index.query import MentionQuery
from index.stores.protocol import Hit, Store

ROUNDS = 5  # searches for one page; a page of many copies may hold fewer cards
_SIGNS = ("P", "Z", "C")  # of Unicode: punctuation, blanks, control; digits and emoji are part of what is said


class Card(NamedTuple):
    """A hit and how many of the same text, or nearly, were folded into it."""

    hit: Hit
    same: int = 0

    @property
    def cluster(self) -> str | None:
        return self.hit.record.analysis.cluster


class FoldedPage(NamedTuple):
    """`seen` are the clusters shown on this page and before it; without a `cursor` it is the last page."""

    cards: tuple[Card, ...]
    number: int
    cursor: str | None = None
    seen: tuple[str, ...] = ()


def next_page(store: Store, query: MentionQuery, limit: int, before: FoldedPage | None = None) -> FoldedPage:
    """The page after `before`, or that one again when it was the last. Raises QueryError and StoreError."""
    if before is not None and before.cursor is None:
        return before
    cursor = before.cursor if before else None
    seen = list(before.seen if before else ())
    fold = not query.clusters  # who asks for a cluster wants to see its members
    cards: dict[tuple[str, str], Card] = {}
    for _ in range(ROUNDS):
        wanted = replace(query, not_clusters=tuple(seen)) if fold else query
        page = store.search(wanted, limit=limit - len(cards), cursor=cursor)
        for hit in page.hits:
            key = _key(hit.record) if fold else (hit.record.mention.id, "")
            known = cards.get(key)
            cards[key] = known._replace(same=known.same + 1) if known else Card(hit)
        seen += [c for hit in page.hits if (c := hit.record.analysis.cluster) and c not in seen]
        cursor = page.cursor
        if cursor is None or len(cards) >= limit:
            break
    shown = _counted(store, query, list(cards.values())) if fold else list(cards.values())
    return FoldedPage(tuple(shown), before.number + 1 if before else 1, cursor, tuple(seen))


def _key(record: Record) -> tuple[str, str]:
    """The cluster; without one, texts are the same that differ in nothing but punctuation. Those cannot be opened
    from their card, so none of another sentiment may be among them."""
    if record.analysis.cluster:
        return record.analysis.cluster, ""
    words = "".join(c for c in record.mention.full_text.lower() if unicodedata.category(c)[0] not in _SIGNS)
    return words or record.mention.id, record.sentiment


def _counted(store: Store, query: MentionQuery, cards: list[Card]) -> list[Card]:
    clusters = tuple(card.cluster for card in cards if card.cluster)
    if not clusters:
        return cards
    wanted = replace(query, clusters=clusters)
    found = store.facets(wanted, ["cluster"], size=len(clusters))["cluster"]
    sizes = {bucket.key: bucket.counts.total for bucket in found}
    return [card._replace(same=sizes.get(card.cluster, 1) - 1) if card.cluster else card for card in cards]
