"""The store: where analysed mentions live and are found.

One contract, every store through the same tests (tests/contracts/test_stores*.py). The same question gets the
same answer from each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from index.documents import Author, AuthorFacts, Correction, Document, Influence, Record
from index.query import MentionQuery
from index.stores.traces import Trace

Saved = Literal["inserted", "updated", "unchanged", "stale", "erased"]
Facet = Literal["brand", "platform", "sentiment", "aspect", "intent", "lang", "source", "kind", "region", "cluster"]


class Hit(Document, frozen=True, kw_only=True):
    """A record found. `highlights` are (start, end) in `mention.full_text`, in characters."""

    record: Record
    highlights: tuple[tuple[int, int], ...] = ()


class Page(Document, frozen=True, kw_only=True):
    """A page of hits. `cursor` continues it (opaque, safe in a URL); None on the last page."""

    hits: tuple[Hit, ...]
    cursor: str | None = None


class SentimentCounts(Document, frozen=True, kw_only=True):
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    unsure: int = 0

    @property
    def total(self) -> int:
        return self.negative + self.neutral + self.positive + self.unsure

    @property
    def net(self) -> float | None:
        """Net sentiment: (positive - negative) / all labelled, in -1..1; None without any."""
        labelled = self.negative + self.neutral + self.positive
        return (self.positive - self.negative) / labelled if labelled else None


class Bucket(Document, frozen=True, kw_only=True):
    """One value of a facet or one step of a histogram, with its mentions by sentiment."""

    key: str
    counts: SentimentCounts


class AuthorStat(Document, frozen=True, kw_only=True):
    author: Author
    mentions: int
    engagement: int
    counts: SentimentCounts
    influence: Influence | None = None
    customer_id: str | None = None


class Store(Protocol):
    """Every method is safe from several processes at once. All raise StoreError when the store is unusable."""

    def save(self, records: Sequence[Record]) -> list[Saved]:
        """Write a batch durably and idempotently, one outcome per record, in order.

        "unchanged": same digest and same analysis. "stale": a higher version is there already. "erased": the
        author was erased, nothing is written. A record whose mention is `deleted` removes the mention
        ("updated"). Corrections, links and scores that are in the store are kept; `koc`,
        `customer_id` and `corrected_sentiment` of the argument are ignored.
        """

    def digests(self, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Version and digest of those mentions that are stored: lets a gatherer drop exact repeats."""

    def get(self, ids: Sequence[str]) -> list[Record | None]: ...

    def search(
        self, query: MentionQuery, *, limit: int = 20, cursor: str | None = None, highlight: bool = True
    ) -> Page: ...

    def scan(self, query: MentionQuery, *, batch: int = 1000, plain: bool = False) -> Iterator[Record]:
        """All matches, newest first, in constant memory: for exports and re-scoring.

        `plain`: as they were saved, without what people, links and scores add."""

    def count(self, query: MentionQuery) -> int: ...

    def facets(self, query: MentionQuery, fields: Sequence[Facet], *, size: int = 20) -> dict[str, list[Bucket]]:
        """For each field its values, most frequent first, ties by key. Multi-valued fields (brand, aspect,
        intent) count a mention once per value; for "aspect" the counts are by the aspect's own sentiment."""

    def histogram(
        self, query: MentionQuery, *, step: Literal["hour", "day"] = "day", zone: str = "Asia/Shanghai"
    ) -> list[Bucket]:
        """Mentions by time and sentiment; key is the local ISO date or hour; empty steps are left out."""

    def top_authors(
        self,
        query: MentionQuery,
        *,
        by: Literal["mentions", "engagement", "koc"] = "mentions",
        limit: int = 20,
    ) -> list[AuthorStat]: ...

    def author(self, author_id: str) -> AuthorStat | None: ...

    def author_facts(
        self, brand: str, *, since: datetime, authors: Sequence[str] | None = None
    ) -> list[AuthorFacts]:
        """What each author (of `authors`, else everybody) did about `brand` from `since` on; busiest first."""

    def find_authors(self, platform: str, names: Sequence[str]) -> list[Author]:
        """Authors of a platform whose native id, handle or name equals one of `names` exactly."""

    def set_influence(self, scores: Sequence[Influence]) -> None: ...

    def set_customer(self, author_id: str, customer_id: str | None) -> None:
        """All mentions of this account, past and future, belong to this customer (None: to nobody)."""

    def influences(self) -> Iterator[Influence]:
        """Every score that is set."""

    def customers(self) -> Iterator[tuple[str, str]]:
        """Every account that belongs to a customer, as (author id, customer id)."""

    def correct(self, correction: Correction) -> Record:
        """Keep a person's label. Raises NotFound."""

    def corrections(self) -> Iterator[Correction]: ...

    def delete(self, ids: Sequence[str]) -> int: ...

    def erase_author(self, author_id: str) -> int:
        """Remove an author and every mention of theirs, unrecoverably; later saves return "erased"."""

    def trace_key(self) -> bytes:
        """The key of the traces, as secret as the store itself. `traces` are worth nothing without it."""

    def traces(self) -> Iterator[Trace]:
        """What is remembered of mentions removed and authors erased."""

    def keep_traces(self, key: bytes, traces: Iterable[Trace]) -> None:
        """Take over the traces and the key of another store: what was removed there goes here too, and stays away.

        Raises Conflict when this store has traces under another key."""

    def changed_since(self, moment: datetime) -> bool:
        """Whether anything was written after `moment`: lets pages keep a cached picture."""

    def health(self) -> dict[str, Any]:
        """Facts for the doctor: address, versions, mentions, size in bytes, newest mention."""

    def close(self) -> None: ...
