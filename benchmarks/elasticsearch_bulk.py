"""How fast Earshot writes to Elasticsearch beside raw helpers.bulk of the same documents, in turns.

    ELASTICSEARCH_URL=http://localhost:9200 python benchmarks/elasticsearch_bulk.py [--rows 100000] [--batch 5000]

Both write the same documents into indices of the same mapping, `--batch` at a time, one after the other in random
order, so that what else the machine does hits both alike. Raw is handed finished dicts; Earshot starts from
records: it cuts words, compares with what is stored and looks for doubles. CPU-seconds are those of this process.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import time
import uuid
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch, helpers
from generate import records

from index.documents import Record
from index.settings import Settings
from index.stores.draft import Draft
from index.stores.elasticsearch import ElasticsearchStore, open_elasticsearch
from index.stores.elasticsearch_documents import to_document


class Spent(NamedTuple):
    wall: float = 0.0
    cpu: float = 0.0

    def plus(self, work: Callable[[], Any]) -> Spent:
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        return Spent(self.wall + time.perf_counter() - wall, self.cpu + time.process_time() - cpu)


def raw_actions(store: ElasticsearchStore, batch: Sequence[Record]) -> list[dict[str, Any]]:
    """The documents as Earshot makes them, for external versions as a writer without Earshot would use."""
    return [
        {
            "_index": store.layout.month(record.mention.published_at),
            "_id": record.mention.id,
            "version": record.mention.version,
            "version_type": "external",
            "_source": json.loads(to_document(Draft(record), ())),
        }
        for record in batch
    ]


def opened(url: str) -> ElasticsearchStore:
    return open_elasticsearch(Settings(home=Path(), store=f"elasticsearch:{url}/bench-{uuid.uuid4().hex[:8]}"))


def remove(client: Elasticsearch, prefix: str) -> None:
    client.indices.delete(index=list(client.indices.get(index=f"{prefix}-*", features="aliases")))
    client.indices.delete_index_template(name=f"{prefix}-*")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=5000)
    parser.add_argument("--warm", type=int, default=10_000, help="rows not counted: the JVM compiles")
    options = parser.parse_args()
    url = os.environ.get("ELASTICSEARCH_URL", "http://localhost:9200")
    ours, theirs = opened(url), opened(url)
    raw = Elasticsearch(url, request_timeout=120)
    chance = random.Random(3)
    source = records(options.rows + options.warm)
    spent = {"earshot": Spent(), "raw": Spent()}
    done = 0
    while batch := list(islice(source, options.batch)):
        actions = raw_actions(theirs, batch)
        work: dict[str, Callable[[], Any]] = {
            "earshot": lambda batch=batch: ours.save(batch),
            "raw": lambda actions=actions: helpers.bulk(raw, actions, chunk_size=1000),
        }
        gc.collect()
        gc.freeze()  # else either pays for looking through what the other was handed
        for name in chance.sample(list(work), k=2):
            now = spent[name].plus(work[name])
            spent[name] = now if done >= options.warm else Spent()
        done += len(batch)
    rows = done - options.warm
    for name, (wall, cpu) in spent.items():
        print(f"{name:<8} {rows / wall:>8,.0f}/s  {rows / cpu:>8,.0f} per CPU-second of the client")
    print(f"wall: {spent['raw'].wall / spent['earshot'].wall:.2f} of raw", end="; ")
    print(f"client CPU: {spent['earshot'].cpu / spent['raw'].cpu:.2f} times raw")
    for store in (ours, theirs):
        remove(raw, store.layout.prefix)
        store.close()
    raw.close()


if __name__ == "__main__":
    main()
