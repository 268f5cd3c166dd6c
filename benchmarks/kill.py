"""kill -9 of any process at any moment, many times, during an import: is anything lost or doubled?

The processes are the real ones: `earshot import`, two `earshot work`, and `earshot crawl` reading a replica
site over HTTP, on one folder. Evenly over the progress of the work, at random moments, a random one of them is
killed and started again. When the kills are spent, the import runs once more to its end, and the store, its
search index, its tallies, the cases and the counts are compared with what was said.

    python benchmarks/kill.py                              the full run: 20,000 rows, 50 kills
    python benchmarks/kill.py --mentions 2500 --kills 8    a short one
    python benchmarks/kill.py --model shipped              with the shipped model instead of a word list
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from word_list_model import build

from crawlers.replica import Author, Post, Replica
from index.alerts.cases import Cases
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.query import MentionQuery
from index.records import open_records
from index.settings import Settings, load
from index.stores import open_store

CONFIG = """
lease_seconds = 5.0    # a dead worker's batch comes again soon: more chances to meet it twice

[[brands]]
name = "茶茶"

[[rules]]
name = "complaints"
kind = "complaint_aspect"
min_probability = 0.5
"""
SENTENCES = ("茶茶的奶茶太差了，口味太甜，差评要退款", "茶茶今天的奶茶真好喝，喜欢", "路过茶茶，看了一眼")
COMMAND = (sys.executable, "-m", "dashboard.cli")
AUTHORS = 300
STALLED = 60.0  # seconds without progress after which the next kill comes anyway


class Child:
    """One of the processes under fire, started again whenever it is gone."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.kills = 0
        self._arguments = [*COMMAND, *arguments]
        self._environment = environment
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._arguments, env=self._environment, stdout=subprocess.DEVNULL, stderr=log
            )

    def keep_alive(self) -> None:
        if self.process.poll() is not None:
            self.start()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1
        self.start()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


def rows(count: int) -> Iterator[dict[str, Any]]:
    """What the file says: `count` mentions of AUTHORS people, a third of them complaints of today."""
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(count):
        yield {
            "id": f"k{number}",
            "text": f"{SENTENCES[number % 3]} 第{number}条",
            "published_at": (now - timedelta(seconds=number % 3600)).isoformat(),
            "author_id": f"a{number % AUTHORS}",
            "author": f"作者{number % AUTHORS}",
        }


def posts(count: int) -> Iterator[Post]:
    """What the replica site says."""
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(count):
        yield Post(
            platform="hackernews",
            id=str(1_000 + number),
            author=Author(id=f"h{number % 50}", name=f"h{number % 50}"),
            text=f"{SENTENCES[number % 3]} post {number}",
            at=now - timedelta(seconds=number),
            kind="comment",
            thread="1000",
        )


def prepare(home: Path, arguments: argparse.Namespace, replica: Replica) -> Path:
    source = f"""
[[sources]]
name = "replica"
platform = "hackernews"
every = 1.0
[sources.options]
queries = [""]
base_url = "{replica.url}"
delay = 0.0
"""
    (home / "earshot.toml").write_text(CONFIG + source, encoding="utf-8")
    file = home / "export.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for row in rows(arguments.mentions):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return file


