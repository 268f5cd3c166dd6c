"""`earshot erase` that is stopped on its way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from index import database

Earshot = Callable[..., Any]


def test_a_customer_whose_accounts_cannot_be_erased_now_is_there_for_the_next_run(
    earshot: Earshot, branded: Path, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crm.csv").write_text("客户编号,微博昵称\nC1,小鹿\n", encoding="utf-8")
    earshot("customers", str(tmp_path / "crm.csv"))
    earshot("import", str(export), "--yes", "--platform", "weibo")
    erasing = ("erase", "--customer", "C1", "--accounts", "--by", "Li", "--reason", "asked", "--yes", "--json")
    monkeypatch.setattr(database, "BUSY_MS", 1)
    reader = apsw.Connection(str(branded / "mentions.sqlite"))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    stopped = earshot(*erasing)
    assert stopped.code == 1
    assert "again" in stopped.err
    reader.close()
    done = earshot(*erasing)
    assert done.code == 0, done.err
    assert done.json["authors"] == ["weibo:小鹿"]
