"""What happens to the processes themselves: killed, paused, out of disk. Real `earshot` processes, real files."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest
import servers
from waiting import until

from index.alerts.cases import Cases
from index.database import Database
from index.documents import Author, Mention
from index.inbox import open_inbox
from index.inbox.protocol import Item
from index.query import MentionQuery
from index.records import open_records
from index.settings import Settings, load
from index.stores import open_store

ROOT = Path(__file__).parents[2]
SOURCE = "weibo-api"
COUNT = 600
CONFIG = """
lease_seconds = 2.0
[[brands]]
name = "茶茶"
[[rules]]
name = "complaints"
kind = "complaint_aspect"
min_probability = 0.5
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "earshot.toml").write_text(CONFIG, encoding="utf-8")
    return load(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word list as a model folder: quick, and read by the processes like any other."""
    folder = tmp_path_factory.mktemp("word-list")
    script = f"from pathlib import Path; from word_list_model import build; build(Path({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "benchmarks", check=True)
    return folder


@pytest.fixture
def start_worker(settings: Settings, model: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "EARSHOT_HOME": str(settings.home), "EARSHOT_MODEL": str(model)}
        command = [sys.executable, "-m", "dashboard.cli", "work"]
        with (settings.home / "worker.log").open("ab") as log:
            started.append(subprocess.Popen(command, env=environment, cwd=ROOT, stderr=log, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def items(count: int = COUNT) -> list[Item]:
    now = datetime.now(UTC)
    return [
        Item(
            mention=Mention(
                id=f"weibo:{number}",
                platform="weibo",
                source=SOURCE,
                text=f"茶茶的口味太差了，差评 {number}",
                published_at=now,
                fetched_at=now,
                version=1,
                author=Author(id=f"weibo:u{number % 50}", name="小王"),
                brands=("茶茶",),
            )
        )
        for number in range(count)
    ]


def assert_whole(settings: Settings, count: int = COUNT) -> dict[str, int]:
    """Every mention is in the store, in its search index and in a case exactly once; the counts of the inbox."""
    inbox, store, records = open_inbox(settings), open_store(settings), open_records(settings)
    ids = sorted(record.mention.id for record in store.scan(MentionQuery()))
    found = store.count(MentionQuery(text="茶茶"))
    cases = sorted(each for case in Cases(settings, records).list(limit=10_000) for each in case.mention_ids)
    counts, kept, depth = inbox.counts()[SOURCE], inbox.quarantined(), inbox.depth()
    for part in (inbox, store, records):
        part.close()
    expected = sorted(f"weibo:{number}" for number in range(count))
    assert ids == expected
    assert found == count
    assert cases == expected
    assert (kept, depth) == ([], 0)
    assert counts["saved"] + counts["duplicate"] == count
    return counts


def test_killed_processes_lose_and_double_nothing() -> None:
    """Eight kills of importer, workers and gatherer; benchmarks/kill.py is the same with fifty."""
    script = ROOT / "benchmarks" / "kill.py"
    arguments = ["--mentions", "2000", "--kills", "8", "--json"]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert sum(report["kills"].values()) == 8
    assert report["expected"] == 2200
    assert report["last_import"]["read"] == 2000
    assert report["saved_under_fire"] > 1000, "the kills came while the work was going on"


def paused_outside_of_writes(worker: subprocess.Popen[bytes], file: Path) -> bool:
    """Stop it, unless that leaves the file locked: what it just wrote can be seen before it lets go of the lock."""
    worker.send_signal(signal.SIGSTOP)
    until(lambda: servers.stopped(worker.pid))
    with closing(apsw.Connection(str(file))) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE; ROLLBACK")
        except apsw.BusyError:
            worker.send_signal(signal.SIGCONT)
            return False
    return True


def test_a_worker_paused_past_its_lease_does_no_harm_when_it_wakes(
    settings: Settings, start_worker: Callable[..., subprocess.Popen[bytes]]
) -> None:
    inbox = open_inbox(settings)
    sleeper = start_worker()
    first, *rest = items()
    inbox.put([first])
    until(lambda: inbox.counts()[SOURCE]["saved"])
    with closing(Database(settings.path(settings.records))) as records, records.write():
        inbox.put(rest)  # of which nobody can finish any now: the worker waits for the records, in no write itself
        until(lambda: inbox.counts()[SOURCE]["leased"])
        until(lambda: paused_outside_of_writes(sleeper, settings.path(settings.inbox)))
    held = inbox.counts()[SOURCE]["leased"]
    assert held
    start_worker()
    until(lambda: inbox.depth() == 0)
    sleeper.send_signal(signal.SIGCONT)
    sleeper.terminate()  # wakes, answers late for what it held, and ends
    assert sleeper.wait(timeout=300) == 0
    inbox.close()
    counts = assert_whole(settings)
    assert counts["put_back"] >= held


def test_a_full_disk_is_waited_out(
    settings: Settings, start_worker: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """A limit on the size of files fails every write beyond it, as a full disk does, and can be lifted."""
    inbox = open_inbox(settings)
    inbox.put(items())
    limit = 256 * 1024
    full = start_worker(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1)))
    log = settings.home / "worker.log"
    until(lambda: b"waiting" in log.read_bytes())
    assert full.poll() is None
    assert inbox.depth()
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: inbox.depth() == 0)
    full.terminate()
    assert full.wait(timeout=300) == 0
    inbox.close()
    counts = assert_whole(settings)
    assert counts["given_up"] == 0


def test_a_worker_told_to_stop_puts_back_and_ends_well(
    settings: Settings, start_worker: Callable[..., subprocess.Popen[bytes]]
) -> None:
    inbox = open_inbox(settings)
    inbox.put(items())
    worker = start_worker()
    until(lambda: inbox.counts()[SOURCE]["saved"])
    worker.terminate()
    assert worker.wait(timeout=300) == 0
    counts = inbox.counts()[SOURCE]
    inbox.close()
    assert counts["leased"] == 0
    assert counts["saved"] + counts["waiting"] == COUNT
