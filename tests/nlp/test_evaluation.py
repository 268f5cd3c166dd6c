"""Measures against scikit-learn and by hand; labelled files as people bring them; the report as a contract."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from golden import golden
from hypothesis import given
from hypothesis import strategies as st

from nlp.engine import Probabilities, load_model
from nlp.evaluation import metrics, report, sets
from nlp.heads import BINARY

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
    sureness = np.full(4, 0.75, np.float32)
    assert metrics.calibration_error(np.array([True, True, True, False]), sureness) == pytest.approx(0, abs=1e-6)
    assert metrics.calibration_error(np.array([False] * 4), sureness) == pytest.approx(0.75)


def test_the_surest_texts_are_answered_first() -> None:
    curve = metrics.abstention(np.array([True, False, True, False]), np.array([0.9, 0.6, 0.8, 0.55], np.float32))
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
        (b'{"text": "x", "aspects": {"taste": "good"}}\n', "line 1.*taste"),
        (b'{"text": "x", "label": "bad"}\n', "line 1: the label 'bad' is none of negative"),
        (b'{"text": "x", "label": 1}\n', "line 1: the label 1 is none of negative"),
        (b'{"text": "x", "task": "complaint", "label": "yes"}\n', "line 1: the label of task 'complaint' is 'yes'"),
        (b'{"text": "x", "task": "complaint", "label": 2}\n', "none of 0, 1"),
        (b'{"text": "x", "aspects": {"taste": 2}}\n', "none of -1, 0, 1"),
        (b'{"text": "x", "label": NaN}\n', "line 1"),
        (
            b'{"text": "x", "task": "complaint", "label": 1}\n{"text": "y", "task": "question", "label": 0}\n',
            "several kinds .complaint, question.",
        ),
        (b'{"text": "x", "label": "negative"}\n{"text": "y", "aspects": {}}\n', "several kinds"),
        ('{"text": "好", "label": "positive"}'.encode("gbk"), "not in UTF-8"),
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
        ("x.csv", "text,label\n难喝,negative\n".encode("gbk")),
        ("x.csv", b'text,label\n"never closed,negative\ngood,positive\n'),
        ("x.jsonl.gz", b"\xff".join(gzip.compress(b'{"text": "x"}\n' * 1000).split(b"\xed", 1))),
    ],
    ids=["a polarity", "another encoding", "a quote left open", "not gzip inside"],
)
def test_a_file_that_cannot_be_taken_apart_is_a_fault_of_the_file(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(sets.DataError, match=name):
        sets.read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", '\ufeff{"text": "好", "label": "positive"}\r\n\r\n'),
        ("x.JSONL", '{"text": "好", "label": " Positive ", "lang": null}'),
        ("x.csv", "Text;Label;note\n好;positive;\n"),
        ("x.CSV", "text\tlabel\n好\tPositive\n"),
        ("x.csv", "text, label\n好, positive\n"),
        ("x.csv", "text,label\n好,positive,a cell too many\n\n"),
    ],
)
def test_what_programs_write_otherwise_is_read_as_it_is_meant(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert sets.read(tmp_path / name) == sets.LabelledSet("x", [sets.Example("好", "positive")])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,task,label\nhi,Complaint,1.0\n,complaint,0\nno,complaint,\n", [1, 0, None]),
        ("text,aspects\nhi,taste:-1; price:positive\nno,\n", [{"taste": -1, "price": 1}, {}]),
        ('text,aspects\nhi,"{\'taste\': -1}"\nno,"{""price"": 0}"\n', [{"taste": -1}, {"price": 0}]),
    ],
    ids=["task", "aspects", "aspects as JSON and pandas write them"],
)
def test_labels_in_csv(tmp_path: Path, content: str, expected: list[object]) -> None:
    (tmp_path / "x.csv").write_text(content, encoding="utf-8")
    found = sets.read(tmp_path / "x.csv").examples
    assert [example.label if example.task else example.aspects for example in found] == expected


def test_a_text_may_be_as_long_in_csv_as_in_json_and_be_cut_in_an_emoji(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"text,label\n{'好' * 200_000},positive\n", encoding="utf-8")
    assert len(sets.read(tmp_path / "x.csv").examples[0].text) == 200_000
    (tmp_path / "x.jsonl").write_text('{"text": "good \\ud83d", "label": "positive"}', encoding="utf-8")
    assert sets.read(tmp_path / "x.jsonl").examples[0].text == "good \ufffd"


def test_sets_have_the_names_of_their_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = '{"text": "x", "label": "positive"}'
    (tmp_path / "hotel.v2").mkdir()
    for name in ("weibo.v1.jsonl", "weibo.v2.jsonl", "a.csv.jsonl", "hotel.v2/test.jsonl"):
        (tmp_path / name).write_text(line, encoding="utf-8")
    found = [sets.read(tmp_path / name).name for name in ("weibo.v1.jsonl", "weibo.v2.jsonl", "a.csv.jsonl")]
    assert found == ["weibo.v1", "weibo.v2", "a.csv"]
    monkeypatch.chdir(tmp_path / "hotel.v2")
    assert [sets.read(Path(name)).name for name in (".", "test.jsonl", "../hotel.v2")] == ["hotel.v2"] * 3


def test_a_place_that_cannot_be_looked_at_is_a_fault_of_the_file() -> None:
    with pytest.raises(sets.DataError, match="too long"):
        sets.read(Path("x" * 300))


class Sayings:
    """A model that is as sure of everything."""

    name, version, unsure_below = "sayings", "1", 0.5

    def predict(self, texts: Sequence[str]) -> Probabilities:
        return np.tile(np.array([[0.2, 0.35, 0.45]], np.float32), (len(texts), 1))


def test_of_any_two_labels_the_third_probability_is_left_out() -> None:
    examples = [sets.Example("a", "negative"), sets.Example("b", "neutral"), sets.Example("c", "neutral")]
    found = report.evaluate(Sayings(), sets.LabelledSet("two", examples))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["ece"] == pytest.approx(2 / 3 - 0.35 / 0.55, abs=1e-6)


def test_all_measures_of_a_task_are_of_the_answers_at_its_threshold() -> None:
    rows, model = golden()["praise"].examples[:80], load_model()
    scores = [one.binary[BINARY.index("praise")] for one in model.read([row.text for row in rows])]
    threshold = model.card.thresholds["praise"]
    assert any(threshold <= score < 0.5 for score in scores)
    labels, said = [row.label for row in rows], [score >= threshold for score in scores]
    found = report.evaluate(model, sets.LabelledSet("praise", rows))
    assert found["accuracy"] == found["abstention"][0]["accuracy"]
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, said))
    assert found["macro_recall"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(labels, said))


def test_a_set_without_any_label_is_skipped() -> None:
    for example in (sets.Example("x"), sets.Example("x", None, "en", "complaint")):
        found = report.evaluate(load_model(), sets.LabelledSet("none", [example]))
        assert (found["n"], found["skipped"]) == (0, "no row has a label")


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
