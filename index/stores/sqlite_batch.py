"""The changes of one transaction, collected and then written in the order that suits the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import apsw

from index.documents import Mention, Record, encode
from index.stores.days import SECOND, Days, microseconds
from index.stores.draft import SPAM, Draft
from index.stores.posts import cluster_number
from index.stores.sqlite_tallies import SENTIMENT_NUMBERS, Row, Tallies
from index.stores.sqlite_terms import Terms
from index.text import token_string

SLOTS = 1024  # mentions that fit into one second of row ids

_MENTION = f"mention VALUES ({', '.join('?' * len(Row._fields))})"
_BODY = "body VALUES (?, ?, ?, ?, ?, ?, ?)"
_PUT_WORDS = "INSERT INTO fts(rowid, words) VALUES (?, ?)"
_DROP_WORDS = "INSERT INTO fts(fts, rowid, words) VALUES ('delete', ?, ?)"


class Old(NamedTuple):
    """A stored mention that is about to change."""

    row: Row
    mention: Mention


class Batch:
    """Collect with put, relabel and remove; then write once. Belongs to one open write transaction."""

    def __init__(self, connection: apsw.Connection, terms: Terms, days: Days) -> None:
        self._connection = connection
        self._terms = terms
        self._tallies = Tallies(terms, days)
        self._authors: dict[str, int] = {}
        self._taken: dict[int, set[int]] = {}  # second -> its row ids in use
        self._spilled_to: set[int] = set()
        self._new: list[Row] = []
        self._changed: list[Row] = []
        self._new_bodies: list[tuple[Any, ...]] = []
        self._changed_bodies: list[tuple[Any, ...]] = []
        self._gone: list[tuple[int]] = []
        self._words: list[tuple[int, bool, str]] = []  # rid, False = take out and True = put in, words

    def put(self, draft: Draft, record: Record, old: Old | None) -> None:
        """Insert, or replace `old`. `record` is the draft's with corrections applied."""
        draft.prepare()  # again only for what another process changed since
        ts = microseconds(record.mention.published_at)
        rid = old.row.rid if old and old.row.ts == ts else self._slot(ts)
        row = self._row(rid, ts, record, draft.fingerprint)
        if old:
            self._leave(old, rid, same_words=old.mention.full_text == draft.mention.full_text)
        if old is None or old.row.rid != rid or old.mention.full_text != draft.mention.full_text:
            self._words.append((rid, True, draft.words))
        (self._changed if old else self._new).append(row)
        self._tallies.add(row)
        bodies = self._changed_bodies if old else self._new_bodies
        documents = draft.mention_json, encode(draft.record.analysis)
        bodies.append((rid, draft.id, draft.version, draft.digest, draft.analysis_digest, *documents))

    def relabel(self, old: Old, record: Record) -> None:
        """Only labels change: the text and its place stay."""
        row = self._row(old.row.rid, old.row.ts, record, old.row.fingerprint)
        self._tallies.add(old.row, -1)
        self._tallies.add(row)
        self._changed.append(row)

    def remove(self, old: Old) -> None:
        self._tallies.add(old.row, -1)
        self._gone.append((old.row.rid,))
        self._words.append((old.row.rid, False, token_string(old.mention.full_text)))
        self._connection.execute("DELETE FROM correction WHERE mention_id = ?", (old.mention.id,))

    def write(self) -> None:
        """Rows in time order: the full-text index starts a new segment whenever row ids go backwards."""
        execute = self._connection.executemany
        execute("DELETE FROM mention WHERE rid = ?", self._gone)
        execute("DELETE FROM body WHERE rid = ?", self._gone)
        self._words.sort()
        if any(not put for _, put, _ in self._words):
            for rid, put, words in self._words:
                self._connection.execute(_PUT_WORDS if put else _DROP_WORDS, (rid, words))
        else:
            execute(_PUT_WORDS, ((rid, words) for rid, _, words in self._words))
        execute(f"INSERT INTO {_MENTION}", sorted(self._new))
        execute(f"INSERT OR REPLACE INTO {_MENTION}", sorted(self._changed))
        execute(f"INSERT INTO {_BODY}", sorted(self._new_bodies))
        execute(f"INSERT OR REPLACE INTO {_BODY}", sorted(self._changed_bodies))
        self._tallies.flush(self._connection)

    def _leave(self, old: Old, rid: int, *, same_words: bool) -> None:
        self._tallies.add(old.row, -1)
        if old.row.rid != rid:
            self._gone.append((old.row.rid,))
        if old.row.rid != rid or not same_words:
            self._words.append((old.row.rid, False, token_string(old.mention.full_text)))

    def _row(self, rid: int, ts: int, record: Record, fingerprint: int) -> Row:
        mention, analysis, terms, connection = record.mention, record.analysis, self._terms, self._connection
        author = mention.author
        return Row(
            rid,
            ts,
            brands=terms.list_number(connection, "brands", mention.brands),
            platform=terms.number(connection, "platform", mention.platform),
            sentiment=SENTIMENT_NUMBERS[record.sentiment],
            spam=int(analysis.spam is not None and analysis.spam >= SPAM),
            aspects=terms.list_number(
                connection, "aspects", tuple([f"{a.name}:{a.sentiment}" for a in analysis.aspects])
            ),
            intents=terms.list_number(connection, "intents", analysis.intents),
            lang=terms.number(connection, "lang", analysis.lang) if analysis.lang else None,
            source=terms.number(connection, "source", mention.source),
            kind=terms.number(connection, "kind", mention.kind),
            region=terms.number(connection, "region", mention.region) if mention.region else None,
            author=self._authors[author.id] if author else None,
            engagement=mention.engagement.total,
            followers=author.followers if author else None,
            fingerprint=fingerprint,
            cluster=cluster_number(analysis.cluster) if analysis.cluster else None,
        )

    def know(self, mentions: Iterable[Mention]) -> None:
        """Look up in one go what `put` will need: the numbers of the authors and the row ids taken."""
        newest: dict[str, Mention] = {}
        seconds = set()
        for mention in mentions:
            seconds.add(microseconds(mention.published_at) // SECOND)
            if mention.author and mention.version >= newest.get(mention.author.id, mention).version:
                newest[mention.author.id] = mention
        self._authors.update(numbered_authors(self._connection, newest))
        self._taken.update((second, set()) for second in seconds)
        sql = (
            "SELECT m.rid FROM json_each(?) s "
            "JOIN mention m ON m.rid >= s.value * 1024 AND m.rid < s.value * 1024 + 1024"
        )
        for (rid,) in self._connection.execute(sql, (json.dumps(sorted(seconds)),)):
            self._taken[rid // SLOTS].add(rid % SLOTS)

    def _slot(self, ts: int) -> int:
        """A free row id in the second of `ts`: at its millisecond, else the next free; else in a later second."""
        second, slot = ts // SECOND, ts % SECOND // 1000
        taken = self._taken[second]
        if len(taken) == SLOTS:
            return self._spilled(second)
        while slot in taken:
            slot = (slot + 1) % SLOTS
        taken.add(slot)
        return second * SLOTS + slot

    def _spilled(self, second: int) -> int:
        """Posts with a date and no time fill their second: they go on in the next ones, `ts` stays exact."""
        taken = "SELECT 1 FROM mention WHERE rid = ?"
        row: Any = self._connection.execute("SELECT rid FROM spill WHERE second = ?", (second,)).fetchone()
        rid = int(row[0]) if row else (second + 1) * SLOTS
        while rid in self._spilled_to or self._connection.execute(taken, (rid,)).fetchone():
            rid += 1
        self._spilled_to.add(rid)
        if rid // SLOTS in self._taken:
            self._taken[rid // SLOTS].add(rid % SLOTS)
        self._connection.execute("INSERT OR REPLACE INTO spill VALUES (?, ?)", (second, rid + 1))
        sql = "INSERT INTO meta VALUES ('slack', ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)"
        self._connection.execute(sql, (rid // SLOTS - second,))
        return rid


def numbered_authors(connection: apsw.Connection, newest: Mapping[str, Mention]) -> dict[str, int]:
    """The number of each author, given out if need be; name and handle as their newest mention has them."""
    sql = (
        "SELECT author_id, id, version, name, handle FROM author "
        "WHERE author_id IN (SELECT value FROM json_each(?))"
    )
    rows: Any = connection.execute(sql, (json.dumps(list(newest)),)).fetchall()
    numbers: dict[str, int] = {}
    for author_id, number, version, *names in rows:
        numbers[author_id] = number
        mention = newest[author_id]
        if mention.author and [mention.author.name, mention.author.handle] != names and mention.version >= version:
            sql = "UPDATE author SET name = ?, handle = ?, version = ? WHERE id = ?"
            connection.execute(sql, (mention.author.name, mention.author.handle, mention.version, number))
    sql = "INSERT INTO author(author_id, name, handle, version) VALUES (?, ?, ?, ?) RETURNING author_id, id"
    new = [
        (author_id, mention.author.name, mention.author.handle, mention.version)
        for author_id, mention in newest.items()
        if author_id not in numbers and mention.author
    ]
    return numbers | dict(connection.executemany(sql, new))
