"""How fast the SQLite store answers: python benchmarks/store_read.py [--rows 10000 100000 1000000] [--keep FOLDER]

For each question p50 and p95 in milliseconds over different words, brands and days, in a fresh process; then again
while another process writes batches of 500 (20 ms apart). With --keep, a file that store_write.py left is used.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import msgspec
from generate import BRANDS, DAYS, END, records
from store_write import fill

from index.query import MentionQuery
from index.stores.protocol import Facet
from index.stores.sqlite import SQLiteStore

WORDS = [
    "奶茶",
    "排队",
    "客服",
    "味道",
    "质量",
    "快递",
    "回购",
    "差评",
    "拍照",
    "投诉",
    "性价比",
    "电池",
    "口味",
    "真香",
]
OVERVIEW: tuple[Facet, ...] = ("brand", "platform", "sentiment", "aspect", "intent")
Question = Callable[[SQLiteStore, random.Random], Any]


def month(chance: random.Random, **filters: Any) -> MentionQuery:
    """Thirty days that begin at any second, as "the last 30 days" do."""
    until = END - timedelta(seconds=chance.randrange((DAYS - 31) * 86_400))
    return MentionQuery(since=until - timedelta(days=30), until=until, **filters)


def overview(store: SQLiteStore, query: MentionQuery) -> None:
    store.histogram(query)
    store.facets(query, OVERVIEW)
    store.count(query)


def compared(store: SQLiteStore, query: MentionQuery) -> None:
    """This period and the one before it."""
    overview(store, query)
    assert query.since
    before = msgspec.structs.replace(query, since=query.since - timedelta(days=30), until=query.since)
    store.facets(before, OVERVIEW)


QUESTIONS: dict[str, Question] = {
    "word + brand + 30 days, newest": lambda s, c: s.search(
        month(c, text=c.choice(WORDS), brands=(c.choice(BRANDS),))
    ),
    "the same, rare brand": lambda s, c: s.search(month(c, text=c.choice(WORDS), brands=(BRANDS[-1],))),
    "word, newest": lambda s, c: s.search(MentionQuery(text=c.choice(WORDS))),
    "word + brand + 30 days, count": lambda s, c: s.count(
        month(c, text=c.choice(WORDS), brands=(c.choice(BRANDS),))
    ),
    "word, relevance, 30 days": lambda s, c: s.search(month(c, text=c.choice(WORDS), sort="relevance")),
    "word, relevance, all time": lambda s, c: s.search(MentionQuery(text=c.choice(WORDS), sort="relevance")),
    "only -word, newest": lambda s, c: s.search(MentionQuery(text=f"-{c.choice(WORDS)}")),
    "overview, one brand, 30 days": lambda s, c: overview(s, month(c, brands=(c.choice(BRANDS),))),
    "overview, all brands, 30 days": lambda s, c: overview(s, month(c)),
    "overview, no spam, 30 days": lambda s, c: overview(s, month(c, hide_spam=True)),
    "overview, one brand, all time": lambda s, c: overview(s, MentionQuery(brands=(c.choice(BRANDS),))),
    "overview, all brands, all time": lambda s, _: overview(s, MentionQuery()),
    "overview + period before": lambda s, c: compared(s, month(c, brands=(c.choice(BRANDS),))),
    "overview, one platform, 30 days": lambda s, c: overview(s, month(c, platforms=("weibo",))),
    "overview, three brands, 30 days": lambda s, c: overview(s, month(c, brands=tuple(BRANDS[:3]))),
    "facets of a word, all time": lambda s, c: s.facets(MentionQuery(text=c.choice(WORDS)), OVERVIEW),
    "histogram of a word, all time": lambda s, c: s.histogram(MentionQuery(text=c.choice(WORDS))),
    "top authors, 30 days": lambda s, c: s.top_authors(month(c)),
    "top authors of a brand, 30 days": lambda s, c: s.top_authors(month(c, brands=(c.choice(BRANDS),))),
    "by engagement, 30 days": lambda s, c: s.search(month(c, sort="engagement")),
}


def times(store: SQLiteStore, question: Question, repeats: int) -> tuple[float, float]:
    """p50 and p95 in milliseconds; the first answer warms the file's cache and is not counted."""
    chance = random.Random(7)
    spent = []
    for turn in range(repeats + 1):
        started = time.perf_counter()
        question(store, chance)
        if turn:
            spent.append((time.perf_counter() - started) * 1000)
    spent.sort()
    return spent[len(spent) // 2], spent[int(len(spent) * 0.95)]


def write_on(path: Path, stop: Event) -> None:
    store = SQLiteStore(path)
    source = _new_records()
    while not stop.is_set():
        store.save(list(islice(source, 500)))
        time.sleep(0.02)
    store.close()


def _new_records() -> Iterator[Any]:
    """Mentions that are not in the file yet."""
    for turn in range(1000):
        for found in records(20_000, seed=turn + 100):
            mention = msgspec.structs.replace(found.mention, id=f"{found.mention.id}-{turn}")
            yield msgspec.structs.replace(found, mention=mention)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Another process writes while this goes on."""
    stop = multiprocessing.Event()
    writer = multiprocessing.Process(target=write_on, args=(path, stop))
    writer.start()
    time.sleep(1)
    yield
    stop.set()
    writer.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--keep", type=Path, help="folder with bench-ROWS.sqlite of store_write.py")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--only", default="", help="questions whose name holds this")
    options = parser.parse_args()
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "bench.sqlite"
            kept = options.keep and options.keep / f"bench-{rows}.sqlite"
            if kept and kept.exists():
                shutil.copy(kept, path)
            store = SQLiteStore(path)
            if store.count(MentionQuery()) < rows:
                fill(store, rows)
            report(store, path, rows, options.repeats, options.only)
            store.close()


def report(store: SQLiteStore, path: Path, rows: int, repeats: int, only: str) -> None:
    wanted = {name: question for name, question in QUESTIONS.items() if only in name}
    alone = {name: times(store, question, repeats) for name, question in wanted.items()}
    with writing(path):
        busy = {name: times(store, question, repeats) for name, question in wanted.items()}
    print(f"\n{rows:,} mentions{'':<22} p50 ms  p95 ms | while one writes: p50  p95   ratio of p95")
    for name in wanted:
        (a50, a95), (b50, b95) = alone[name], busy[name]
        print(f"{name:<36} {a50:>7.1f} {a95:>7.1f} | {b50:>21.1f} {b95:>6.1f} {b95 / a95:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
