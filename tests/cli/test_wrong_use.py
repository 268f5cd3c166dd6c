"""What people get wrong, and what their machine lacks, is one line on stderr that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.settings import load

Earshot = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["search", "--since", "0001-01-01"], "is no time"),
        (["search", "--kind", "posts"], "post, comment, review, article"),
        (["search", "--intent", "complain"], "complaint"),
        (["erase", "--author", "x:1", "--by", " ", "--reason", "", "--yes"], "audit trail"),
        (["serve", "--port", "70000"], "65535"),
        (["index", "status", "--bad"], "earshot index status --help"),
        (["index"], "earshot index --help"),
        (["search", "--bad"], "earshot search --help"),
    ],
)
def test_wrong_use_says_what_is_right(earshot: Earshot, words: list[str], says: str) -> None:
    answer = earshot(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert says in answer.err


@pytest.mark.parametrize("to", ["no/such/folder/x.csv", "home/x.csv"])
def test_a_place_that_cannot_be_written_is_named(
    earshot: Earshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home" / "x.csv").mkdir()
    answer = earshot("export", "--to", to)
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "cannot be written" in answer.err


def test_a_home_that_is_a_file_is_told_by_init_and_doctor(
    earshot: Earshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "file"))
    answer = earshot("init")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "Set EARSHOT_HOME" in answer.err
    assert "is no folder" in earshot("doctor").out


def test_init_takes_a_brand_named_twice_once(earshot: Earshot, home: Path) -> None:
    assert earshot("init", "--brand", "A", "--brand", "A", "--brand", " ").code == 0
    assert [brand.name for brand in load(home).brands] == ["A"]


def test_the_question_before_erasing_is_not_part_of_the_result(
    earshot: Earshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = tmp_path / "answer"
    answer.write_text("n\n", encoding="utf-8")
    with answer.open(encoding="utf-8") as typed:
        monkeypatch.setattr("sys.stdin", typed)
        refused = earshot("erase", "--author", "x:1", "--by", "Li", "--reason", "asked", "--json")
    assert (refused.code, refused.out.strip()) == (130, "")
    assert "Erase x:1 for good?" in refused.err


def test_a_terminal_in_gbk_shows_a_post_with_an_emoji(earshot: Earshot, branded: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("内容,发布时间\n青芽茶町太甜了😅,2026-08-01\n", encoding="utf-8")
    earshot("import", str(path), "--yes", "--json")
    command = [sys.executable, "-m", "dashboard.cli", "search", ""]
    shown = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "gbk"})
    assert shown.returncode == 0, shown.stderr
    assert "青芽茶町太甜了?" in shown.stdout.decode("gbk")


def test_files_whose_names_are_in_gbk_are_imported(earshot: Earshot, branded: Path, tmp_path: Path) -> None:
    def written(name: str, text: str) -> str:
        path = os.fsencode(tmp_path) + b"/" + name.encode("gbk")
        with open(path, "wb") as file:
            file.write(text.encode())
        return os.fsdecode(path)

    posts = written("导出.csv", "内容,发布时间\n青芽茶町太甜了,2026-08-01\n,2026-08-01\n")
    assert earshot("import", posts, "--yes", "--json").json["saved"] == 1
    customers = written("会员.csv", "客户编号,姓名\nC1,林\n,王\n")
    assert earshot("customers", customers, "--json").json["bad"] == 1
    kept = {entry["source"] for entry in earshot("replay", "--json").json}
    assert kept == {"file:导出.csv", "customers:会员.csv"}


def test_a_source_that_rests_is_named_when_it_is_not_asked(home: Path) -> None:
    (home / "earshot.toml").write_text(
        '[[sources]]\nname = "news"\nplatform = "rss_news"\noptions = { url = "http://127.0.0.1:1/feed" }\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "dashboard.cli", "crawl", "--once", "--json"]
    assert subprocess.run(command, capture_output=True).returncode == 1
    again = subprocess.run(command, capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (0, "{}\n")
    assert again.stderr.startswith("Not asked, as they rest after trouble or are read by another process: news.")


def test_doctor_tells_what_no_source_or_channel_can_work_with(earshot: Earshot, home: Path) -> None:
    (home / "earshot.toml").write_text(
        '[[sources]]\nname = "a"\nplatform = "rss"\n'
        '[[sources]]\nname = "b"\nplatform = "rss_news"\noptions = { uri = "https://news.example.com/feed" }\n'
        '[[channels]]\nname = "c"\ntype = "webook"\n'
        '[[channels]]\nname = "d"\ntype = "webhook"\nurl = "http://hooks.example.com"\nsecret_env = "NOT_SET"\n',
        encoding="utf-8",
    )
    checks = earshot("doctor", "--json").json["checks"]
    sick = {check["name"]: check["found"] for check in checks if check["level"] == "problem"}
    assert set(sick) == {"source a", "source b", "channel c", "channel d"}
    assert "no platform 'rss'" in sick["source a"]
    assert "option 'uri' is not known" in sick["source b"]
