"""One, two and four workers on "two machines": is each mention analysed once, and how does throughput grow?

The machines are two network namespaces with a wire each to this one, where one Redis and (with --store
elasticsearch) one Elasticsearch serve both. Real `earshot work` processes, half of them on either side, wait for
mentions with the model loaded. Measured from the first mention put until the inbox is empty; CPU-seconds of the
same stretch stand beside it, because a busy machine makes the clock lie. The last run kills a worker with a batch
in hand: that batch, and nothing else, is analysed twice. Needs root for the namespaces.

    export PYTHONPATH=.:benchmarks:tests/fixtures
    python benchmarks/many_workers.py                          4,000 mentions a run, the shipped model
    python benchmarks/many_workers.py --model words --mentions 20000 --store elasticsearch
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import servers
from chaos.run import store_busy
from chaos.scene import COMMAND
from word_list_model import build

from index.documents import Author, Mention
from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Item
from index.query import MentionQuery
from index.settings import Settings, load
from index.stores import open_store

MACHINES = ("earshot-a", "earshot-b")
HERE = tuple(f"10.231.{number}.1" for number in range(len(MACHINES)))  # this end of each wire
THERE = tuple(f"10.231.{number}.2" for number in range(len(MACHINES)))
PASSWORD = "of-the-benchmark"
SOURCE = "benchmark"
SENTENCES = (
    "茶茶的奶茶太甜了，喝两口就腻，排队半小时",
    "茶茶的包装很好看，会回购",
    "Shipping took weeks, nobody answered",
)
CONFIG = """
lease_seconds = {lease}    # so long does the last run wait for what the killed worker had

