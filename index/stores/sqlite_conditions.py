"""A MentionQuery as SQL: which rows, in which order, from where on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from index.database import Database
from index.documents import SENTIMENTS
from index.query import And, FieldIs, MentionQuery, Node, Not, Or, Term, ranking_terms
from index.query_language import parse
from index.stores.days import SECOND, microseconds
from index.stores.posts import cluster_number
from index.stores.sqlite_batch import SLOTS
from index.stores.sqlite_relevance import plan
from index.stores.sqlite_terms import Terms
from index.text import normalise


@dataclass
class Rows:
    """The FROM and WHERE of one question. `m` is the mention; `key` orders by time in it."""

    match: str | None = None
    ranking: str = ""  # of the match, for relevance
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    @property
    def key(self) -> str:
        return "fts.rowid" if self.match is not None else "m.rid"

    @property
    def sql(self) -> str:
        if self.match is None:
            return "FROM mention m WHERE " + (" AND ".join(self.conditions) or "1")
        # CROSS JOIN: from the words to the rows, newest first, stopping when the page is full
        where = " AND ".join(["fts MATCH ?", *self.conditions])
        return f"FROM fts CROSS JOIN mention m ON m.rid = fts.rowid WHERE {where}"

    @property
    def bindings(self) -> list[Any]:
        return self.values if self.match is None else [self.match, *self.values]

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)


class Conditions:
    """Turns questions into Rows. `zone` is where the days of since: and until: begin."""

    def __init__(self, database: Database, terms: Terms, zone: str) -> None:
        self._database = database
        self._terms = terms
        self._zone = zone

    def rows(self, query: MentionQuery) -> Rows:
        """Raises QueryError when the search box cannot be read."""
        self._terms.refresh()
        rows = Rows()
        node = parse(query.text, zone=self._zone)
        rest = self._take_match(rows, node) if node else []
        self._time(rows, query)
        for part in rest:
            sql, values = self._expression(part)
            rows.add(sql, *values)
        self._filters(rows, query)
        return rows

    def _take_match(self, rows: Rows, node: Node) -> list[Node]:
        """Give the words to the full-text index; what it cannot answer is returned."""
        parts: list[Node] = list(node.nodes) if isinstance(node, And) else [node]
        wanted = [text for part in parts if (text := _match(part)) is not None]
        if not wanted:
            return parts
        unwanted = [text for part in parts if isinstance(part, Not) and (text := _match(part.node)) is not None]
        rows.match = " NOT ".join([f"({' AND '.join(wanted)})", *unwanted])
        rows.ranking = plan(ranking_terms(node))
        return [p for p in parts if _match(p) is None and not (isinstance(p, Not) and _match(p.node) is not None)]

    def _time(self, rows: Rows, query: MentionQuery) -> None:
        if query.since:
            since = microseconds(query.since)
            rows.add(f"{rows.key} >= ? AND m.ts >= ?", since // SECOND * SLOTS, since)
        if query.until:
            until = microseconds(query.until)
            rid = (until // SECOND + 1 + self.slack()) * SLOTS
            rows.add(f"{rows.key} < ? AND m.ts < ?", rid, until)

    def slack(self) -> int:
        """How many seconds the most crowded second has spilled into later ones."""
        row = self._database.one("SELECT value FROM meta WHERE key = 'slack'")
        return int(row[0]) if row else 0

    def _filters(self, rows: Rows, query: MentionQuery) -> None:
        if query.brands:
            rows.add(one_of("m.brands", self._terms.lists_with("brands", lambda b: b in query.brands)))
        for name, wanted in (
            ("platform", query.platforms),
            ("lang", query.langs),
            ("source", query.sources),
            ("kind", query.kinds),
        ):
            if wanted:
                rows.add(one_of(f"m.{name}", [self._terms.find(name, value) for value in wanted]))
        if query.sentiments:
            rows.add(one_of("m.sentiment", sentiment_numbers(query.sentiments)))
        if query.aspects or query.aspect_sentiment:
            rows.add(one_of("m.aspects", self._terms.lists_with("aspects", _aspect_is(query))))
        if query.intents:
            rows.add(one_of("m.intents", self._terms.lists_with("intents", lambda i: i in query.intents)))
        self._people(rows, query)
        if query.min_engagement is not None:
            rows.add("m.engagement >= ?", query.min_engagement)
        if query.hide_spam:
            rows.add("m.spam = 0")
        _clusters(rows, query)

    def _people(self, rows: Rows, query: MentionQuery) -> None:
        if query.authors:
            rows.add(
                "m.author IN (SELECT id FROM author WHERE author_id IN (SELECT value FROM json_each(?)))",
                json.dumps(query.authors),
            )
        if query.customers:
            rows.add(
                "m.author IN (SELECT id FROM author WHERE customer IN (SELECT value FROM json_each(?)))",
                json.dumps(query.customers),
            )
        if query.linked is not None:
            rows.add(_LINKED if query.linked else f"NOT coalesce({_LINKED}, 0)")
        if query.min_followers is not None:
            rows.add("m.followers >= ?", query.min_followers)

    def _expression(self, node: Node) -> tuple[str, list[Any]]:
        """A node as a condition that is never NULL, so that NOT means not."""
        text = _match(node)
        if text is not None:
            return "m.rid IN (SELECT rowid FROM fts WHERE fts MATCH ?)", [text]
        match node:
            case FieldIs():
                sql, values = self._field(node)
                return f"coalesce({sql}, 0)", values
            case Not():
                sql, values = self._expression(node.node)
                return f"NOT {sql}", values
            case And() | Or():
                parts = [self._expression(n) for n in node.nodes]
                word = " AND " if isinstance(node, And) else " OR "
                return f"({word.join(sql for sql, _ in parts)})", [v for _, values in parts for v in values]
            case Term():
                raise AssertionError("a term is always a match")

    def _field(self, node: FieldIs) -> tuple[str, list[Any]]:
        form = normalise(node.value)

        def same(value: str) -> bool:
            return normalise(value) == form

        match node.field:
            case "brand" | "intent":
                return one_of(f"m.{node.field}s", self._terms.lists_with(f"{node.field}s", same)), []
            case "aspect":
                wanted = self._terms.lists_with("aspects", lambda a: same(a.rpartition(":")[0]))
                return one_of("m.aspects", wanted), []
            case "platform" | "lang" | "source" | "kind":
                return one_of(f"m.{node.field}", self._terms.values_like(node.field, node.value)), []
            case _:
                return _plain_field(node)


def _plain_field(node: FieldIs) -> tuple[str, list[Any]]:
    """The fields whose values need no numbers."""
    match node.field:
        case "sentiment":
            return one_of("m.sentiment", sentiment_numbers([node.value])), []
        case "author":
            sql = "m.author IN (SELECT id FROM author WHERE author_id = ? OR name = ? OR handle = ?)"
            return sql, [node.value] * 3
        case "customer":
            return "m.author IN (SELECT id FROM author WHERE customer = ?)", [node.value]
        case "is":
            return (_LINKED if node.value == "linked" else "m.spam = 1"), []
        case "since":
            since = microseconds(datetime.fromisoformat(node.value))
            return "(m.rid >= ? AND m.ts >= ?)", [since // SECOND * SLOTS, since]
        case "until":
            return "m.ts < ?", [microseconds(datetime.fromisoformat(node.value))]
        case _:
            raise AssertionError(f"parse() knows the field {node.field}, the store does not")


def _clusters(rows: Rows, query: MentionQuery) -> None:
    if query.clusters:
        rows.add(one_of("m.cluster", map(cluster_number, query.clusters)))
    if query.not_clusters:
        rows.add(f"NOT coalesce({one_of('m.cluster', map(cluster_number, query.not_clusters))}, 0)")


def sentiment_numbers(names: Iterable[str]) -> list[int]:
    return [number for number, name in enumerate(SENTIMENTS) if name in names]


_LINKED = "m.author IN (SELECT id FROM author WHERE customer IS NOT NULL)"


def _aspect_is(query: MentionQuery) -> Callable[[str], bool]:
    def wanted(value: str) -> bool:
        name, _, sentiment = value.rpartition(":")
        return (not query.aspects or name in query.aspects) and query.aspect_sentiment in (None, sentiment)

    return wanted


def one_of(column: str, numbers: Iterable[int | None]) -> str:
    """The numbers are ours, never a user's text, so they can stand in the SQL."""
    return f"{column} IN ({','.join(str(n) for n in numbers if n is not None)})"


def _match(node: Node) -> str | None:
    """A node as an FTS5 expression, or None when it asks for more than words."""
    match node:
        case Term():
            phrase = " ".join(node.tokens).replace('"', '""')
            return f'"{phrase}"' + " *" * node.prefix
        case And() | Or():
            parts = [_match(n) for n in node.nodes]
            if any(part is None for part in parts):
                return None
            return f"({(' AND ' if isinstance(node, And) else ' OR ').join(p for p in parts if p)})"
        case _:
            return None
