"""Whatever a person at the desk can be told of settings, stores, cases and customers is told in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import words
from index.errors import SettingsError
from index.settings import load

ROOT = Path(__file__).parents[2]
TOLD = {"SettingsError", "StoreError", "InboxError", "InboxFull", "NotFound", "EarshotError", "_Passing", "_said"}
FOR_OPERATORS = ("moving", "traces", "elasticsearch", "kibana", "migrate")  # what only the command line says
FILES = [
    file
    for place in (
        "settings.py",
        "database.py",
        "inbox/*.py",
        "records/*.py",
        "stores/*.py",
        "crm/*.py",
        "alerts/**/*.py",
    )
    for file in sorted((ROOT / "index").glob(place))
    if not any(word in file.stem for word in FOR_OPERATORS)
]


def messages(file: Path) -> Iterator[str]:
    """Each message as it is built, with 7 for what is filled in; `at` is where a Redis is."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TOLD and node.args:
            match node.args[-1]:
                case ast.Constant(value=str() as text):
                    yield text
                case ast.JoinedStr(values=parts):
                    yield "".join(_filled(part) for part in parts)


def _filled(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    filled = part.value if isinstance(part, ast.FormattedValue) else None
    return "Redis at 7" if isinstance(filled, ast.Name) and filled.id == "at" else "7"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_message_has_a_chinese_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "language", lambda: "zh")
    assert [text for text in messages(file) if not re.search("[\u4e00-\u9fff]", words.told(text))] == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("brand = []", "没有 brand 这个设置"),
        ('[[brands]]\nnam = "x"', "没有 nam 这个设置"),
        ('[[brands]]\nname = "x"\nalias = []', r"\$\.brands\[0\] 里没有 alias 这个设置"),
        ("batch = 0", r"\$\.batch 必须 >= 1"),
        ("batch = '1'", r"\$\.batch 应该是 int，写成了 str"),
        ("batch 1", "必须是 UTF-8 编码的 TOML"),
        ('timezone = "Mars"', "'Mars' 不是时区"),
        ('[[brands]]\nname = "x"\n[[brands]]\nname = "x"', "有两个 'x'"),
        ("[[brands]]", "里缺少 name"),
        ('[[rules]]\nname = "r"\nkind = "thanks"', "thanks.*请改正这一行"),
    ],
)
def test_a_mistake_in_earshot_toml_is_told_in_chinese(
    settings: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "language", lambda: "zh")
    (tmp_path / "earshot.toml").write_text(settings, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load(tmp_path)
    assert re.search(told, words.told(str(error.value)))
