"""From arrival in the inbox to the case on the desk, while 20 mentions a second come in.

A real `earshot work` with the shipped model runs on a folder of its own. This process puts one mention at a
time into the inbox, evenly, one in four a complaint of another author, and reads the desk's table of cases
all the while, as the desk does. Bar: p95 under 5 seconds.

    python benchmarks/latency.py                 60 seconds at 20 a second
    python benchmarks/latency.py --rate 40 --seconds 120
    python benchmarks/latency.py --records postgresql://earshot@db/empty      the records in an empty PostgreSQL
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from index.documents import Author, Mention, version_of
from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Item
from index.records import open_records
from index.records.protocol import Records
from index.settings import Settings, load

CONFIG = """
records = "{records}"

[[brands]]
name = "茶茶"

[[rules]]
name = "complaints"
kind = "complaint_aspect"
min_probability = 0.5
"""
# Lengths as on real platforms: the mean is about 50 characters.
COMPLAINTS = (
    "茶茶今天的奶茶难喝死了，口味太差，再也不买了",
    "在茶茶排队等了一个小时，服务态度恶劣，问一句就甩脸色，投诉了也没人管，非常失望，退款！",
    "茶茶的外卖送来洒了一半，包装破了，口感又淡又腻，差评，垃圾",
)
OTHERS = (
    "茶茶新品真的好喝，奶香味很浓，下次还来",
    "路过茶茶门店，顺便拍了张照片。今天天气不错，和朋友一起逛街，走了两万步，晚上回家煮了面条，看了一部老电影才睡。",
    "有人喝过茶茶的杨枝甘露吗？和隔壁家比怎么样？",
    "Tried 茶茶 near the office today, the matcha one is decent and the staff were friendly.",
)
COMPLAINT_EVERY = 4
LOOK_EVERY = 0.02  # seconds between looks at the desk
PATIENCE = 60.0  # seconds to wait for the last case


def mention(number: int) -> Mention:
    complains = number % COMPLAINT_EVERY == 0
    texts = COMPLAINTS if complains else OTHERS
    now = datetime.now(UTC)
    return Mention(
        id=f"weibo:{number}",
        platform="weibo",
        source="latency",
        text=f"{texts[number // COMPLAINT_EVERY % len(texts)]} {number}",
        published_at=now,
        fetched_at=now,
        version=version_of(now),
        author=Author(id=f"weibo:u{number}", name=f"u{number}"),
        brands=("茶茶",),
    )


class Desk(threading.Thread):
    """Looks at the table of cases and notes when each mention is first seen there."""

    def __init__(self, records: Records) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self.stop = threading.Event()
        self._records = records

    def run(self) -> None:
        while not self.stop.wait(LOOK_EVERY):
            rows = self._records.all("SELECT mention_id FROM case_mentions")
            now = time.monotonic()
            for (mention_id,) in rows:
                self.seen.setdefault(mention_id, now)


def feed(inbox: Inbox, rate: float, seconds: float) -> dict[str, float]:
    """Put mentions one by one, evenly; when each arrived."""
    arrived: dict[str, float] = {}
    started = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        one = mention(number)
        inbox.put([Item(mention=one, raw=b"{}")])
        arrived[one.id] = time.monotonic()
    return arrived


def measure(settings: Settings, rate: float, seconds: float) -> tuple[list[float], int]:
    """Seconds from arrival to case, and how many complaints made no case (the model's judgement, not a loss)."""
    inbox, records = open_inbox(settings), open_records(settings)
    if records.one("SELECT 1 FROM cases LIMIT 1"):
        raise SystemExit("these records hold cases: name an empty database")
    worker = subprocess.Popen(
        [sys.executable, "-m", "dashboard.cli", "work"], env={**os.environ, "EARSHOT_HOME": str(settings.home)}
    )
    _warm(inbox)
    desk = Desk(records)
    desk.start()
    arrived = feed(inbox, rate, seconds)
    deadline = time.monotonic() + PATIENCE
    while inbox.depth() and time.monotonic() < deadline:
        time.sleep(0.05)
    desk.stop.set()
    desk.join()
    worker.terminate()
    worker.wait(timeout=60)
    left = inbox.depth()
    inbox.close()
    records.close()
    if left:
        raise SystemExit(f"{left} mentions were still in the inbox after {PATIENCE:.0f} s: the worker is too slow")
    complaints = [key for number, key in enumerate(arrived) if number % COMPLAINT_EVERY == 0]
    waits = [desk.seen[key] - arrived[key] for key in complaints if key in desk.seen]
    return waits, len(complaints) - len(waits)


def _warm(inbox: Inbox) -> None:
    """Wait until the worker has loaded its model and finished one mention."""
    inbox.put([Item(mention=replace(mention(1), id="weibo:warm"))])
    deadline = time.monotonic() + PATIENCE
    while inbox.depth():
        if time.monotonic() > deadline:
            raise SystemExit("the worker did not start")
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20.0, help="mentions a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bar", type=float, default=5.0, help="p95 in seconds")
    parser.add_argument("--records", default="sqlite:records.sqlite", help="address of an empty database")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "earshot.toml").write_text(CONFIG.format(records=arguments.records), encoding="utf-8")
        waits, silent = measure(load(Path(home)), arguments.rate, arguments.seconds)
    worker_cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    p50, p95 = np.percentile(waits, (50, 95)) if waits else (float("nan"), float("nan"))
    print(
        f"{arguments.rate:g} mentions a second for {arguments.seconds:g} s; load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'cases':>8} {'p50 s':>8} {'p95 s':>8} {'max s':>8} {'no case':>8} {'worker CPU s':>13}")
    cpu = worker_cpu.ru_utime + worker_cpu.ru_stime
    print(f"{len(waits):8} {p50:8.2f} {p95:8.2f} {max(waits, default=0):8.2f} {silent:8} {cpu:13.1f}")
    return 0 if waits and p95 < arguments.bar else 1


if __name__ == "__main__":
    raise SystemExit(main())
