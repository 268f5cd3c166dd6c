"""A home of its own for each test, and `earshot` called as a shell would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dashboard.cli import run_command

BRAND = '[[brands]]\nname = "青芽茶町"\naliases = ["Qingya Tea"]\nproducts = ["雪顶青提"]\n'


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Earshot = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, chosen by EARSHOT_HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("EARSHOT_HOME", str(folder))
    for name in ("EARSHOT_MODEL", "EARSHOT_STORE", "EARSHOT_INBOX", "EARSHOT_LOG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def earshot(home: Path, capsys: pytest.CaptureFixture[str]) -> Earshot:
    def call(*words: str) -> Answer:
        capsys.readouterr()
        code = run_command(list(words))
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def branded(home: Path) -> Path:
    (home / "earshot.toml").write_text(BRAND, encoding="utf-8")
    return home


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Five rows: two good ones, one of no brand, one without text, one with a broken time."""
    path = tmp_path / "export.csv"
    path.write_text(
        "ID,内容,作者,粉丝数,点赞数,发布时间\n"
        "701,青芽茶町的雪顶青提太难喝了，差评,小鹿,1.2万,17,2026-08-14 09:12\n"
        "702,雪顶青提真的好喝，会回购！,阿明,88,3,2026-08-15 10:00\n"
        "703,今天的晚霞真好看,路人,5,0,2026-08-15 11:00\n"
        "704,,阿明,88,3,2026-08-15 10:00\n"
        "705,青芽茶町排队太久,小白,1,0,改天再说\n",
        encoding="utf-8",
    )
    return path
