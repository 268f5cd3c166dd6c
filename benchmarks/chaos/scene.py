"""One scene for every fault: real `earshot` processes on one home, what they are told, and the judge at the end.

A file of mentions is imported while a gatherer reads a replica site and two workers work; when that import is done,
a second file brings edits of a tenth of it. Whatever happens meanwhile, at the end every mention must be in the
store, its search index, its tallies and its case exactly once, in its newest version.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from word_list_model import build

from crawlers.replica import Author, Post, Replica
from index.alerts.cases import Cases
from index.database import Database
from index.errors import EarshotError
from index.inbox import open_inbox
from index.query import MentionQuery
from index.records import open_records
from index.settings import Settings, load
from index.stores import open_store

CONFIG = """
store = "{store}"
inbox = "{inbox}"
lease_seconds = 5.0    # a dead worker's batch comes again soon: more chances to meet it twice

[[brands]]
name = "茶茶"

[[rules]]
name = "complaints"
kind = "complaint_aspect"
min_probability = 0.5

[[sources]]
name = "replica"
platform = "hackernews"
every = 1.0
[sources.options]
queries = [""]
base_url = "{site}"
delay = 0.0
"""
SENTENCES = ("茶茶的奶茶太差了，口味太甜，差评要退款", "茶茶今天的奶茶真好喝，喜欢", "路过茶茶，看了一眼")
COMMAND = (sys.executable, "-m", "dashboard.cli")
AUTHORS = 300
EDITED = 10  # one mention in so many is edited
STALLED = 600.0  # seconds without any progress: nothing more will come
BAD = (
    "lost", "doubled", "strangers", "changed", "lost_in_search", "lost_in_tallies", "lost_in_cases",
    "doubled_in_cases", "left_in_inbox", "quarantined", "damaged_files",
)  # fmt: skip


class Child:
    """One of the processes under fire, started again when it is gone before it was done."""

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
        if not self.done and self.process.poll() is not None:
            self.start()

    @property
    def done(self) -> bool:
        return self.process.poll() == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1
        self.start()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=180)


def rows(count: int, *, edited: bool = False) -> Iterator[dict[str, Any]]:
    """What a file says: mentions of AUTHORS people, a third of them complaints of today. The edited file has every
    EDITED-th again, with other words."""
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(0, count, EDITED if edited else 1):
        yield {
            "id": f"k{number}",
            "text": f"{SENTENCES[number % 3]} 第{number}条{'，改过' if edited else ''}",
            "published_at": (now - timedelta(seconds=number % 3600)).isoformat(),
            "author_id": f"a{number % AUTHORS}",
            "author": f"作者{number % AUTHORS}",
        }


def posts(count: int) -> Iterator[Post]:
    """What the replica site says."""
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(count):
        yield post(number, now - timedelta(seconds=number))


def post(number: int, at: datetime) -> Post:
    return Post(
        platform="hackernews",
        id=str(1_000 + number),
        author=Author(id=f"h{number % 50}", name=f"h{number % 50}"),
        text=f"{SENTENCES[number % 3]} post {number}",
        at=at,
        kind="comment",
        thread="1000",
    )


class Scene:
    """A home with its site, its files and its processes. Use as a context: everything is ended at its end."""

    def __init__(self, home: Path, mentions: int, *, store: str, inbox: str, model: str = "words") -> None:
        self.home, self.mentions = home, mentions
        pages = list(posts(mentions // 10))
        self.expected = {f"weibo:{row['id']}": row["text"] for row in rows(mentions)}
        self.expected |= {f"weibo:{row['id']}": row["text"] for row in rows(mentions, edited=True)}
        self.expected |= {f"hackernews:{post.id}": post.text for post in pages}
        self._said = len(pages)
        self._site = Replica(pages).start()
        config = CONFIG.format(store=store, inbox=inbox, site=self._site.url)
        (home / "earshot.toml").write_text(config, encoding="utf-8")
        for name, edited in (("export", False), ("edits", True)):
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows(mentions, edited=edited))
            (home / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        self.environment = {**os.environ, "EARSHOT_HOME": str(home)}
        if model == "words":
            self.environment["EARSHOT_MODEL"] = str(build(home / "word-list"))
        self.settings: Settings = load(home)
        self.children: list[Child] = []

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            child.go_on()
            child.process.kill()
            child.process.wait()
        self._site.stop()

    def start(self, name: str, *arguments: str) -> Child:
        self.children.append(Child(name, list(arguments), self.environment, self.home / "processes.log"))
        return self.children[-1]

    def begin(self) -> None:
        self.start("import", *self._importing("export"))
        for name in ("work 1", "work 2"):
            self.start(name, "work")
        self.start("crawl", "crawl")

    def child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def _importing(self, file: str) -> list[str]:
        return ["import", str(self.home / f"{file}.jsonl"), "--yes", "--platform", "weibo", "--json"]

    def look_after(self) -> None:
        """Start again who is gone; the edits come when the first file is through, and never before."""
        for child in self.children:
            child.keep_alive()
        if self.child("import").done and not any(child.name == "edits" for child in self.children):
            self.start("edits", *self._importing("edits"))

    def say_more(self) -> None:
        """One more post on the site."""
        more = post(self._said, datetime.now(UTC).replace(microsecond=0))
        self._said += 1
        self.expected[f"hackernews:{more.id}"] = more.text
        self._site.add(more)

    def edited(self) -> bool:
        """Whether the second file is through."""
        return any(child.name == "edits" and child.done for child in self.children)

    def worked(self) -> int:
        """How many have come out of the inbox well, 0 while nobody can say."""
        return self._asked(lambda counts: sum(each["saved"] + each["duplicate"] for each in counts.values()))

    def queued(self) -> int:
        """How many wait in the inbox or are in a worker's hands, 0 while nobody can say."""
        return self._asked(lambda counts: sum(each["waiting"] + each["leased"] for each in counts.values()))

    def holding(self, name: str) -> list[Child]:
        """Those whose name begins so and that have a batch in hand now."""
        inbox = open_inbox(self.settings)
        try:
            workers = inbox.health()["workers"]
        finally:
            inbox.close()
        named = [child for child in self.children if child.name.startswith(name)]
        return [child for child in named if any(f".{child.process.pid}." in worker for worker in workers)]

    def _asked(self, question: Callable[[dict[str, dict[str, int]]], int]) -> int:
        inbox = open_inbox(self.settings)
        try:
            return question(inbox.counts())
        except EarshotError:
            return 0
        finally:
            inbox.close()

    def until(self, what: str, condition: Callable[[], Any]) -> Any:
        """Wait, with all processes looked after; what the condition gave when it held. Ends the run when nothing
        has been worked for STALLED seconds."""
        best, deadline = self.worked(), time.monotonic() + STALLED
        while not (found := condition()):
            self.look_after()
            time.sleep(0.1)
            if (worked := self.worked()) > best:
                best, deadline = worked, time.monotonic() + STALLED
            if time.monotonic() > deadline:
                words = (self.home / "processes.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise SystemExit(f"waited for {what}: {worked} worked, none in {STALLED:.0f} s.\n{words}")
        return found

    def wait(self, seconds: float) -> None:
        """Let a time pass, with all processes looked after."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look_after()
            time.sleep(0.1)

    def finish(self) -> None:
        """Wait until both files and the site have been brought and worked, then end everything in order."""
        self.until("the edits", self.edited)
        self.until("the rest", lambda: self.worked() and not self.queued() and self._all_there())
        for child in self.children:
            child.end()
        self.children.clear()

    def _all_there(self) -> bool:
        store = open_store(self.settings)
        try:
            return store.count(MentionQuery()) >= len(self.expected)
        except EarshotError:
            return False
        finally:
            store.close()


def judge(settings: Settings, expected: dict[str, str]) -> dict[str, Any]:
    """Compare what is kept with what was said."""
    inbox, store, records = open_inbox(settings), open_store(settings), open_records(settings)
    texts = [(record.mention.id, record.mention.text) for record in store.scan(MentionQuery())]
    found = Counter(key for key, _ in texts)
    complaints = {key for key, text in expected.items() if SENTENCES[0] in text}
    said = Counter(each for case in Cases(settings, records).list(limit=100_000) for each in case.mention_ids)
    tallies = sum(bucket.counts.total for bucket in store.histogram(MentionQuery(brands=("茶茶",))))
    counts = inbox.counts()
    report = {
        "expected": len(expected),
        "lost": len(expected.keys() - found.keys()),
        "doubled": sum(n - 1 for n in found.values()),
        "strangers": len(found.keys() - expected.keys()),
        "changed": sum(expected.get(key, text) != text for key, text in texts),
        "lost_in_search": len(expected) - store.count(MentionQuery(text="茶茶")),
        "lost_in_tallies": len(expected) - tallies,
        "lost_in_cases": len(complaints - said.keys()),
        "doubled_in_cases": sum(n - 1 for n in said.values()) + len(said.keys() - complaints),
        "left_in_inbox": inbox.depth(),
        "quarantined": len(inbox.quarantined()),
        "saved_counted": sum(each["saved"] for each in counts.values()),
        "duplicates_counted": sum(each["duplicate"] for each in counts.values()),
        "put_back_counted": sum(each["put_back"] for each in counts.values()),
        "damaged_files": _damaged(settings),
    }
    for part in (inbox, store, records):
        part.close()
    return report


def _damaged(settings: Settings) -> int:
    answers = []
    for address in (settings.inbox, settings.store, settings.records):
        if address.startswith("sqlite:"):
            database = Database(settings.path(address))
            answers.append(database.one("PRAGMA integrity_check"))
            database.close()
    return sum(answer != ("ok",) for answer in answers)
