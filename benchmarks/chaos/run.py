"""Faults of many machines, one after the other: is anything lost, doubled, or older than it should be?

Real `earshot import`, `earshot crawl` and two `earshot work` share a real Redis (and, with --store elasticsearch, a
real Elasticsearch) on loopback. While 20,000 mentions and 2,000 edits of them come in, something happens:

    redis-away       Redis answers nobody for a minute, then goes on (SIGSTOP, SIGCONT)
    redis-killed     Redis is killed ten times and started again on its append-only file
    workers-killed   a worker is killed 50 times, evenly over the progress of the work
    worker-paused    a worker is paused for five minutes with a batch in hand, wakes and writes late
    store-away       Elasticsearch answers nobody for a minute, then goes on
    node-killed      one of three Elasticsearch nodes is killed at a random moment and started again, ten times

    export PYTHONPATH=.:benchmarks:tests/fixtures
    python benchmarks/chaos/run.py                                         everything that --store allows
    python benchmarks/chaos/run.py redis-away --seconds 5 --mentions 1000  one of them, short
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import servers
from chaos.cluster_of_three import Three
from chaos.scene import BAD, Child, Scene, judge

from index.database import Database
from index.errors import StoreError
from index.settings import Settings

Fault = Callable[["Stage"], dict[str, Any]]
STORE_BUSY = 15.0  # seconds; a writer waits twice as long
DURABLE = ("--appendfsync", "always", "--maxmemory-policy", "noeviction")


class Stage:
    """The scene with its servers, and how much of everything was asked for."""

    def __init__(self, home: Path, arguments: argparse.Namespace, fault: str) -> None:
        self.arguments = arguments
        self.dice = random.Random(arguments.seed)
        self.redis = servers.start_redis(*DURABLE)
        self.elastic = _elastic(fault, arguments.store)
        store = f"elasticsearch:{self.elastic.url}" if self.elastic else "sqlite:mentions.sqlite"
        self.scene = Scene(home, arguments.mentions, store=store, inbox=self.redis.url, model=arguments.model)

    def times(self, full: int) -> int:
        return self.arguments.times or full

    def seconds(self, full: float) -> float:
        return self.arguments.seconds or full

    def until_worked(self, share: float) -> None:
        wanted = share * len(self.scene.expected)
        self.scene.until(f"{wanted:.0f} worked", lambda: self.scene.worked() >= wanted)

    def restart_redis(self) -> None:
        port = int(self.redis.url.rpartition(":")[2].partition("/")[0])
        self.redis.kill()
        self.scene.wait(self.seconds(1.0))
        self.redis = servers.start_redis(*DURABLE, folder=self.redis.folder, port=port)

    def records_free(self) -> bool:
        """Whether nobody who is paused is writing to the records; whoever is not gets time to finish."""
        settings = self.scene.settings
        try:
            with closing(Database(settings.path(settings.records))) as database, database.write():
                return True
        except StoreError:
            return False

    def close(self) -> None:
        self.redis.stop()
        if self.elastic:
            self.elastic.stop()


@contextmanager
def store_busy(settings: Settings, elastic: object = None) -> Iterator[None]:
    """Nobody can write to the store while the block runs."""
    if isinstance(elastic, servers.Server):
        elastic.pause()
        try:
            yield
        finally:
            elastic.go_on()
    else:
        with closing(Database(settings.path(settings.store))) as database, database.write():
            yield


def _elastic(fault: str, store: str) -> servers.Server | Three | None:
    if fault == "node-killed":
        return Three()
    return servers.start_elasticsearch() if store == "elasticsearch" else None


def redis_away(stage: Stage) -> dict[str, Any]:
    stage.until_worked(0.2)
    return _away(stage.redis, stage.seconds(60.0))


def _away(server: servers.Server, seconds: float) -> dict[str, Any]:
    server.pause()
    time.sleep(seconds)  # nobody could say how far the work is
    server.go_on()
    return {"seconds_away": seconds}


def redis_killed(stage: Stage) -> dict[str, Any]:
    kills = stage.times(10)
    for number in range(1, kills + 1):
        stage.until_worked(0.9 * number / (kills + 1))
        stage.restart_redis()
    return {"kills": kills}


def workers_killed(stage: Stage) -> dict[str, Any]:
    workers = [child for child in stage.scene.children if child.name.startswith("work")]
    kills = stage.times(50)
    for number in range(1, kills + 1):
        stage.until_worked(0.9 * number / (kills + 1))
        time.sleep(stage.dice.uniform(0.0, 0.3))
        stage.dice.choice(workers).kill()
    return {"kills": {child.name: child.kills for child in workers}}


def worker_paused(stage: Stage) -> dict[str, Any]:
    """Everything the paused worker holds is done by others, and edited, before it wakes."""
    stage.until_worked(0.1)
    sleeper = stage.scene.until("a worker with a batch in hand", lambda: _met(stage))
    started = time.monotonic()
    stage.scene.wait(stage.seconds(300.0))
    stage.scene.until("the edits", stage.scene.edited)
    sleeper.go_on()
    return {"paused": sleeper.name, "seconds_paused": round(time.monotonic() - started, 1)}


def _met(stage: Stage) -> Child | None:
    """A worker paused with a batch in hand. Nobody can finish meanwhile, and there is more to do, so that it is not
    over before we look; after a while processes that are starting get the store."""
    stage.scene.say_more()
    with store_busy(stage.scene.settings, stage.elastic):
        end = time.monotonic() + STORE_BUSY
        while time.monotonic() < end:
            if caught := _caught(stage):
                return caught
            time.sleep(0.1)
    return None


def _caught(stage: Stage) -> Child | None:
    """A worker stopped with a batch in hand, but not in the middle of a write, which would hold the others up."""
    for worker in stage.scene.holding("work"):
        worker.pause()
        if worker in stage.scene.holding("work") and stage.records_free():
            return worker
        worker.go_on()
    return None


def store_away(stage: Stage) -> dict[str, Any]:
    if not isinstance(stage.elastic, servers.Server):
        raise SystemExit("store-away needs --store elasticsearch")
    stage.until_worked(0.2)
    return _away(stage.elastic, stage.seconds(60.0))


def node_killed(stage: Stage) -> dict[str, Any]:
    if not isinstance(stage.elastic, Three):
        raise SystemExit("node-killed needs three nodes")
    kills = stage.times(10)
    killed = []
    for number in range(1, kills + 1):
        stage.until_worked(0.9 * number / (kills + 1))
        time.sleep(stage.dice.uniform(0.0, 2.0))
        killed.append(stage.elastic.kill_one(stage.dice))
    return {"killed_nodes": killed}


FAULTS: dict[str, Fault] = {
    "redis-away": redis_away,
    "redis-killed": redis_killed,
    "workers-killed": workers_killed,
    "worker-paused": worker_paused,
    "store-away": store_away,
    "node-killed": node_killed,
}
ELASTIC = ("store-away", "node-killed")


def play(name: str, home: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One fault from the first mention to the verdict."""
    stage = Stage(home, arguments, name)
    started = time.monotonic()
    try:
        with stage.scene as scene:
            scene.begin()
            facts = FAULTS[name](stage)
            scene.finish()
            report = {"fault": name, "store": arguments.store, **facts}
            return (
                report | {"seconds": round(time.monotonic() - started, 1)} | judge(scene.settings, scene.expected)
            )
    finally:
        stage.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--store", choices=("sqlite", "elasticsearch"), default="sqlite")
    parser.add_argument("--mentions", type=int, default=20_000, help="rows of the file; a tenth more on the site")
    parser.add_argument("--seconds", type=float, help="how long something is away or paused")
    parser.add_argument("--times", type=int, help="how often something is killed")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--model", choices=("words", "shipped"), default="words")
    parser.add_argument("--home", type=Path, help="folder to use and keep (default: a temporary one)")
    arguments = parser.parse_args()
    chosen = arguments.faults or [n for n in FAULTS if n not in ELASTIC or arguments.store == "elasticsearch"]
    if unknown := set(chosen) - FAULTS.keys():
        parser.error(f"no such fault: {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends processes and servers on the way
    failed = []
    for name in chosen:
        with tempfile.TemporaryDirectory() as temporary:
            home = (arguments.home / name if arguments.home else Path(temporary)).resolve()
            home.mkdir(parents=True, exist_ok=True)
            report = play(name, home, arguments)
        print(json.dumps(report), flush=True)
        failed += [f"{name}: {bad}" for bad in BAD if report[bad]]
    if failed:
        print(f"FAILED: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
