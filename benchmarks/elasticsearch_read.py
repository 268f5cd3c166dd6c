"""How fast Earshot answers from Elasticsearch beside the raw query, in turns.

    ELASTICSEARCH_URL=http://localhost:9200 python benchmarks/elasticsearch_read.py [--rows 100000] [--prefix NAME]

For each question p50 and p95 in milliseconds of the store and of the same query sent by the client alone, each with
other words, brands and days. The store is filled first, with scores of a tenth of the authors; with --prefix it is
kept and used again.
"""

from __future__ import annotations

import argparse
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch_bulk import remove
from generate import BRANDS, END, records
from store_read import OVERVIEW, WORDS, month, overview

from index.documents import Influence, Record
from index.query import MentionQuery
from index.settings import Settings
from index.stores.elasticsearch import ElasticsearchStore, open_elasticsearch
from index.stores.elasticsearch_counts import BY_SENTIMENT
from index.stores.elasticsearch_people import SUMS
from index.stores.elasticsearch_query import FIELDS
from index.stores.elasticsearch_search import ORDERS

BATCH = 5000
WARM_SECONDS = 1.5  # the desk is a process that stays
Question = Callable[[random.Random], MentionQuery]
ASKED: dict[str, Question] = {
    "word + brand + 30 days, newest": lambda c: month(c, text=c.choice(WORDS), brands=(c.choice(BRANDS),)),
    "word, newest": lambda c: MentionQuery(text=c.choice(WORDS)),
}
MARKED = {f"{name}, marked": question for name, question in ASKED.items()}
OVERVIEWS: dict[str, Question] = {
    "overview, all brands, 30 days": month,
    "overview, one brand, 30 days": lambda c: month(c, brands=(c.choice(BRANDS),)),
    "overview, all brands, the same again": lambda _: MentionQuery(since=END - timedelta(days=30)),
}


def scores(records: list[Record]) -> list[Influence]:
    """Of every tenth author, about the brand that they speak of."""
    spoken = {
        (r.mention.author.id, r.mention.brands[0]): r.mention.published_at for r in records if r.mention.author
    }
    words = {"tier": "ordinary", "parts": {}, "reason_zh": "", "reason_en": ""}
    return [
        Influence(author_id=author, brand=brand, score=50, computed_at=at, **words)
        for (author, brand), at in spoken.items()
        if author.endswith("0")
    ]


def raw_search(store: ElasticsearchStore, raw: Elasticsearch, query: MentionQuery) -> None:
    dsl = store._people.dsl(query)
    raw.search(index=store.layout.mentions, query=dsl, sort=ORDERS["newest"], size=21, track_total_hits=False)


def raw_marked(store: ElasticsearchStore, raw: Elasticsearch, query: MentionQuery) -> None:
    """With the words marked by the cluster."""
    said = {"match_phrase": {"text": query.text}}
    raw.search(
        index=store.layout.mentions,
        query=store._people.dsl(query),
        sort=ORDERS["newest"],
        size=21,
        track_total_hits=False,
        highlight={"fields": {"text": {"number_of_fragments": 0, "highlight_query": said}}},
    )


def raw_overview(store: ElasticsearchStore, raw: Elasticsearch, query: MentionQuery) -> None:
    """All of an overview in one request."""
    days = {"field": "published_at", "calendar_interval": "day", "time_zone": "Asia/Shanghai", "min_doc_count": 1}
    aggs: dict[str, Any] = {"days": {"date_histogram": days, "aggs": BY_SENTIMENT}}
    aggs |= {f: {"terms": {"field": FIELDS[f], "size": 1000}, "aggs": BY_SENTIMENT} for f in OVERVIEW}
    dsl = store._people.dsl(query)
    raw.search(
        index=store.layout.mentions, query=dsl, size=0, aggs=aggs, track_total_hits=True, request_cache=False
    )


def raw_authors(store: ElasticsearchStore, raw: Elasticsearch, query: MentionQuery) -> None:
    aggs = {"authors": {"terms": {"field": "author.id", "size": 20}, "aggs": SUMS}}
    raw.search(index=store.layout.mentions, query=store._people.dsl(query), size=0, aggs=aggs, request_cache=False)


def in_turns(ask: dict[str, Callable[[MentionQuery], Any]], question: Question, repeats: int) -> Iterator[str]:
    spent: dict[str, list[float]] = {name: [] for name in ask}
    chance = random.Random(5)
    warm = time.perf_counter() + WARM_SECONDS
    while len(spent["raw"]) < repeats:
        query = question(chance)
        for name in chance.sample(list(ask), k=len(ask)):
            started = time.perf_counter()
            ask[name](query)
            if started > warm:
                spent[name].append((time.perf_counter() - started) * 1000)
    p95 = {}
    for name, times in spent.items():
        times.sort()
        p95[name] = times[int(len(times) * 0.95)]
        yield f"{name} p50 {times[len(times) // 2]:>7.1f} p95 {p95[name]:>7.1f}"
    yield f"p95 {p95['earshot'] / p95['raw']:.2f} times raw"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--prefix", help="indices to keep and to use again")
    options = parser.parse_args()
    url = os.environ.get("ELASTICSEARCH_URL", "http://localhost:9200")
    prefix = options.prefix or f"bench-{uuid.uuid4().hex[:8]}"
    store = open_elasticsearch(Settings(home=Path(), store=f"elasticsearch:{url}/{prefix}"))
    raw = Elasticsearch(url, request_timeout=120)
    if store.count(MentionQuery()) < options.rows:
        source = records(options.rows)
        while batch := list(islice(source, BATCH)):
            store.save(batch)
            store.set_influence(scores(batch))
    for questions, ours, theirs in (
        (ASKED, lambda query: store.search(query, highlight=False), raw_search),
        (MARKED, lambda query: store.search(query), raw_marked),
        (OVERVIEWS, lambda query: overview(store, query), raw_overview),
        ({"top authors, 30 days": month}, lambda query: store.top_authors(query), raw_authors),
    ):
        for name, question in questions.items():
            ask = {"earshot": ours, "raw": lambda query, theirs=theirs: theirs(store, raw, query)}
            print(f"{name:<40}", *in_turns(ask, question, options.repeats), sep=" | ", flush=True)
    if not options.prefix:
        remove(raw, prefix)
    store.close()
    raw.close()


if __name__ == "__main__":
    main()
