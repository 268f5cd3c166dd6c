"""What a mention costs in each part, for the arithmetic of docs/deployment.md.

    python benchmarks/sizes.py [--rows 20000] [--scored 300] [--store ADDRESS] [--inbox ADDRESS]

Store: disk per mention and client CPU to save it (Elasticsearch; "--store sqlite:..." measures that). Inbox: memory
per waiting mention and client CPU to put, lend and acknowledge it. Worker: CPU of the whole way through a real
worker with the shipped model. Without addresses a server each is started from tests/fixtures. Counts and bytes are
exact; CPU-seconds are of this process and hold on a busy machine, where clock time would not.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/fixtures"))

import msgspec
import servers
from generate import records

from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Item
from index.records import open_records
from index.settings import Settings
from index.stores import open_store
from nlp.analyse import Analyser
from nlp.engine import load_model
from nlp.worker import Worker, open_desk

BATCH = 500


def cpu_of(work: Callable[[], Any]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def batches(rows: int) -> Iterator[list[Any]]:
    source = records(rows)
    while batch := list(islice(source, BATCH)):
        yield batch


def raw_of(text: str) -> bytes:
    """About what a platform sends around a text: names, counters, addresses."""
    return json.dumps(
        {"text": text, "user": {"id": 1, "name": "小王", "avatar": "x" * 60}, "pad": "x" * 600}
    ).encode()


def store_of(settings: Settings, rows: int) -> dict[str, float]:
    with closing(open_store(settings)) as store:
        before = store.health()["bytes"]
        spent = sum(cpu_of(lambda batch=batch: store.save(batch)) for batch in batches(rows))
        settled(settings)
        kept = store.health()
    return {
        "store_bytes_per_mention": (kept["bytes"] - before) / rows,
        "store_mentions_per_client_cpu_second": rows / spent,
    }


def settled(settings: Settings) -> None:
    """Sizes of an index count when its segments are written and merged as they will be when it has grown."""
    if settings.store.startswith("elasticsearch:"):
        from index.stores.elasticsearch_client import connect, parse

        with connect(settings) as client:
            client.options(request_timeout=600).indices.forcemerge(
                index=f"{parse(settings.store).prefix}-*", max_num_segments=1
            )
            client.indices.flush(index=f"{parse(settings.store).prefix}-*")


def inbox_of(settings: Settings, rows: int) -> dict[str, float]:
    with closing(open_inbox(settings)) as inbox:
        before = memory(inbox)
        put = sum(cpu_of(lambda batch=batch: inbox.put(items(batch))) for batch in batches(rows))
        held = memory(inbox) - before

        def drain() -> None:
            while lent := inbox.lease(BATCH, worker="sizes", seconds=600):
                inbox.ack(lent)

        taken = cpu_of(drain)
    return {
        "inbox_bytes_per_waiting_mention": held / rows,
        "inbox_put_per_client_cpu_second": rows / put,
        "inbox_taken_per_client_cpu_second": rows / taken,
    }


def memory(inbox: Inbox) -> int:
    facts = inbox.health()
    return int(facts.get("memory") or facts["bytes"])


def items(batch: list[Any]) -> list[Item]:
    return [Item(mention=each.mention, raw=raw_of(each.mention.text)) for each in batch]


def worker_of(settings: Settings, scored: int) -> dict[str, float]:
    """The whole way of mentions that are not stored yet."""
    with (
        closing(open_inbox(settings)) as inbox,
        closing(open_store(settings)) as store,
        closing(open_records(settings)) as kept,
    ):
        analyser = Analyser(settings, load_model(settings.model, 1))
        worker = Worker(settings, inbox, store, analyser, open_desk(settings, store, kept))
        fresh = [renamed(each) for each in records(scored + settings.batch)]
        inbox.put(items(fresh[: settings.batch]))
        worker.run(until_idle=True)  # what is loaded at first use
        inbox.put(items(fresh[settings.batch :]))
        spent = cpu_of(lambda: worker.run(until_idle=True))
    return {
        "worker_mentions_per_cpu_second": scored / spent,
        "worker_rss_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def renamed(record: Any) -> Any:
    mention = record.mention
    new = msgspec.structs.replace(mention, id=f"{mention.platform}:fresh{uuid4().hex}", version=mention.version + 1)
    return msgspec.structs.replace(record, mention=new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--scored", type=int, default=300)
    parser.add_argument("--store")
    parser.add_argument("--inbox")
    options = parser.parse_args()
    started: list[servers.Server] = []

    def address(given: str | None, scheme: str, start: Callable[[], servers.Server]) -> str:
        if given:
            return given
        started.append(start())
        return f"{scheme}{started[-1].url}"

    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(
                home=Path(folder),
                store=address(options.store, "elasticsearch:", servers.start_elasticsearch),
                inbox=address(options.inbox, "", servers.start_redis),
            )
            found = {
                **store_of(settings, options.rows),
                **inbox_of(settings, options.rows),
                **worker_of(settings, options.scored),
            }
    finally:
        for server in started:
            server.stop()
    for name, value in found.items():
        print(f"{name:40} {value:12,.1f}")


if __name__ == "__main__":
    main()
