"""Measures against scikit-learn and by hand; labelled files as people bring them; the report as a contract."""

import gzip
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.engine import load_model
from nlp.evaluation import metrics, report, sets

sklearn_metrics = pytest.importorskip("sklearn.metrics")

ROWS = [
    {"text": "这家奶茶太好喝了，强烈推荐", "label": "positive", "lang": "zh-Hans", "source": "x"},
    {"text": "难喝死了，再也不来", "label": "negative", "lang": "zh-Hans"},
    {"text": "Broke after two days, total waste of money", "label": "negative", "lang": "en"},
    {"text": "love it, best purchase this year", "label": "positive", "lang": "en"},
    {"text": "surprise", "label": None, "lang": "en"},
]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=60))
def test_auc_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, scores = np.array([p[0] for p in pairs]), np.array([p[1] / 20 for p in pairs], np.float32)
    found = metrics.auc(labels, scores)
    if len(set(labels.tolist())) == 1:
        assert found is None
    else:
        assert found == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_class_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, guesses = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    found = metrics.class_scores(labels, guesses, ("a", "b", "c"))
    expected = sklearn_metrics.f1_score(labels, guesses, labels=[0, 1, 2], average=None, zero_division=0)
    assert {name: one["f1"] for name, one in found.items()} == pytest.approx(
        {name: expected[i] for i, name in enumerate("abc") if i in labels}
    )


def test_a_model_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    shares = np.tile(np.array([[0.75, 0.25, 0.0]], np.float32), (4, 1))
    assert metrics.calibration_error(np.array([0, 0, 0, 1]), shares) == pytest.approx(0, abs=1e-6)
    assert metrics.calibration_error(np.array([1, 1, 1, 1]), shares) == pytest.approx(0.75)


def test_the_surest_texts_are_answered_first() -> None:
    shares = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.8, 0.2, 0], [0.55, 0.45, 0]], np.float32)
    curve = metrics.abstention(np.array([0, 1, 0, 1]), shares)
    assert [(point["coverage"], point["accuracy"]) for point in curve if point["coverage"] in (1.0, 0.5)] == [
        (1.0, 0.5),
        (0.5, 1.0),
    ]


def test_a_file_of_any_usual_form_is_the_same_set(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    (tmp_path / "brand.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "brand.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    cells = "".join(f'"{row["text"]}",{row["label"] or ""},{row["lang"]}\n' for row in ROWS)
    (tmp_path / "brand.csv").write_text("text,label,lang\n" + cells, encoding="utf-8-sig")
    folder = tmp_path / "brand"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"text": "not this"}\n', encoding="utf-8")
    (folder / "test.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    found = [sets.read(tmp_path / name) for name in ("brand.jsonl", "brand.jsonl.gz", "brand.csv", "brand")]
    assert found[0] == found[1] == found[2] == found[3]
    assert found[0].name == "brand"
    assert sets.read(folder / "test.jsonl.gz").name == "brand"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no labelled text"),
        (b'{"text": "x"\n', "line 1"),
        (b'{"text": "x", "label": "negative"}\n{"label": "negative"}\n', "line 2.*text"),
        (b'{"text": "x", "aspects": {"taste": "good"}}\n', "line 1"),
    ],
)
def test_a_bad_file_says_where_and_what(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(sets.DataError, match=reason):
        sets.read(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", b"text,aspects\nhi,price:cheap\n"),
        ("x.csv", b'text,label\n"' + b"x" * 200_000 + b'",1\n'),
        ("x.jsonl.gz", b"\xff".join(gzip.compress(b'{"text": "x"}\n' * 1000).split(b"\xed", 1))),
    ],
    ids=["a polarity", "a cell too long", "not gzip inside"],
)
def test_a_file_that_cannot_be_taken_apart_is_a_fault_of_the_file(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(sets.DataError, match=name):
        sets.read(tmp_path / name)


def test_a_set_of_two_classes_is_scored_over_those_two() -> None:
    found = report.evaluate(
        load_model(), sets.LabelledSet("two", [msgspec.convert(row, sets.Example) for row in ROWS])
    )
    assert found["n"] == 4
    assert set(found["per_class"]) == {"negative", "positive"}
    assert found["accuracy"] == found["macro_f1"] == 1.0
    assert found["languages"]["en"]["n"] == 2
    assert {"ece", "abstention", "macro_recall", "texts_per_second", "cpu_seconds"} <= set(found)


def test_a_task_without_a_head_is_skipped_with_the_reason() -> None:
    example = sets.Example("you fool", 1, "en", "offensive")
    found = report.evaluate(load_model(), sets.LabelledSet("offence", [example]))
    assert found["n"] == 0
    assert "offensive" in found["skipped"]
