"""`earshot evaluate`: a contract for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nlp.evaluation import report
from nlp.evaluation.sets import LabelledSet

Earshot = Callable[..., Any]
TEXTS = [("很好喝，强烈推荐", "positive"), ("难喝死了，再也不来", "negative"), ("明天几点开门", "neutral")]
SPEEDS = {"cpu_seconds", "texts_per_second", "texts_per_cpu_second"}
MEASURES = {"name", "kind", "n", "accuracy", "macro_f1", "per_class", "ece", "abstention"} | SPEEDS


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
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["model"].startswith("earshot")
    assert [one["name"] for one in found["sets"]] == ["golden", "golden"]
    assert all(set(one) >= MEASURES for one in found["sets"])
    assert found["sets"][0]["n"] == 3
    assert set(found["sets"][0]["per_class"]) == {"negative", "neutral", "positive"}


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


def test_one_odd_path_does_not_cost_the_others(earshot: Earshot, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "test.jsonl.gz").write_bytes(b"")
    (tmp_path / "null.jsonl").write_text('{"text": null, "label": "negative"}\n', encoding="utf-8")
    kinds = '{"text": "x", "label": "negative"}\n{"text": "y", "task": "complaint", "label": 1}\n'
    (tmp_path / "mixed.jsonl").write_text(kinds, encoding="utf-8")
    bad, out = [str(tmp_path / name) for name in ("empty", "null.jsonl", "mixed.jsonl")], tmp_path / "report.json"
    ran = earshot("evaluate", "--data", *bad, str(golden), "--json", str(out))
    assert ran.code == 1
    entries = json.loads(out.read_text(encoding="utf-8"))["sets"]
    assert [(one["name"], one["n"]) for one in entries] == [("empty", 0), ("null", 0), ("mixed", 0), ("golden", 3)]
    reasons = ("holds no labelled text", "line 1", "several kinds")
    assert all(reason in one["error"] for one, reason in zip(entries, reasons, strict=False))
    assert [line.removeprefix("earshot: ") for line in ran.err.splitlines()] == [
        one["error"] for one in entries[:3]
    ]
    assert earshot("evaluate", "--data", *bad, "--json", str(out)).code == 1
    assert len(json.loads(out.read_text(encoding="utf-8"))["sets"]) == 3


def test_what_was_scored_before_a_fault_is_kept(
    earshot: Earshot, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, true = tmp_path / "report.json", report.evaluate
    calls: list[str] = []

    def failing(model: object, labelled: LabelledSet) -> report.Report:
        calls.append(labelled.name)
        if len(calls) == 2:
            raise RuntimeError("odd")
        if len(calls) == 4:
            assert len(json.loads(out.read_text(encoding="utf-8"))["sets"]) == 3
            raise KeyboardInterrupt
        return true(model, labelled)  # type: ignore[arg-type]

    monkeypatch.setattr(report, "evaluate", failing)
    ran = earshot("evaluate", "--data", *[str(golden)] * 4, "--json", str(out))
    assert ran.code == 130
    entries = json.loads(out.read_text(encoding="utf-8"))["sets"]
    assert [one["n"] for one in entries] == [3, 0, 3]
    assert "RuntimeError: odd" in entries[1]["error"]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("out", ["nowhere/x.json", "home"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_scored(
    earshot: Earshot, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.setattr("nlp.engine.load_model", lambda *_: pytest.fail("the model was loaded"))
    ran = earshot("evaluate", "--data", str(golden), "--json", str(tmp_path / out))
    assert (ran.code, ran.out) == (1, "")
    assert "cannot be written" in ran.err


def test_a_mistyped_path_ends_the_run_before_anything_is_scored(
    earshot: Earshot, golden: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.json"
    ran = earshot("evaluate", "--data", str(golden), str(tmp_path / "goldne"), "--json", str(out))
    assert (ran.code, ran.out, out.exists()) == (1, "", False)
    assert "does not exist" in ran.err


def test_a_pipe_gets_the_report_once(earshot: Earshot, golden: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_text, encoding="utf-8")
        assert earshot("evaluate", "--data", str(golden), str(golden), "--json", str(tmp_path / "pipe")).code == 0
        assert len(json.loads(read.result(timeout=60))["sets"]) == 2


def test_a_skipped_set_has_every_key(earshot: Earshot, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    task = '{"text": "x", "task": "offensive", "label": 1}\n'
    (tmp_path / "task.jsonl").write_text(task, encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text("{}\n", encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("none.jsonl", "task.jsonl", "bad.jsonl")]
    assert earshot("evaluate", "--data", *paths[:2]).code == 0
    entries = earshot("evaluate", "--data", *paths, str(golden), "--json", "-").json["sets"]
    assert all(set(one) >= MEASURES for one in entries)
    assert [one["kind"] for one in entries] == [None, "binary", None, "sentiment"]
    for one in entries[:3]:
        assert [one[name] for name in ("accuracy", "macro_f1", "ece", "cpu_seconds")] == [None] * 4
        assert (one["n"], one["per_class"], one["abstention"]) == (0, {}, [])
        assert ("skipped" in one) != ("error" in one)
