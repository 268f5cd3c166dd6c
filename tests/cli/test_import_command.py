"""`earshot import`, from the file to the numbers a script reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Earshot = Callable[..., Any]


def test_import_waits_until_all_is_saved_and_accounts_for_every_row(
    earshot: Earshot, branded: Path, export: Path
) -> None:
    answer = earshot("import", str(export), "--yes", "--platform", "weibo", "--json")
    assert answer.code == 0
    assert answer.json == {"read": 5, "saved": 2, "duplicate": 0, "unmatched": 1, "quarantined": 2}
    assert earshot("search", "", "--count").out == "2\n"


def test_importing_the_same_file_again_writes_nothing(earshot: Earshot, branded: Path, export: Path) -> None:
    earshot("import", str(export), "--yes", "--platform", "weibo", "--json")
    before = earshot("search", "", "--json").out
    answer = earshot("import", str(export), "--yes", "--platform", "weibo", "--json")
    assert answer.json == {"read": 5, "saved": 0, "duplicate": 2, "unmatched": 1, "quarantined": 2}
    assert earshot("search", "", "--json").out == before
    assert len(earshot("replay", "--json").json) == 2, "the same bad rows are kept once"


def test_a_row_that_changed_is_saved_again_and_not_doubled(earshot: Earshot, branded: Path, export: Path) -> None:
    earshot("import", str(export), "--yes", "--json")
    export.write_text(export.read_text(encoding="utf-8").replace(",17,", ",99,"), encoding="utf-8")
    answer = earshot("import", str(export), "--yes", "--json")
    assert (answer.json["saved"], answer.json["duplicate"]) == (1, 1)
    assert earshot("search", "", "--count").out == "2\n"


def test_the_same_row_twice_in_a_file_is_one_mention(earshot: Earshot, branded: Path, export: Path) -> None:
    lines = export.read_text(encoding="utf-8").splitlines()
    export.write_text("\n".join([*lines[:2], lines[1]]) + "\n", encoding="utf-8")
    answer = earshot("import", str(export), "--yes", "--json")
    assert answer.json == {"read": 2, "saved": 1, "duplicate": 1, "unmatched": 0, "quarantined": 0}


def test_without_brands_everything_is_kept_and_said_so(earshot: Earshot, home: Path, export: Path) -> None:
    answer = earshot("import", str(export), "--yes", "--json")
    assert answer.json["saved"] == 3
    assert answer.json["unmatched"] == 0
    (line,) = [line for line in answer.err.splitlines() if "No [[brands]]" in line]
    assert "belongs to no brand" in line
    assert earshot("search", "晚霞", "--json").json["brands"] == []


def test_the_platform_of_all_rows_can_be_named_in_chinese(earshot: Earshot, branded: Path, export: Path) -> None:
    earshot("import", str(export), "--yes", "--platform", "小红书", "--json")
    assert {line["platform"] for line in earshot("search", "", "--json").lines} == {"xiaohongshu"}


def test_bad_rows_wait_in_quarantine_with_row_number_and_reason(
    earshot: Earshot, branded: Path, export: Path
) -> None:
    earshot("import", str(export), "--yes", "--json")
    entries = {entry["place"]: entry for entry in earshot("replay", "--json").json}
    assert set(entries) == {"row 5", "row 6"}
    assert "text is empty" in entries["row 5"]["reason"]
    assert "改天再说" in entries["row 6"]["reason"]
    assert entries["row 6"]["source"] == "file:export.csv"


def test_replay_takes_in_what_can_be_used_by_now(earshot: Earshot, branded: Path, export: Path) -> None:
    earshot("import", str(export), "--yes", "--json", "--column", "text=ID")
    earshot("import", str(export), "--yes", "--json", "--column", "text=内容")
    answer = earshot("replay", "--source", "file:export.csv", "--json")
    assert answer.code == 0
    assert answer.json["kept"] >= 2
    assert earshot("replay", "--all", "--source", "x").code == 2


def test_a_person_is_asked_and_may_correct_a_column(
    earshot: Earshot, branded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.csv"
    path.write_text("内容,备注,时间\n无关,青芽茶町真好喝,2026-08-01\n", encoding="utf-8")
    answers = iter(["text=备主", "txt=备注", "text=备注", "y"])  # two of them mistyped
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    assert "1 saved" in earshot("import", str(path)).out
    again = tmp_path / "again.csv"
    shutil.copy(path, again)
    shown = earshot("import", str(again), "--yes")
    assert "confirmed before" in shown.err, "the correction is remembered for the header"
    assert "1 duplicate" in shown.out


def test_saying_no_imports_nothing(
    earshot: Earshot, branded: Path, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "n")
    assert earshot("import", str(export)).code != 0
    assert earshot("search", "", "--count").out == "0\n"


@pytest.mark.parametrize(
    ("text", "says"), [("1,2\n3,4\n", "header"), ("作者,时间\n甲,2026-08-01\n", "text"), ("", "empty")]
)
def test_a_file_that_cannot_be_used_fails_in_one_line(
    earshot: Earshot, branded: Path, tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    answer = earshot("import", str(path), "--yes", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.count("\n") == 1
    assert says in answer.err


def test_a_file_that_is_not_there_fails_in_one_line(earshot: Earshot, branded: Path) -> None:
    answer = earshot("import", "/nowhere/at all.csv", "--yes")
    assert answer.code == 1
    assert answer.err.count("\n") == 1


def test_a_mistaken_option_is_wrong_use(earshot: Earshot, export: Path) -> None:
    assert earshot("import", str(export), "--yes", "--column", "text").code == 2
    assert earshot("import").code == 2


def test_a_shops_own_reviews_name_no_brand_so_the_person_or_a_column_does(
    earshot: Earshot, branded: Path, tmp_path: Path
) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("评价内容\n送得太慢了\n味道不错\n", encoding="utf-8")
    assert "--brand" in earshot("import", str(path), "--yes").out, "nothing fits: says what would help"
    answer = earshot("import", str(path), "--yes", "--brand", "qingya tea", "--json")
    assert answer.json["saved"] == 2
    path.write_text("评价内容,品牌\n包装漏了,青芽茶町\n别家的,云朵山茶\n", encoding="utf-8")
    assert earshot("import", str(path), "--yes", "--json").json["unmatched"] == 1
    assert {tuple(line["brands"]) for line in earshot("search", "", "--json").lines} == {("青芽茶町",)}
    answer = earshot("import", str(path), "--yes", "--brand", "云朵山茶", "--json")
    assert answer.code == 1
    assert "青芽茶町" in answer.err, "the brands there are"


def test_json_lines_are_shown_without_a_header_row(earshot: Earshot, branded: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "青芽茶町 太甜了", "created_at": "2026-08-01"}\n', encoding="utf-8")
    shown = earshot("import", str(path), "--yes").err
    assert "created_at" in shown
    assert "header" not in shown
