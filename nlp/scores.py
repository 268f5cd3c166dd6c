"""Keeps the KOC scores of authors fresh while mentions come in."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from index.crm.customers import Customers
from index.documents import Record
from index.query import MentionQuery
from index.settings import Settings
from index.stores.protocol import Store
from nlp import influence

PERIOD = timedelta(days=90)  # of an author's posts that count: long enough for a rhythm, short enough to be now
EVERY = 5.0  # seconds: an author who writes ten comments in a row is scored once
CHUNK = 200  # authors asked for at once


class Scores:
    """Remembers whose mentions were saved and scores these authors, brand by brand. For one thread."""

    def __init__(self, settings: Settings, store: Store, customers: Customers) -> None:
        self._koc, self._currency = settings.koc, settings.currency
        self._store = store
        self._customers = customers
        # brand -> author -> clusters of near-duplicates that these mentions are in
        self._touched: dict[str, dict[str, set[str]]] = defaultdict(dict)
        self._next = time.monotonic() + EVERY

    def remember(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.mention.author:
                for brand in record.mention.brands:
                    clusters = self._touched[brand].setdefault(record.mention.author.id, set())
                    if record.analysis.cluster:
                        clusters.add(record.analysis.cluster)

    def refresh(self, *, at_once: bool = False) -> None:
        """Score some of whom `remember` was told of, when it is time, or all of them `at_once`.

        Some: one chunk a call, so that mentions that come in meanwhile do not wait long. Raises StoreError;
        then they stay remembered.
        """
        while self._touched and (at_once or time.monotonic() >= self._next):
            brand, authors = next(iter(self._touched.items()))
            chunk = sorted(authors)[:CHUNK]
            organised = self._score(brand, chunk)
            others = self._others(brand, {key for author in organised for key in authors[author]})
            for author in chunk:
                del authors[author]
            for author in others - set(chunk):
                authors.setdefault(author, set())
            if not authors:
                del self._touched[brand]
            if not self._touched:
                self._next = time.monotonic() + EVERY
            if not at_once:
                break

    def _others(self, brand: str, clusters: set[str]) -> set[str]:
        """Who else posted there: whoever began a campaign looked honest until others joined."""
        if not clusters:
            return set()
        since = datetime.now(UTC) - PERIOD
        question = MentionQuery(brands=(brand,), clusters=tuple(sorted(clusters)), since=since)
        hits = self._store.search(question, limit=CHUNK, highlight=False).hits
        return {hit.record.mention.author.id for hit in hits if hit.record.mention.author}

    def _score(self, brand: str, authors: list[str]) -> list[str]:
        """Returns those who posted together with others."""
        now = datetime.now(UTC)
        facts = self._store.author_facts(brand, since=now - PERIOD, authors=authors)
        ids = list(dict.fromkeys(one.customer_id for one in facts if one.customer_id))
        customers = {customer.id: customer for customer in self._customers.get_many(ids)} if ids else {}
        self._store.set_influence(
            [
                influence.score(
                    one, self._koc, customers.get(one.customer_id or ""), now=now, currency=self._currency
                )
                for one in facts
            ]
        )
        return [one.author.id for one in facts if one.coordinated_posts]
