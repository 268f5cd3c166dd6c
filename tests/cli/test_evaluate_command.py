"""`earshot evaluate`: a contract for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Earshot = Callable[..., Any]
TEXTS = [("很好喝，强烈推荐", "positive"), ("难喝死了，再也不来", "negative"), ("明天几点开门", "neutral")]
MEASURES = {"name", "kind", "n", "accuracy", "macro_f1", "per_class", "ece", "abstention", "cpu_seconds"}


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    folder = tmp_path / "golden"
    folder.mkdir()
    lines = "".join(json.dumps({"text": text, "label": label, "lang": "zh-Hans"}) + "\n" for text, label in TEXTS)
    (folder / "test.jsonl").write_text(lines, encoding="utf-8")
    return folder


def test_the_report_has_an_entry_for_each_path(earshot: Earshot, golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    ran = earshot("evaluate", "--data", str(golden), str(golden / "test.jsonl"), "--json", str(out))
    assert ran.code == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["model"].startswith("earshot")
    assert [one["name"] for one in report["sets"]] == ["golden", "golden"]
    assert all(set(one) >= MEASURES for one in report["sets"])
    assert report["sets"][0]["n"] == 3
    assert set(report["sets"][0]["per_class"]) == {"negative", "neutral", "positive"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "--data"),
        (["--data", "nowhere"], 1, "does not exist"),
        (["--data", "GOLDEN", "--model", "nowhere/model.onnx"], 1, "nowhere"),
        (["--data", "GOLDEN", "--json", "/nowhere/x.json"], 1, "cannot be written"),
    ],
)
def test_wrong_use_is_one_line_and_an_exit_code(
    earshot: Earshot, golden: Path, arguments: list[str], code: int, said: str
) -> None:
    ran = earshot("evaluate", *[str(golden) if word == "GOLDEN" else word for word in arguments])
    assert ran.code == code
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
