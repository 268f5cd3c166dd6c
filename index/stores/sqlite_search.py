"""Finding mentions and reading them back as records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from index.database import Database
from index.documents import Analysis, Correction, Mention, Record
from index.query import MentionQuery, highlight, parse
from index.stores.corrections import corrected
from index.stores.protocol import Hit, Page
from index.stores.sqlite_conditions import Conditions, Rows, read_cursor, write_cursor

_mentions = msgspec.json.Decoder(Mention)
_analyses = msgspec.json.Decoder(Analysis)
_corrections = msgspec.json.Decoder(Correction)

Place = tuple[Any, int]  # what the order goes by, and the row id that decides between equals


class Searcher:
    def __init__(self, database: Database, conditions: Conditions) -> None:
        self._database = database
        self._conditions = conditions

    def search(self, query: MentionQuery, *, limit: int, cursor: str | None, marked: bool) -> Page:
        after = read_cursor(cursor, query.sort) if cursor else None
        with self._database.read():
            places = self._places(query, limit + 1, after)
            shown = places[:limit]
            records = self._records([rid for _, rid in shown])
        node = parse(query.text) if marked else None
        hits = tuple(Hit(record=r, highlights=highlight(r.mention.full_text, node)) for r in records)
        more = len(places) > limit
        return Page(hits=hits, cursor=write_cursor(query.sort, *shown[-1]) if more and shown else None)

    def scan(self, query: MentionQuery, *, batch: int) -> Iterator[Record]:
        """Newest first. Each batch is a picture of its own, so that a long export holds nobody up."""
        after: Sequence[Any] | None = None
        while True:
            with self._database.read():
                rows = self._conditions.rows(query)
                places = self._newest(rows, batch, after)
                records = self._records([rid for _, rid in places])
            yield from records
            if len(places) < batch:
                return
            after = places[-1]

    def get(self, ids: Sequence[str]) -> list[Record | None]:
        sql = "SELECT mid, rid FROM body WHERE mid IN (SELECT value FROM json_each(?))"
        with self._database.read():
            rids: dict[str, int] = dict(self._database.all(sql, (json.dumps(list(ids)),)))
            records = self._records(list(rids.values()))
        by_id = {record.mention.id: record for record in records}
        return [by_id.get(i) for i in ids]

    def _places(self, query: MentionQuery, limit: int, after: Sequence[Any] | None) -> list[Place]:
        rows = self._conditions.rows(query)
        if query.sort == "engagement":
            return self._most_engaging(rows, limit, after)
        if query.sort == "relevance" and rows.match is not None:
            return self._most_relevant(rows, limit, after)
        return self._newest(rows, limit, after)

    def _newest(self, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        if after:
            rows.add(f"{rows.key} < ?", after[-1])
        sql = f"SELECT NULL, {rows.key} {rows.sql} ORDER BY {rows.key} DESC LIMIT ?"
        return self._database.all(sql, (*rows.bindings, limit))

    def _most_engaging(self, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        """Unknown engagement comes last."""
        if after:
            rows.add("(coalesce(m.engagement, -1), m.rid) < (?, ?)", *after)
        order = "ORDER BY coalesce(m.engagement, -1) DESC, m.rid DESC"
        sql = f"SELECT coalesce(m.engagement, -1), m.rid {rows.sql} {order} LIMIT ?"
        return self._database.all(sql, (*rows.bindings, limit))

    def _most_relevant(self, rows: Rows, limit: int, after: Sequence[Any] | None) -> list[Place]:
        """By BM25; newer first among equals. Scores drift as mentions come in, so a cursor is continued from
        the present score of its mention; the score it carries serves when that mention is gone."""
        if after:
            score, rid = after
            sql = "SELECT rank FROM fts WHERE fts MATCH ? AND rowid = ?"
            now = self._database.one(sql, (rows.match, rid))
            rows.add("(fts.rank > ? OR (fts.rank = ? AND fts.rowid < ?))", *([now[0] if now else score] * 2), rid)
        sql = f"SELECT fts.rank, fts.rowid {rows.sql} ORDER BY fts.rank, fts.rowid DESC LIMIT ?"
        return self._database.all(sql, (*rows.bindings, limit))

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
