"""How fast the SQLite store writes: python benchmarks/store_write.py [--rows 10000 100000 1000000] [--keep FOLDER]

Batches of 500, each a durable commit, tokenising included. CPU-seconds are those of this process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from generate import records

from index.documents import Engagement, Record
from index.stores.sqlite import SQLiteStore

BATCH = 500


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """CPU seconds and wall seconds of this."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def fill(store: SQLiteStore, rows: int) -> tuple[float, float]:
    """CPU and wall seconds of saving; making the mentions is not counted."""
    source = records(rows)
    cpu = wall = 0.0
    while batch := list(islice(source, BATCH)):
        spent = measured(lambda batch=batch: store.save(batch))
        cpu, wall = cpu + spent[0], wall + spent[1]
    return cpu, wall


def in_batches(store: SQLiteStore, batch: Sequence[Record]) -> None:
    for start in range(0, len(batch), BATCH):
        store.save(batch[start : start + BATCH])


def liked(record: Record) -> Record:
    mention = record.mention
    more = msgspec.structs.replace(mention, engagement=Engagement(likes=10**6), version=mention.version + 1)
    return msgspec.structs.replace(record, mention=more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--keep", type=Path, help="folder that keeps bench-ROWS.sqlite for store_read.py")
    options = parser.parse_args()
    print("     rows  new/CPU-s    new/s  again/CPU-s  counters/CPU-s     MB  RSS MB")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as scratch:
            measure(rows, options.keep or Path(scratch))


def measure(rows: int, folder: Path) -> None:
    """Fill a new file and print one line of the table."""
    path = folder / f"bench-{rows}.sqlite"
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    store = SQLiteStore(path)
    cpu, wall = fill(store, rows)
    some = list(islice(records(rows), min(rows, 10_000)))
    more = [liked(record) for record in some]
    again, _ = measured(lambda: in_batches(store, some))
    counters, _ = measured(lambda: in_batches(store, more))
    store.close()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows:>9} {rows / cpu:>10.0f} {rows / wall:>8.0f} {len(some) / again:>12.0f}"
        f" {len(some) / counters:>15.0f} {path.stat().st_size / 2**20:>6.0f} {rss:>7.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
