"""`earshot train`: what people get wrong before anything is trained. Trainings: tests/nlp/test_training.py."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

for needed in ("torch", "transformers", "onnx", "sklearn"):
    pytest.importorskip(needed)

# ruff: noqa: E402 - it needs the extra `train`
from nlp.training import data, rebuild

Earshot = Callable[..., Any]
OWN = "text,lang,sentiment,aspects,intents,sarcasm\n" + "love it,en,positive,,,0\n" * 6


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    folder = tmp_path / "sets"
    (folder / "shop").mkdir(parents=True)
    write(folder, "Positive")
    (folder / "sets.toml").write_text("[shop]\n", encoding="utf-8")
    (folder / "own.csv").write_text(OWN, encoding="utf-8")
    (folder / "bert").mkdir()
    for name in rebuild.BERT:
        (folder / "bert" / name).touch()
    return folder


def write(folder: Path, label: str) -> None:
    lines = [json.dumps({"text": text, "label": said}) for text, said in (("fine", "neutral"), ("so good", label))]
    for split in ("train", "dev"):
        (folder / "shop" / f"{split}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def train(earshot: Earshot, folder: Path, **changed: Path) -> Any:
    options = {
        "sets": folder,
        "base": folder / "bert",
        "specs": folder / "sets.toml",
        "own": folder / "own.csv",
    } | changed
    options.setdefault("out", folder.parent / "out")
    return earshot("train", *[word for name, value in options.items() for word in (f"--{name}", str(value))])


@pytest.mark.parametrize("option", ["sets", "base", "unpruned", "specs", "own"])
def test_what_is_not_there_is_named(earshot: Earshot, sets: Path, option: str) -> None:
    ran = train(earshot, sets, **{option: sets / "nowhere"})
    fault = {"specs": "is no file", "own": "is not there"}.get(option, "is no folder")
    assert (ran.code, ran.err) == (1, f"earshot: {sets / 'nowhere'} {fault}: correct --{option}\n")


@pytest.mark.parametrize("option", ["base", "unpruned"])
def test_a_folder_that_is_no_encoder_is_told_before_any_work(earshot: Earshot, sets: Path, option: str) -> None:
    ran = train(earshot, sets, **{option: sets})
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert f"{sets} has no config.json: --{option} wants a BERT folder" in ran.err
    assert not (sets.parent / "out" / "rows").exists()


@pytest.mark.parametrize(
    ("specs", "said"),
    [("[shop]\nrow = 5\n", "`row`"), ("[shop\n", "line 1"), ("shop = 5\n", "object"), ("[shops]\n", "shops")],
)
def test_specs_that_cannot_be_understood_are_one_line(earshot: Earshot, sets: Path, specs: str, said: str) -> None:
    (sets / "sets.toml").write_text(specs, encoding="utf-8")
    ran = train(earshot, sets)
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert said in ran.err
    assert "bug" not in ran.err
    assert ("smoothing" in ran.err) == (specs != "[shops]\n")  # the keys there are


def test_a_label_that_is_none_is_told_with_its_line(earshot: Earshot, sets: Path) -> None:
    write(sets, "great")
    ran = train(earshot, sets)
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "dev.jsonl.gz, line 2: the label 'great' is none of negative, neutral, positive" in ran.err


def test_a_text_of_our_own_that_is_not_understood_is_told_with_its_line(earshot: Earshot, sets: Path) -> None:
    (sets / "own.csv").write_text(OWN + "x,en,great,,,0\n", encoding="utf-8")
    ran = train(earshot, sets)
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "own.csv, line 8" in ran.err


def test_labels_may_be_of_any_case(sets: Path) -> None:
    rows = data.read_set(sets, "train", "shop", data.SetSpec())
    assert [row.sentiment for row in rows] == [1, 2]


def test_rows_of_other_sets_are_not_taken(
    earshot: Earshot, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_train", lambda *_: None)
    monkeypatch.setattr(rebuild, "_export", lambda *_: None)
    assert train(earshot, sets).code == 0
    rows = tmp_path / "out" / "rows" / "train.jsonl.gz"
    made = rows.stat().st_mtime_ns
    assert train(earshot, sets).code == 0
    assert rows.stat().st_mtime_ns == made
    (tmp_path / "few.toml").write_text("[shop]\nrows = 1\n", encoding="utf-8")
    ran = train(earshot, sets, specs=tmp_path / "few.toml")
    assert ran.code == 1
    assert "choose another --out" in ran.err
    write(sets, "negative")
    assert train(earshot, sets).code == 1
    (rows.parent / "made_from").unlink()  # as an earlier version left them
    assert train(earshot, sets).code == 0


def test_an_out_that_is_a_file_is_told(earshot: Earshot, sets: Path) -> None:
    ran = train(earshot, sets, out=sets / "own.csv")
    assert ran.code == 1
    assert "Choose another --out" in ran.err
