"""Cards of authors (elasticsearch_cards) kept in this process: a page of mentions needs one request, not two.

No card is older than the mentions that it is shown with (elasticsearch_places.STALE_SECONDS), and this process sees
its own writes at once. Every write has the next sequence number of the one shard that the cards have, so what came
since the last known number is read when there is something. Cards that vanished, of an erased author, are missed
in the count; then all are read again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from index.stores.elasticsearch_scan import hits

MOST = 100_000  # about 30 MB; when there are more, those of each page are asked for
BATCH = 5000
FIELDS = ["author", "customer", "brand", "score"]
STATS = ("uuid", "primaries.docs.count", "shards.*.seq_no.global_checkpoint")

Known = tuple[dict[str, str], dict[tuple[str, str], float]]  # customers by author; scores by author and brand


class Mark(NamedTuple):
    """Which index holds the cards, how many there are, and the last write that one copy or all copies have."""

    uuid: str
    cards: int
    newest: int
    settled: int


class KeptCards:
    """Used by any number of threads."""

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index
        self._lock = threading.Lock()
        self._customers: dict[str, str | None] = {}
        self._scores: dict[str, dict[str, float]] = {}
        self._mark: Mark | None = None  # how far they were read; None: not kept
        self._look = 0  # at which they were last compared with the cluster
        self._doubts = self._settled_doubts = 0

    def doubt(self) -> None:
        """This process wrote some."""
        self._doubts += 1

    def known(self, authors: Collection[str], look: int) -> Known | None:
        """As the cluster was at this look (Places.freshen) or later. None when they are not kept: there are too
        many, or it is the first look, which a command has no second of: not worth reading them all."""
        with self._lock:
            first = self._look == 0
            if not first and (look != self._look or self._doubts != self._settled_doubts):
                self._catch_up()
            self._look = look
            return self._of(authors) if self._mark else None

    def _of(self, authors: Collection[str]) -> Known:
        customers = {author: known for author in authors if (known := self._customers.get(author))}
        scores = {(author, b): n for author in authors for b, n in self._scores.get(author, {}).items()}
        return customers, scores

    def _catch_up(self) -> None:
        doubts, mark = self._doubts, self._where()
        if mark != self._mark or doubts != self._settled_doubts:
            if not self._mark or mark.uuid != self._mark.uuid or mark.cards < self._number():
                self._forget()
            if mark.cards <= MOST:
                self._read(self._mark.settled if self._mark else -1)
                self._mark = mark
            else:
                self._forget()
        self._settled_doubts = doubts

    def _read(self, known: int) -> None:
        """Those written behind the known sequence number."""
        self._client.indices.refresh(index=self._index)
        newer = {"range": {"_seq_no": {"gt": known}}}
        for hit in hits(self._client, self._index, newer, batch=BATCH, fields=FIELDS):
            card = hit["_source"]
            if "score" in card:
                self._scores.setdefault(card["author"], {})[card["brand"]] = card["score"]
            else:
                self._customers[card["author"]] = card.get("customer")

    def _where(self) -> Mark:
        only = ",".join(f"indices.*.{name}" for name in STATS)
        stats = self._client.indices.stats(index=self._index, level="shards", metric="docs", filter_path=only)
        found: Mapping[str, Any] = stats["indices"][self._index]
        copies = [copy["seq_no"]["global_checkpoint"] for copy in found["shards"]["0"]]
        return Mark(found["uuid"], found["primaries"]["docs"]["count"], max(copies), min(copies))

    def _number(self) -> int:
        return len(self._customers) + sum(map(len, self._scores.values()))

    def _forget(self) -> None:
        self._mark = None
        self._customers.clear()
        self._scores.clear()