[[brands]]
name = "茶茶"
"""
PORT = 9_200  # of the first worker's numbers
WITHIN = 1800.0  # seconds for one run
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def two_machines() -> Iterator[None]:
    """Two network namespaces, each with a wire to this one and to nothing else."""
    try:
        for number, name in enumerate(MACHINES):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)  # of a killed run
            _ip("netns", "add", name)
            _ip("link", "add", f"wire{number}", "type", "veth", "peer", "name", "wire", "netns", name)
            _ip("addr", "add", f"{HERE[number]}/30", "dev", f"wire{number}")
            _ip("link", "set", f"wire{number}", "up")
            _ip("-n", name, "addr", "add", f"{THERE[number]}/30", "dev", "wire")
            _ip("-n", name, "link", "set", "wire", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in MACHINES:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Worker:
    """`earshot work` on one of the machines, with a home of that machine's view of the servers."""

    def __init__(self, number: int, home: Path, environment: dict[str, str]) -> None:
        machine = number % len(MACHINES)
        ours = {**os.environ, **environment, "EARSHOT_HOME": str(home)}
        ours |= {name: value.replace("127.0.0.1", HERE[machine]) for name, value in environment.items()}
        self._log = home / f"worker{number}.log"
        with self._log.open("wb") as log:
            command = ["ip", "netns", "exec", MACHINES[machine], *COMMAND, "work", "--metrics", str(PORT + number)]
            self.process = subprocess.Popen(command, env=ours, stderr=log, stdout=subprocess.DEVNULL)
        self._listening = f"0100007F:{PORT + number:04X} 00000000:0000 0A"  # as the kernel writes it

    def ready(self) -> bool:
        """Whether its model is loaded: only then it offers its numbers, on its own machine."""
        if self.process.poll() is not None:
            raise SystemExit(f"a worker ended: {self._log.read_text(encoding='utf-8')[-500:]}")
        return self._listening in Path(f"/proc/{self.process.pid}/net/tcp").read_text()

    def holds_something(self, inbox: Inbox) -> bool:
        return any(f".{self.process.pid}." in name for name in inbox.health()["workers"])

    def end(self) -> int:
        """How many mentions it says it has finished."""
        self.process.terminate()
        self.process.wait(timeout=120)
        words = self._log.read_text(encoding="utf-8").split()
        return int(words[words.index("Finished") + 1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def fill(inbox: Inbox, count: int, run: str) -> None:
    now = datetime.now(UTC)
    for first in range(0, count, 500):
        inbox.put([_item(f"{run}-{n}", n, now) for n in range(first, min(first + 500, count))])


def _item(key: str, number: int, now: datetime) -> Item:
    mention = Mention(
        id=f"weibo:{key}",
        platform="weibo",
        source=SOURCE,
        text=f"{SENTENCES[number % 3]} 第{number}条",
        published_at=now,
        fetched_at=now,
        version=1,
        author=Author(id=f"weibo:a{number % 300}", name="小王"),
        brands=("茶茶",),
    )
    return Item(mention=mention, raw=json.dumps({"mid": key, "text": mention.text}).encode())


def measure(
    workers: int,
    settings: Settings,
    arguments: argparse.Namespace,
    redis: servers.Server,
    elastic: servers.Server | None,
    *,
    kill: bool,
) -> Any:
    """One run: `workers` empty an inbox of `arguments.mentions`."""
    name = f"{workers}{'k' if kill else ''}"
    inbox = open_inbox(settings)
    before = _ends(inbox)
    environment = {"EARSHOT_INBOX": settings.inbox, "EARSHOT_REDIS_PASSWORD": PASSWORD}
    environment |= {"EARSHOT_STORE": settings.store} if settings.store.startswith("elastic") else {}
    team = [Worker(number, settings.home, environment) for number in range(workers)]
    try:
        _until(lambda: all(worker.ready() for worker in team))
        pids = [worker.process.pid for worker in team[: workers - kill]]
        spent = [cpu_seconds(pid) for pid in (*pids, redis.pid)]
        started = time.monotonic()
        if kill:
            with store_busy(settings, elastic):  # nobody is done before the victim has a batch in hand
                fill(inbox, arguments.mentions, name)
                _until(lambda: team[-1].holds_something(inbox))
                victim = team.pop().process
                victim.kill()
            victim.wait()
        else:
            fill(inbox, arguments.mentions, name)
        _until(lambda: inbox.depth() == 0)
        seconds = time.monotonic() - started
        cpu = [cpu_seconds(pid) - was for pid, was in zip((*pids, redis.pid), spent, strict=True)]
        finished = [worker.end() for worker in team]
    finally:
        for worker in team:
            worker.process.kill()
            worker.process.wait()
    ends = {end: n - before.get(end, 0) for end, n in _ends(inbox).items()}
    inbox.close()
    return {
        "workers": workers,
        "killed": int(kill),
        "seconds": round(seconds, 1),
        "per_second": round(arguments.mentions / seconds, 1),
        "per_cpu_second_of_workers": round(sum(finished) / max(sum(cpu[:-1]), 0.01), 1),
        "cores_used_by_workers": round(sum(cpu[:-1]) / seconds, 2),
        "redis_ms_a_mention": round(1000 * cpu[-1] / arguments.mentions, 3),
        "finished_by_each": finished,
        "saved": ends["saved"],
        "analysed_again": ends["put_back"] + ends["duplicate"],
    }


def _ends(inbox: Inbox) -> dict[str, int]:
    return dict(inbox.counts().get(SOURCE, {}))


def _until(condition: Any) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not done in {WITHIN:.0f} s")
        time.sleep(0.02)


def stored(settings: Settings) -> int:
    store = open_store(settings)
    count = store.count(MentionQuery())
    store.close()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mentions", type=int, default=4_000, help="of each run")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--lease", type=float, default=60.0, help="seconds; the default is the product's")
    parser.add_argument("--model", choices=("words", "shipped"), default="shipped")
    parser.add_argument("--store", choices=("sqlite", "elasticsearch"), default="sqlite")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the servers and the machines on the way
    os.environ["EARSHOT_REDIS_PASSWORD"] = PASSWORD
    reports = []
    with tempfile.TemporaryDirectory() as folder, two_machines():
        bind = ("--bind", "127.0.0.1", *HERE, "--requirepass", PASSWORD, "--appendfsync", "always")
        redis = servers.start_redis(*bind)
        elastic = servers.start_elasticsearch({"http.host": "0.0.0.0"}) if arguments.store != "sqlite" else None
        try:
            if arguments.model == "words":
                os.environ["EARSHOT_MODEL"] = str(build(Path(folder) / "word-list"))
            os.environ["EARSHOT_INBOX"] = redis.url
            if elastic:
                os.environ["EARSHOT_STORE"] = f"elasticsearch:{elastic.url}"
            (Path(folder) / "earshot.toml").write_text(CONFIG.format(lease=arguments.lease), encoding="utf-8")
            settings = load(Path(folder))
            for workers, kill in (*((n, False) for n in arguments.workers), (max(arguments.workers), True)):
                reports.append(measure(workers, settings, arguments, redis, elastic, kill=kill))
                print(json.dumps(reports[-1]), flush=True)
            lost = len(reports) * arguments.mentions - stored(settings)
        finally:
            redis.stop()
            if elastic:
                elastic.stop()
    twice = sum(report["analysed_again"] for report in reports if not report["killed"])
    print(json.dumps({"lost": lost, "analysed_twice_without_a_kill": twice}))
    return 1 if lost or twice else 0


if __name__ == "__main__":
    sys.exit(main())
