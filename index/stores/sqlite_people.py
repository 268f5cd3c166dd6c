"""Authors: who speaks most, what one of them did, their scores and the customer they are."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import apsw
import msgspec

from index.database import Database
from index.documents import SENTIMENTS, Author, AuthorFacts, Influence, Mention, encode
from index.query import MentionQuery
from index.stores.days import Days
from index.stores.posts import Copies, Post, facts, is_experience, together
from index.stores.protocol import AuthorStat, SentimentCounts
from index.stores.sqlite_conditions import Conditions
from index.stores.sqlite_terms import Terms
from index.stores.sqlite_traces import Traces
from index.stores.sqlite_write import Writer

_mentions = msgspec.json.Decoder(Mention)
_influences = msgspec.json.Decoder(Influence)
_SUMS = "count(*) AS mentions, coalesce(sum(m.engagement), 0) AS engagement, " + ", ".join(
    f"sum(m.sentiment = {n})" for n in range(len(SENTIMENTS))
)
_SCORES_OF_BRANDS = "influence WHERE brand IN (SELECT value FROM json_each(?))"


class People:
    def __init__(
        self,
        database: Database,
        terms: Terms,
        conditions: Conditions,
        days: Days,
        writer: Writer,
        traces: Traces,
    ) -> None:
        self._database = database
        self._terms = terms
        self._conditions = conditions
        self._days = days
        self._writer = writer
        self._traces = traces

    def top(
        self, query: MentionQuery, by: Literal["mentions", "engagement", "koc"], limit: int
    ) -> list[AuthorStat]:
        brands = [*query.brands, ""] if query.brands else None
        with self._database.read():
            rows = self._conditions.rows(query)
            grouped = f"SELECT m.author, {_SUMS} {rows.sql} AND m.author IS NOT NULL GROUP BY m.author"
            if by == "koc":
                scores = "influence" if brands is None else _SCORES_OF_BRANDS
                sql = (
                    f"WITH groups AS ({grouped}), "  # noqa: S608
                    f"best AS (SELECT author, max(score) AS score FROM {scores} GROUP BY author) "
                    "SELECT g.* FROM groups g JOIN best b ON b.author = g.author JOIN author a ON a.id = g.author "
                    "ORDER BY b.score DESC, a.author_id LIMIT ?"
                )
                bindings = [*rows.bindings, *([] if brands is None else [json.dumps(brands)]), limit]
            else:
                # The ids, by which equals are ordered, are looked up only for those who can be among the first
                which = "mentions" if by == "mentions" else "engagement"
                sql = (
                    f"WITH groups AS MATERIALIZED ({grouped}), last AS "  # noqa: S608
                    f"(SELECT {which} AS n FROM groups ORDER BY n DESC LIMIT 1 OFFSET ?) "
                    "SELECT g.* FROM groups g JOIN author a ON a.id = g.author "
                    f"WHERE {which} >= coalesce((SELECT n FROM last), {which}) "
                    f"ORDER BY {which} DESC, a.author_id LIMIT ?"
                )
                bindings = [*rows.bindings, limit - 1, limit]
            return [self._stat(group, brands) for group in self._database.all(sql, bindings)]

    def one(self, author_id: str) -> AuthorStat | None:
        with self._database.read():
            sql = (
                f"SELECT m.author, {_SUMS} FROM author a JOIN mention m ON m.author = a.id "  # noqa: S608
                "WHERE a.author_id = ? GROUP BY m.author"
            )
            group = self._database.one(sql, (author_id,))
            return self._stat(group, None) if group else None

    def find(self, platform: str, names: Sequence[str]) -> list[Author]:
        listed = json.dumps([*names, *(f"{platform}:{name}" for name in names)])
        sql = (
            "WITH wanted AS (SELECT value FROM json_each(?)) SELECT id, author_id FROM author "
            "WHERE author_id IN wanted OR name IN wanted OR handle IN wanted ORDER BY author_id"
        )
        with self._database.read():
            rows = [n for n, author in self._database.all(sql, (listed,)) if author.startswith(f"{platform}:")]
            return [author for number in rows for author, _ in self._latest(number)]

    def facts(self, brand: str, since: datetime, authors: Sequence[str] | None) -> list[AuthorFacts]:
        with self._database.read():
            query = MentionQuery(brands=(brand,), since=since)
            by_author: defaultdict[int, list[Post]] = defaultdict(list)
            for post in self._posts(query, authors):
                if isinstance(post.author, int):
                    by_author[post.author].append(post)
            posts = [post for theirs in by_author.values() for post in theirs]
            copies = Copies(self._repeated(query, posts), self._organised(query, posts))
            found = [facts(*self._speaker(a), brand, theirs, copies, self._days) for a, theirs in by_author.items()]
            return sorted(found, key=lambda one: (-one.posts, one.author.id))

    def set_influence(self, scores: Sequence[Influence]) -> None:
        with self._writer.transaction() as connection:
            erased = self._traces.erased(connection, (score.author_id for score in scores))
            kept = [score for score in scores if score.author_id not in erased]
            connection.executemany(
                "INSERT OR REPLACE INTO influence VALUES (?, ?, ?, ?)",
                [(self._author(connection, s.author_id), s.brand or "", s.score, encode(s)) for s in kept],
            )

    def set_customer(self, author_id: str, customer_id: str | None) -> None:
        with self._writer.transaction() as connection:
            if not self._traces.erased(connection, [author_id]):
                number = self._author(connection, author_id)
                connection.execute("UPDATE author SET customer = ? WHERE id = ?", (customer_id, number))

    def influences(self) -> Iterator[Influence]:
        for (document,) in self._database.connection.execute("SELECT document FROM influence"):
            yield _influences.decode(document)

    def customers(self) -> Iterator[tuple[str, str]]:
        sql = "SELECT author_id, customer FROM author WHERE customer IS NOT NULL"
        yield from self._database.connection.execute(sql)

    def _author(self, connection: apsw.Connection, author_id: str) -> int:
        connection.execute("INSERT INTO author(author_id) VALUES (?) ON CONFLICT DO NOTHING", (author_id,))
        row: Any = connection.execute("SELECT id FROM author WHERE author_id = ?", (author_id,)).fetchone()
        return int(row[0])

    def _stat(self, group: Sequence[Any], brands: list[str] | None) -> AuthorStat:
        number, mentions, engagement, *counts = group
        author, customer = self._speaker(number)
        return AuthorStat(
            author=author,
            mentions=mentions,
            engagement=engagement,
            counts=SentimentCounts(**dict(zip(SENTIMENTS, counts, strict=True))),
            influence=self._influence(number, brands),
            customer_id=customer,
        )

    def _speaker(self, number: int) -> tuple[Author, str | None]:
        """Of whoever was counted from their mentions in the same transaction."""
        return next(self._latest(number))

    def _latest(self, number: int) -> Iterator[tuple[Author, str | None]]:
        """The author as their newest version of any mention shows them, and the customer they are; if there is
        any."""
        sql = (
            "SELECT b.mention, a.customer FROM mention m JOIN body b ON b.rid = m.rid "
            "JOIN author a ON a.id = m.author WHERE m.author = ? "
            "ORDER BY b.version DESC, m.ts DESC, b.mid DESC LIMIT 1"
        )
        for document, customer in self._database.all(sql, (number,)):
            if author := _mentions.decode(document).author:
                yield author, customer

    def _influence(self, number: int, brands: list[str] | None) -> Influence | None:
        sql = "SELECT document, brand FROM influence WHERE author = ? ORDER BY score DESC, brand"
        for document, brand in self._database.all(sql, (number,)):
            if brands is None or brand in brands:
                return _influences.decode(document)
        return None

    def _posts(self, query: MentionQuery, authors: Sequence[str] | None) -> Iterator[Post]:
        """What these said, or everybody."""
        columns = "author, ts, sentiment, spam, aspects, intents, engagement, fingerprint, cluster"
        names = ", ".join(f"m.{name}" for name in columns.split(", "))
        which = "m.author IN (SELECT id FROM author WHERE author_id IN (SELECT value FROM json_each(?)))"
        asked = ["m.author IS NOT NULL"] if authors is None else [which, json.dumps(list(authors))]
        return (self._post(*row) for row in self._matching(query, names, *asked))

    def _repeated(self, query: MentionQuery, posts: Iterable[Post]) -> set[int]:
        """Those texts of these posts that several posts have."""
        texts = json.dumps(list({post.fingerprint for post in posts}))
        which = "m.fingerprint IN (SELECT value FROM json_each(?)) GROUP BY m.fingerprint HAVING count(*) > 1"
        return {text for (text,) in self._matching(query, "m.fingerprint", which, texts)}

    def _organised(self, query: MentionQuery, posts: Iterable[Post]) -> set[tuple[int, int]]:
        """Clusters and moments of those posts that look organised. Those of others in their clusters pass by."""
        wanted = {(post.cluster, post.ts) for post in posts if post.cluster is not None}
        clusters = json.dumps(list({cluster for cluster, _ in wanted}))
        which = "m.cluster IN (SELECT value FROM json_each(?)) ORDER BY m.cluster, m.ts"
        members = self._matching(query, "m.cluster, m.author, m.ts", which, clusters) if wanted else iter(())
        return {
            (cluster, moment)
            for cluster, group in groupby(members, key=itemgetter(0))
            for moment in together((author, ts) for _, author, ts in group)
            if (cluster, moment) in wanted
        }

    def _matching(self, query: MentionQuery, columns: str, which: str, *values: str) -> Iterator[tuple[Any, ...]]:
        """Row by row: they may be many."""
        rows = self._conditions.rows(query)
        rows.add(which, *values)
        return iter(self._database.connection.execute(f"SELECT {columns} {rows.sql}", rows.bindings))

    def _post(
        self, author: int | None, ts: int, sentiment: int, spam: int, aspects: int, intents: int, *rest: int | None
    ) -> Post:
        members = self._terms.members
        named = map(self._terms.value, members(intents))
        experience = is_experience(named, members(aspects), spam=bool(spam))
        return Post(author, ts, SENTIMENTS[sentiment], bool(spam), experience, *rest)
