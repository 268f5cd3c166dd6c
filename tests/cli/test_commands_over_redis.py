"""The commands that meet the inbox answer over Redis as they do over a file."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import servers

Earshot = Callable[..., Any]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def shared(branded: Path, redis_url: str) -> Path:
    """A home with a brand whose inbox is Redis."""
    file = branded / "earshot.toml"
    address = f'inbox = "{redis_url}?prefix={uuid4().hex}"\n'
    file.write_text(address + file.read_text(encoding="utf-8"), encoding="utf-8")
    return branded


def test_import_status_replay_and_doctor(earshot: Earshot, shared: Path, export: Path) -> None:
    importing = ("import", str(export), "--yes", "--platform", "weibo", "--json")
    assert earshot(*importing).json == {"read": 5, "saved": 2, "duplicate": 0, "unmatched": 1, "quarantined": 2}
    assert earshot("search", "", "--count").out == "2\n"
    assert earshot(*importing).json == {"read": 5, "saved": 0, "duplicate": 2, "unmatched": 1, "quarantined": 2}

    totals = earshot("status", "--json").json["totals"]
    assert (totals["saved"], totals["duplicate"], totals["unmatched"], totals["quarantined"]) == (2, 2, 2, 4)
    assert {entry["place"] for entry in earshot("replay", "--json").json} == {"row 5", "row 6"}
    assert earshot("replay", "--all", "--json").json == {"replayed": 0, "kept": 2}

    checks = {check["name"]: check for check in earshot("doctor", "--json").json["checks"]}
    assert "redis://" in checks["inbox"]["found"]
    assert checks["quarantine"]["level"] == "hint"


def test_an_import_larger_than_the_inbox_makes_its_own_room(earshot: Earshot, shared: Path, tmp_path: Path) -> None:
    """Nobody else works here, so a wait for room would last for ever."""
    model = tmp_path / "word-list"
    script = f"from pathlib import Path; from word_list_model import build; build(Path({str(model)!r}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "benchmarks", check=True)
    file = shared / "earshot.toml"
    settings = file.read_text(encoding="utf-8")
    file.write_text(f'model = "{model}"\n{settings}\n[redis]\nmegabytes = 1\n', encoding="utf-8")
    with (tmp_path / "large.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("ID", "内容", "发布时间"))
        writer.writerows((n, f"青芽茶町第{n}杯，" + "好喝" * 100, "2026-08-14 09:12") for n in range(1_500))
    answer = earshot("import", str(tmp_path / "large.csv"), "--yes", "--json")
    assert answer.json == {"read": 1500, "saved": 1500, "duplicate": 0, "unmatched": 0, "quarantined": 0}
    assert "held up" in answer.err


def test_without_redis_each_command_says_what_to_do(
    earshot: Earshot, branded: Path, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_INBOX", f"redis://127.0.0.1:{servers.free_port()}/0")
    for words in (("import", str(export), "--yes"), ("status",), ("replay",), ("replay", "--all")):
        answer = earshot(*words)
        assert answer.code == 1
        assert "cannot be reached" in answer.err
        assert "Start it, or correct `inbox`" in answer.err
    checks = {check["name"]: check for check in earshot("doctor", "--json").json["checks"]}
    assert checks["inbox"]["level"] == "problem"
    assert checks["store"]["level"] == "ok"