def fire(children: list[Child], kills: int, expected: int, settings: Settings, dice: random.Random) -> None:
    """Kill a random child `kills` times, evenly over the progress of the work, each at a random moment."""
    inbox = open_inbox(settings)
    for done in range(1, kills + 1):
        deadline = time.monotonic() + STALLED
        while _saved(inbox) < expected * done / (kills + 1) and time.monotonic() < deadline:
            for child in children:
                child.keep_alive()
            time.sleep(0.05)
        time.sleep(dice.uniform(0.0, 0.3))
        dice.choice(children).kill()
        print(f"\r{done}/{kills} kills, {_saved(inbox)} saved", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    inbox.close()


def _saved(inbox: Inbox) -> int:
    return sum(counts["saved"] for counts in inbox.counts().values())


def until_read(settings: Settings, expected: int, seconds: float = 120.0) -> None:
    """Wait until the gatherer has brought all and the workers have finished it."""
    inbox, store = open_inbox(settings), open_store(settings)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (inbox.depth() or store.count(MentionQuery()) < expected):
        time.sleep(0.2)
    inbox.close()
    store.close()


def judge(settings: Settings, expected: dict[str, str]) -> dict[str, Any]:
    """Compare what is kept with what was said."""
    inbox, store, records = open_inbox(settings), open_store(settings), open_records(settings)
    found = Counter(record.mention.id for record in store.scan(MentionQuery()))
    texts = {record.mention.id: record.mention.text for record in store.scan(MentionQuery())}
    complaints = {key for key, text in expected.items() if SENTENCES[0] in text}
    said = Counter(each for case in Cases(settings, records).list(limit=100_000) for each in case.mention_ids)
    tallies = sum(bucket.counts.total for bucket in store.histogram(MentionQuery(brands=("茶茶",))))
    counts = inbox.counts()
    report = {
        "expected": len(expected),
        "lost": len(expected.keys() - found.keys()),
        "doubled": sum(n - 1 for n in found.values()),
        "strangers": len(found.keys() - expected.keys()),
        "changed": sum(texts.get(key, text) != text for key, text in expected.items()),
        "lost_in_search": len(expected) - store.count(MentionQuery(text="茶茶")),
        "lost_in_tallies": len(expected) - tallies,
        "lost_in_cases": len(complaints - said.keys()),
        "doubled_in_cases": sum(n - 1 for n in said.values()) + len(said.keys() - complaints),
        "left_in_inbox": inbox.depth(),
        "quarantined": len(inbox.quarantined()),
        "saved_counted": sum(each["saved"] for each in counts.values()),
        "put_back_counted": sum(each["put_back"] for each in counts.values()),
        "damaged_files": _damaged(settings),
    }
    for part in (inbox, store, records):
        part.close()
    return report


def _damaged(settings: Settings) -> int:
    from index.database import Database

    answers = []
    for address in (settings.inbox, settings.store, settings.records):
        database = Database(settings.path(address))
        answers.append(database.one("PRAGMA integrity_check"))
        database.close()
    return sum(answer != ("ok",) for answer in answers)


BAD = (
    "lost", "doubled", "strangers", "changed", "lost_in_search", "lost_in_tallies", "lost_in_cases",
    "doubled_in_cases", "left_in_inbox", "quarantined", "damaged_files",
)  # fmt: skip


def run(arguments: argparse.Namespace, home: Path) -> dict[str, Any]:
    dice = random.Random(arguments.seed)
    pages = list(posts(arguments.mentions // 10))
    replica = Replica(pages).start()
    file = prepare(home, arguments, replica)
    environment = {**os.environ, "EARSHOT_HOME": str(home)}
    if arguments.model == "words":
        environment["EARSHOT_MODEL"] = str(build(home / "word-list"))
    importing = ["import", str(file), "--yes", "--platform", "weibo", "--json"]
    commands = [("import", importing), ("work 1", ["work"]), ("work 2", ["work"]), ("crawl", ["crawl"])]
    started = time.monotonic()
    children = [Child(name, words, environment, home / "processes.log") for name, words in commands]
    fire(children, arguments.kills, arguments.mentions + len(pages), load(home), dice)
    under_fire = time.monotonic() - started
    inbox = open_inbox(load(home))
    saved_under_fire = _saved(inbox)
    inbox.close()
    children[0].process.kill()
    last = subprocess.run([*COMMAND, *importing], env=environment, capture_output=True, text=True, check=False)
    settings = load(home)
    expected = {f"weibo:{row['id']}": row["text"] for row in rows(arguments.mentions)}
    expected |= {f"hackernews:{post.id}": post.text for post in pages}
    until_read(settings, len(expected))
    for child in children[1:]:
        child.end()
    replica.stop()
    return {
        "seconds_under_fire": round(under_fire, 1),
        "saved_under_fire": saved_under_fire,
        "kills": {child.name: child.kills for child in children},
        "last_import": json.loads(last.stdout) if last.returncode == 0 else last.stderr[-500:],
        **judge(settings, expected),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mentions", type=int, default=20_000, help="rows of the file; a tenth more on the site")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--model", choices=("words", "shipped"), default="words")
    parser.add_argument("--home", type=Path, help="folder to use and keep (default: a temporary one)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = (arguments.home or Path(temporary)).resolve()
        home.mkdir(parents=True, exist_ok=True)
        report = run(arguments, home)
    if arguments.json:
        print(msgspec.json.encode(report).decode())
    else:
        for name, value in report.items():
            print(f"{name:20} {value}")
    failed = [name for name in BAD if report[name]]
    if failed:
        print(f"FAILED: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
