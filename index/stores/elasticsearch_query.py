"""A MentionQuery as Query DSL. All of it filters: the order is given apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from index.documents import SENTIMENTS
from index.query import RELEVANT_TIMES, And, FieldIs, MentionQuery, Node, Not, Or, Term
from index.query_language import parse
from index.stores.days import microseconds
from index.stores.elasticsearch_documents import TOKEN_LIMIT
from index.stores.posts import cluster_key, cluster_number
from index.text import normalise

Dsl = dict[str, Any]
FIELDS = {
    "brand": "brands",
    "platform": "platform",
    "sentiment": "sentiment",
    "aspect": "aspects",  # as name:sentiment
    "intent": "intents",
    "lang": "lang",
    "source": "source",
    "kind": "kind",
    "region": "region",
    "cluster": "cluster",
}
EXPANSIONS = 100_000  # words that `word*` at the end of a phrase may stand for
MILLISECOND = 1000
PRESENT: Dsl = {"exists": {"field": "published_at"}}  # what stays of a removed mention has none


class Lookups(Protocol):
    """What a question must know before it can be asked."""

    def values(self, field: str) -> list[str]:
        """Every value that occurs in a field of few values."""

    def authors_called(self, name: str) -> list[str]: ...

    def authors_linked(self, customers: Sequence[str] | None = None) -> list[str]:
        """Ids of the accounts of these customers, or of all customers."""


def to_dsl(query: MentionQuery, lookups: Lookups, zone: str) -> Dsl:
    """Raises QueryError when the search box cannot be read."""
    node = parse(query.text, zone=zone)
    must = [PRESENT, *time_range(query.since, query.until), *_filters(query), *_people(query, lookups)]
    must_not = [_any_of("cluster", _clusters(query.not_clusters))] if query.not_clusters else []
    if node:
        parts = node.nodes if isinstance(node, And) else (node,)
        must += [_node(part, lookups) for part in parts if not isinstance(part, Not)]
        must_not += [_node(part.node, lookups) for part in parts if isinstance(part, Not)]
    return {"bool": {"filter": must, "must_not": must_not}}


def time_range(since: datetime | None, until: datetime | None) -> list[Dsl]:
    """By published_at, of which the cluster knows the first and last in each index; where the bound is finer
    than its milliseconds, by the microsecond besides."""
    bounds: dict[str, Any] = {}
    exact: dict[str, Any] = {}
    if since:
        first = microseconds(since)
        bounds["gte"] = first // MILLISECOND
        exact.update({"gte": first} if first % MILLISECOND else {})
    if until:
        end = microseconds(until)
        bounds["lt"] = -(-end // MILLISECOND)
        exact.update({"lt": end} if end % MILLISECOND else {})
    published = {"range": {"published_at": {**bounds, "format": "epoch_millis"}}}
    return [published] * bool(bounds) + [{"range": {"ts": exact}}] * bool(exact)


def _filters(query: MentionQuery) -> list[Dsl]:
    parts = [
        _any_of(field, values)
        for field, values in (
            ("brands", query.brands),
            ("platform", query.platforms),
            ("sentiment", query.sentiments),
            ("intents", query.intents),
            ("lang", query.langs),
            ("source", query.sources),
            ("kind", query.kinds),
            ("author.id", query.authors),
        )
        if values
    ]
    if query.clusters:
        parts.append(_any_of("cluster", _clusters(query.clusters)))
    if query.aspects:
        sentiments = (query.aspect_sentiment,) if query.aspect_sentiment else SENTIMENTS
        parts.append(_any_of("aspects", [f"{name}:{each}" for name in query.aspects for each in sentiments]))
    elif query.aspect_sentiment:
        parts.append({"wildcard": {"aspects": {"value": f"*:{_escaped(query.aspect_sentiment)}"}}})
    if query.min_engagement is not None:
        parts.append({"range": {"engagement_total": {"gte": query.min_engagement}}})
    if query.min_followers is not None:
        parts.append({"range": {"author.followers": {"gte": query.min_followers}}})
    if query.hide_spam:
        parts.append({"term": {"spam": False}})
    return parts


def _people(query: MentionQuery, lookups: Lookups) -> list[Dsl]:
    parts = []
    if query.customers:
        parts.append(_any_of("author.id", lookups.authors_linked(query.customers)))
    if query.linked is not None:
        linked = _any_of("author.id", lookups.authors_linked())
        parts.append(linked if query.linked else _not(linked))
    return parts


def _node(node: Node, lookups: Lookups) -> Dsl:
    match node:
        case Term():
            return term(node)
        case FieldIs():
            return _field(node, lookups)
        case Not():
            return _not(_node(node.node, lookups))
        case And():
            wanted = [_node(n, lookups) for n in node.nodes if not isinstance(n, Not)]
            unwanted = [_node(n.node, lookups) for n in node.nodes if isinstance(n, Not)]
            return {"bool": {"filter": wanted, "must_not": unwanted}}
        case Or():
            return {"bool": {"should": [_node(n, lookups) for n in node.nodes], "minimum_should_match": 1}}


def term(node: Term) -> Dsl:
    """Words standing side by side."""
    words = [word[:TOKEN_LIMIT] for word in node.tokens]
    if len(words) == 1:
        return {"prefix": {"words": {"value": words[0]}}} if node.prefix else {"term": {"words": words[0]}}
    if node.prefix:
        return {"match_phrase_prefix": {"words": {"query": " ".join(words), "max_expansions": EXPANSIONS}}}
    return {"match_phrase": {"words": " ".join(words)}}


def relevance(terms: Sequence[Term]) -> list[Dsl]:
    """Clauses whose scores add up to how often the terms are said (index.query.MentionQuery.sort)."""
    return [_scored(part) for each in terms for part in [term(each), *_repeated(each)]]


def _repeated(wanted: Term) -> list[Dsl]:
    """The term said twice, three times ...: in order and without overlapping itself."""
    if wanted.prefix:
        return []
    words = " ".join(word[:TOKEN_LIMIT] for word in wanted.tokens)
    once = {"match": {"query": words, "ordered": True, "max_gaps": 0}}
    times = range(2, RELEVANT_TIMES + 1)
    return [{"intervals": {"words": {"all_of": {"ordered": True, "intervals": [once] * n}}}} for n in times]


def _scored(part: Dsl) -> Dsl:
    return {"constant_score": {"filter": part}}


def _field(node: FieldIs, lookups: Lookups) -> Dsl:
    match node.field:
        case "sentiment":
            return _any_of("sentiment", [node.value])
        case "author":
            return _any_of("author.id", lookups.authors_called(node.value))
        case "customer":
            return _any_of("author.id", lookups.authors_linked([node.value]))
        case "is" if node.value == "spam":
            return {"term": {"spam": True}}
        case "is":
            return _any_of("author.id", lookups.authors_linked())
        case "since":
            return {"bool": {"filter": time_range(datetime.fromisoformat(node.value), None)}}
        case "until":
            return {"bool": {"filter": time_range(None, datetime.fromisoformat(node.value))}}
        case _:
            return _any_of(FIELDS[node.field], _values_like(node, lookups))


def _values_like(node: FieldIs, lookups: Lookups) -> list[str]:
    """The values that are this one, compared without case, width or script."""
    form = normalise(node.value)
    name: Callable[[str], str] = (lambda v: v.rpartition(":")[0]) if node.field == "aspect" else str
    return [value for value in lookups.values(FIELDS[node.field]) if normalise(name(value)) == form]


def _any_of(field: str, values: Iterable[str]) -> Dsl:
    return {"terms": {field: list(values)}}


def _not(part: Dsl) -> Dsl:
    return {"bool": {"must_not": [part]}}


def _clusters(keys: Iterable[str]) -> list[str]:
    return [cluster_key(number) for key in keys if (number := cluster_number(key)) >= 0]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
