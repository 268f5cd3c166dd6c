"""Labelled files and folders as people bring them."""

import gzip
import json
import math
from pathlib import Path

import pytest
from labelled_rows import ROWS

from nlp.evaluation import sets


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
        (b'{"text": NaN, "label": "negative"}\n', "line 1.*text"),
        (b'{"text": "x", "label": "negative", "stars": NaN\n', "line 1"),
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
        ("text,label,aspects\nhi,negative,taste:-1\nno,positive,\nx,,\n", [{"taste": -1}, {}, {}]),
        ("text,label,aspects\nhi,,taste:-1\nno,,\n", [{"taste": -1}, {}]),
        ("text,label,aspects\nhi,negative,\nno,positive,\n", [None, None]),
        ("text,aspects\nhi,taste:-1; price:positive\nno,\n", [{"taste": -1, "price": 1}, {}]),
        ('text,aspects\nhi,"{\'taste\': -1}"\nno,"{""price"": 0}"\n', [{"taste": -1}, {"price": 0}]),
    ],
    ids=["task", "both", "no labels", "no aspects", "aspects", "aspects as JSON and pandas write them"],
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


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["data.jsonl.gz", "manifest.json"], "data.jsonl.gz"),
        (["texts.csv", "notes.json"], "texts.csv"),
        (["texts.json", "config.json", "dataset_info.json"], "texts.json"),
        (["train.json", "test.json", "manifest.json"], "test.json"),
        (["train.jsonl", "test.json"], "test.json"),
        (["train.jsonl", "validation.jsonl"], "validation.jsonl"),
        (["train.csv", "val.csv"], "val.csv"),
        (["Train.jsonl", "TEST.jsonl.gz", "dev.jsonl"], "TEST.jsonl.gz"),
        (["train.jsonl", "hotel.jsonl"], "hotel.jsonl"),
        (["train.jsonl"], "train.jsonl"),
        (["data.jsonl", "._data.jsonl"], "data.jsonl"),
    ],
)
def test_the_file_of_a_folder_is_found(tmp_path: Path, files: list[str], chosen: str) -> None:
    for name in files:
        said = "text\nyes\n" if ".csv" in name else '{"text": "yes"}'
        no = said.replace("yes", "no").encode()
        content = said.encode() if name == chosen else no
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = sets.read(tmp_path)
    assert (found.name, found.examples) == (tmp_path.name, [sets.Example("yes")])


@pytest.mark.parametrize("files", [["a.jsonl", "b.jsonl"], ["train.jsonl", "train.csv"], ["manifest.json"]])
def test_a_folder_that_leaves_a_choice_is_refused(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text('{"text": "x"}', encoding="utf-8")
    with pytest.raises(sets.DataError, match=r"data files: name one test\.jsonl"):
        sets.read(tmp_path)


def test_numbers_that_json_lacks_count_as_null(tmp_path: Path) -> None:
    rows = [{"text": "NaN", "stars": math.nan, "aspects": {"taste": 1}}, {"text": "y", "label": -math.inf}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert sets.read(tmp_path / "x.jsonl").examples == [
        sets.Example("NaN", aspects={"taste": 1}),
        sets.Example("y"),
    ]


def test_a_place_that_cannot_be_looked_at_is_a_fault_of_the_file() -> None:
    with pytest.raises(sets.DataError, match="too long"):
        sets.read(Path("x" * 300))


def test_a_label_beside_aspects_is_of_no_other_kind(tmp_path: Path) -> None:
    both, mood = {"text": "x", "label": "negative", "aspects": {"taste": -1}}, {"text": "y", "label": "positive"}
    for rows in ([both, mood], [mood, both]):
        (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        assert len(sets.read(tmp_path / "x.jsonl").examples) == 2
