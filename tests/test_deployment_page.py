"""The arithmetic of docs/deployment.md follows from what it says was measured."""

from __future__ import annotations

import re
from math import ceil, log2
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs/deployment.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]


def measured(what: str) -> float:
    """The first number that stands beside a measured thing."""
    (value,) = (row[1] for row in ROWS if len(row) == 2 and row[0].startswith(what))
    return float(re.findall(r"[\d,]+", value)[0].replace(",", ""))


def planned(what: str) -> list[float]:
    (values,) = (row[2:] for row in ROWS if len(row) == 5 and row[0].startswith(what))
    return [float(value.replace(",", "")) for value in values]


def near(told: list[float], follows: list[float]) -> bool:
    """Equal as far as it is written: two digits, or whole numbers."""
    return all(abs(one - other) <= max(0.05, 0.03 * other) for one, other in zip(told, follows, strict=True))


def test_each_planned_number_follows_from_the_measured_ones() -> None:
    average = [millions * 1_000_000 / 2_592_000 for millions in (1, 10, 100)]
    disk = [millions * measured("disk of Elasticsearch") / 1000 for millions in (1, 10, 100)]
    cores = [ceil(5 * each / measured("a worker's whole way") / 0.7) for each in average]
    waiting = [each * 21_600 * measured("memory of Redis") / 1e6 for each in average]
    assert near(planned("average a second"), average)
    assert near(planned("peak a second"), [5 * each for each in average])
    assert planned("cores for workers") == cores
    assert near(planned("workers' memory"), [0.423 * each for each in cores])
    assert near(planned("new disk a month"), disk)
    assert near(planned("disk for 12 months"), [each * 12 * 2 / 0.7 for each in disk])
    assert planned("shards of a month") == [ceil(each / 40) for each in disk]
    assert near(planned("Redis for six hours"), waiting)
    assert planned("`[redis] megabytes`") == [2 ** ceil(log2(each)) for each in waiting]
