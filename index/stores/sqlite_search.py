"""Finding mentions and reading them back as records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from index.database import Database
from index.documents import Analysis, Correction, Mention, Record
from index.query import MentionQuery, Sort, highlight
from index.query_language import parse
from index.stores.corrections import corrected
from index.stores.cursors import read_cursor, write_cursor
from index.stores.days import SECOND
from index.stores.protocol import Hit, Page
from index.stores.sqlite_batch import SLOTS
from index.stores.sqlite_conditions import Conditions, Rows

_mentions = msgspec.json.Decoder(Mention)
_analyses = msgspec.json.Decoder(Analysis)
_corrections = msgspec.json.Decoder(Correction)

Place = tuple[tuple[Any, ...], int]  # what the order goes by, the id of the mention last; and the row id
_MID = "(SELECT mid FROM body WHERE rid = m.rid)"


class Searcher:
    def __init__(self, database: Database, conditions: Conditions) -> None:
        self._database = database
        self._conditions = conditions

    def search(self, query: MentionQuery, *, limit: int, cursor: str | None, marked: bool) -> Page:
        with self._database.read():
            rows = self._conditions.rows(query)
            order = "newest" if query.sort == "relevance" and rows.match is None else query.sort
            after = read_cursor(cursor, order, 2 if order == "newest" else 3) if cursor else None
            places = self._places(order, rows, limit + 1, after)
            shown = places[:limit]
            records = self._records([rid for _, rid in shown])
        node = parse(query.text) if marked else None
        hits = tuple(Hit(record=r, highlights=highlight(r.mention.full_text, node)) for r in records)
        more = len(places) > limit
        return Page(hits=hits, cursor=write_cursor(order, *shown[-1][0]) if more and shown else None)

    def scan(self, query: MentionQuery, *, batch: int, plain: bool) -> Iterator[Record]:
        """Newest first. Each batch is a picture of its own, so that a long export holds nobody up."""
        after: Sequence[Any] | None = None
        while True:
            with self._database.read():
                rows = self._conditions.rows(query)
                places = self._newest(rows, batch, after)
                records = (self._plain if plain else self._records)([rid for _, rid in places])
            yield from records
            if len(places) < batch:
                return
            after = places[-1][0]

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        sql = "SELECT mid, rid FROM body WHERE mid IN (SELECT value FROM json_each(?))"
        with self._database.read():
            rids: dict[str, int] = dict(self._database.all(sql, (json.dumps(list(ids)),)))
            records = self._records(list(rids.values()))
        by_id = {record.mention.id: record for record in records}
        return [by_id.get(i) for i in ids]

    def _places(self, order: Sort, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        if order == "engagement":
            return self._most_engaging(rows, limit, after)
        if order == "relevance":
            return self._most_relevant(rows, limit, after)
        return self._newest(rows, limit, after)

    def _newest(self, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        """By moment, then id. Row ids follow the moments up to the second and what it spills into later ones, so
        a page is found by row id and the seconds it touches are then put in exact order."""
        if after:
            ts, mid = after
            key = (ts // SECOND + 1 + self._conditions.slack()) * SLOTS
            rows.add(f"{rows.key} < ? AND (m.ts < ? OR (m.ts = ? AND {_MID} < ?))", key, ts, ts, mid)
        sql = f"SELECT m.ts {rows.sql} ORDER BY {rows.key} DESC LIMIT ?"
        found = self._database.all(sql, (*rows.bindings, limit))
        if len(found) == limit:
            rows.add(f"{rows.key} >= ?", min(found)[0] // SECOND * SLOTS)
        sql = f"SELECT m.ts, {_MID} AS mid, m.rid {rows.sql} ORDER BY m.ts DESC, mid DESC LIMIT ?"
        return [(row[:2], row[2]) for row in self._database.all(sql, (*rows.bindings, limit))]

    def _most_engaging(self, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        """Unknown engagement comes last; newer first among equals. The id, which is costly to read, is looked up
        only where it decides: among those equal to the last of the page."""
        order = "coalesce(m.engagement, -1) AS e, m.ts"
        if after:
            rows.add(
                "((coalesce(m.engagement, -1), m.ts) < (?, ?) "
                f"OR (coalesce(m.engagement, -1), m.ts, {_MID}) < (?, ?, ?))",
                *(*after[:2], *after),
            )
        sql = f"SELECT {order} {rows.sql} ORDER BY e DESC, m.ts DESC LIMIT ?"
        found = self._database.all(sql, (*rows.bindings, limit))
        if len(found) == limit:
            rows.add("(coalesce(m.engagement, -1), m.ts) >= (?, ?)", *found[-1])
        sql = f"SELECT {order}, {_MID} AS mid, m.rid {rows.sql} ORDER BY e DESC, m.ts DESC, mid DESC LIMIT ?"
        return [(row[:3], row[3]) for row in self._database.all(sql, (*rows.bindings, limit))]

    def _most_relevant(self, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        """The score is computed for each hit, the id looked up only for the page and what equals its last."""
        score = "relevance(fts, ?)"
        if after:
            said, ts, mid = after
            rows.add(
                f"(({score}, m.ts) < (?, ?) OR (m.ts = ? AND {_MID} < ? AND {score} = ?))",
                *(rows.ranking, said, ts, ts, mid, rows.ranking, said),
            )
        sql = f"SELECT {score} AS said, m.ts, m.rid {rows.sql} ORDER BY said DESC, m.ts DESC LIMIT ?"
        found = self._database.all(sql, (rows.ranking, *rows.bindings, limit))
        if len(found) == limit:
            said, ts, _ = found[-1]
            second = ts // SECOND
            rows.add(f"{rows.key} >= ? AND m.ts = ?", second * SLOTS, ts)
            rows.add(f"{rows.key} < ?", (second + 1 + self._conditions.slack()) * SLOTS)
            sql = f"SELECT {score} AS said, m.ts, m.rid {rows.sql}"
            equal = self._database.all(sql, (rows.ranking, *rows.bindings))
            found = list({*found, *(row for row in equal if row[0] == said)})
        ids = self._ids([rid for *_, rid in found])
        places = sorted(((said, ts, ids[rid]), rid) for said, ts, rid in found)
        return places[::-1][:limit]

    def _ids(self, rids: Sequence[int]) -> dict[int, str]:
        sql = "SELECT rid, mid FROM body WHERE rid IN (SELECT value FROM json_each(?))"
        return dict(self._database.all(sql, (json.dumps(rids),)))

    def _plain(self, rids: Sequence[int]) -> list[Record]:
        """The records at these row ids, in this order, as they were saved."""
        sql = "SELECT b.mention, b.analysis FROM json_each(?) j JOIN body b ON b.rid = j.value ORDER BY j.key"
        rows = self._database.all(sql, (json.dumps(rids),))
        return [Record(mention=_mentions.decode(m), analysis=_analyses.decode(a)) for m, a in rows]

    def _records(self, rids: Sequence[int]) -> list[Record]:
        """The records at these row ids, in this order."""
        sql = (
            "SELECT b.rid, b.mention, b.analysis, m.author, a.customer FROM json_each(?) j "
            "JOIN body b ON b.rid = j.value JOIN mention m ON m.rid = b.rid LEFT JOIN author a ON a.id = m.author"
        )
        rows = self._database.all(sql, (json.dumps(rids),))
        mentions = {rid: _mentions.decode(document) for rid, document, *_ in rows}
        corrections = self._corrections([m.id for m in mentions.values()])
        scores = self._scores([author for *_, author, _ in rows if author is not None])
        records = {}
        for rid, _, analysis, author, customer in rows:
            mention = mentions[rid]
            known = [scores[author, b] for b in (*mention.brands, "") if (author, b) in scores]
            record = Record(
                mention=mention,
                analysis=_analyses.decode(analysis),
                customer_id=customer,
                koc=max(known, default=None),
            )
            records[rid] = corrected(record, corrections.get(mention.id, ()))
        return [records[rid] for rid in rids]

    def _corrections(self, ids: Sequence[str]) -> dict[str, list[Correction]]:
        sql = "SELECT mention_id, document FROM correction WHERE mention_id IN (SELECT value FROM json_each(?))"
        found: dict[str, list[Correction]] = {}
        for mention_id, document in self._database.all(sql, (json.dumps(ids),)):
            found.setdefault(mention_id, []).append(_corrections.decode(document))
        return found

    def _scores(self, authors: Sequence[int]) -> dict[tuple[int, str], float]:
        sql = "SELECT author, brand, score FROM influence WHERE author IN (SELECT value FROM json_each(?))"
        return {(a, b): score for a, b, score in self._database.all(sql, (json.dumps(sorted(set(authors))),))}
