"""Standing queries over what comes in: a mention that matches a rule becomes a case, or joins an open one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from index import categories
from index.alerts.casebook import COLUMNS, open_or_merge, read_cases
from index.alerts.rules import Match, matches, may_matter, own_brands, rules_of
from index.crm.links import customers_of
from index.documents import Case, Link, Record
from index.query import MentionQuery
from index.records import open_records
from index.records.protocol import Records
from index.settings import Settings
from index.stores.protocol import Store

AUTHORS_AT_ONCE = 100


class AlertEngine:
    """Safe from several processes at once: two that see the same mention open one case."""

    def __init__(self, settings: Settings, store: Store, records: Records | None = None) -> None:
        self.records = records or open_records(settings)
        self._store = store
        self._own = own_brands(settings)
        self._rules = rules_of(settings)
        self._categories = categories.names(settings)

    def consider(self, records: Sequence[Record], now: datetime | None = None) -> list[Case]:
        """Open cases, or merge into open ones, for saved records; call after `Linker.observe`.

        One transaction holds the cases and what is to be sent about them. A mention that is in a case already
        changes nothing. Returns the cases touched.
        """
        now = now or datetime.now(UTC)
        found = self._found([record for record in records if may_matter(record, self._own)], now)
        if not found:
            return []
        touched: dict[str, None] = {}
        with self.records.write() as transaction:
            for match, record in sorted(found, key=_oldest_first):
                case_id = open_or_merge(transaction, match, record, now)
                if case_id is not None:
                    touched[case_id] = None
        return self._read(list(touched))

    def reconsider(self, links: Sequence[Link], now: datetime | None = None) -> list[Case]:
        """Look again at the recent mentions of accounts that turned out to be customers; call with what
        `Linker.link_existing` or `Linker.link` returned."""
        now = now or datetime.now(UTC)
        authors = tuple(sorted({link.author_id for link in links if link.status == "linked"}))
        since = now - timedelta(hours=max(rule.max_age_hours for rule in self._rules))
        cases: dict[str, Case] = {}
        for start in range(0, len(authors), AUTHORS_AT_ONCE):
            query = MentionQuery(authors=authors[start : start + AUTHORS_AT_ONCE], since=since)
            cases |= {case.id: case for case in self.consider(list(self._store.scan(query)), now)}
        return list(cases.values())

    def _found(self, records: Sequence[Record], now: datetime) -> list[tuple[Match, Record]]:
        """Matches of mentions that are in no case of that brand yet."""
        if not records:
            return []
        authors = {r.mention.author.id for r in records if r.mention.author}
        linked = customers_of(self.records, authors)
        found = []
        for record in records:
            author = record.mention.author
            customer = linked.get(author.id) if author else None
            told = matches(record, self._rules, self._own, customer, now, self._categories)
            found += [(match, record) for match in told]
        known = self.records.all(
            "SELECT mention_id, brand FROM case_mentions WHERE mention_id IN (SELECT value FROM json_each(?))",
            ([record.mention.id for _, record in found],),
        )
        return [(match, record) for match, record in found if (record.mention.id, match.brand) not in set(known)]

    def _read(self, ids: Sequence[str]) -> list[Case]:
        rows = self.records.all(
            f"SELECT {COLUMNS} FROM cases WHERE id IN (SELECT value FROM json_each(?)) ORDER BY due_at, id",  # noqa: S608
            (list(ids),),
        )
        return read_cases(self.records, rows)


def _oldest_first(found: tuple[Match, Record]) -> tuple[datetime, str, str]:
    match, record = found
    return record.mention.published_at, record.mention.id, match.brand
