"""Short versions of benchmarks/chaos and benchmarks/many_workers.py: real processes, real servers, real kills.

Each starts half a dozen `earshot` processes, which is what takes its seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import servers
from cluster import having

ROOT = Path(__file__).parents[2]
FAULTS = [
    ("redis-away", "--seconds", "2"),
    ("redis-killed", "--times", "2", "--seconds", "0.5"),
    ("workers-killed", "--times", "3"),
    ("worker-paused", "--seconds", "1"),
]


def benchmark(script: str, *arguments: str) -> list[dict[str, Any]]:
    """What a benchmark reports; its exit code says whether anything was lost, doubled or too old."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in (".", "benchmarks", "tests/fixtures"))
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module", autouse=True)
def _redis() -> None:
    with having():
        servers.start_redis().stop()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0])
def test_nothing_is_lost_doubled_or_older(fault: tuple[str, ...]) -> None:
    (report,) = benchmark("chaos/run.py", *fault, "--mentions", "300")
    assert report["expected"] >= 330
    assert report["saved_counted"] + report["duplicates_counted"] >= 360, "30 of them were edited"


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
)
def test_four_workers_on_two_machines_analyse_each_mention_once() -> None:
    size = ("--model", "words", "--mentions", "1500", "--workers", "4", "--lease", "30")
    once, killed, verdict = benchmark("many_workers.py", *size)
    assert sum(once["finished_by_each"]) == once["saved"] == 1500
    assert once["analysed_again"] == 0
    assert 0 < killed["analysed_again"] <= 64, "what the killed worker had in hand, and nothing else"
    assert verdict == {"lost": 0, "analysed_twice_without_a_kill": 0}
