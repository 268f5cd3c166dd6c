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
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from chaos.scene import BAD, COMMAND, CONFIG, Child, judge, posts, rows
from word_list_model import build

from crawlers.replica import Replica
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.query import MentionQuery
from index.settings import Settings, load
from index.stores import open_store

STALLED = 120.0  # seconds without progress after which the next kill comes anyway


def prepare(home: Path, arguments: argparse.Namespace, replica: Replica) -> Path:
    settings = CONFIG.format(store=Settings().store, inbox=Settings().inbox, site=replica.url)
    (home / "earshot.toml").write_text(settings, encoding="utf-8")
    file = home / "export.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for row in rows(arguments.mentions):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return file


def fire(children: list[Child], kills: int, expected: int, settings: Settings, dice: random.Random) -> None:
    """Kill a random child `kills` times, evenly over the progress of the work, each at a random moment."""
    inbox = open_inbox(settings)
    for done in range(1, kills + 1):
        best, deadline = _saved(inbox), time.monotonic() + STALLED
        while best < expected * done / (kills + 1) and time.monotonic() < deadline:
            for child in children:
                child.keep_alive()
            time.sleep(0.05)
            if (saved := _saved(inbox)) > best:
                best, deadline = saved, time.monotonic() + STALLED
        time.sleep(dice.uniform(0.0, 0.3))
        dice.choice(children).kill()
        print(f"\r{done}/{kills} kills, {_saved(inbox)} saved", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    inbox.close()


def _saved(inbox: Inbox) -> int:
    return sum(counts["saved"] for counts in inbox.counts().values())


def until_read(settings: Settings, expected: int) -> None:
    """Wait until the gatherer has brought all and the workers have finished it, or nothing more comes."""
    inbox, store = open_inbox(settings), open_store(settings)
    seen, deadline = None, time.monotonic() + STALLED
    while (now := (inbox.depth(), store.count(MentionQuery()))) != (0, expected) and time.monotonic() < deadline:
        if now != seen:
            seen, deadline = now, time.monotonic() + STALLED
        time.sleep(0.2)
    inbox.close()
    store.close()


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
