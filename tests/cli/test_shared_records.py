"""The commands and the desk's pages with the records in either database: customers, a case, a reply, an erasure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from index import audit
from index.alerts.cases import Cases
from index.crm.customers import Customers
from index.errors import NotFound
from index.records import open_records
from index.settings import load
from index.stores import open_store

Earshot = Callable[..., Any]


@pytest.fixture
def shared(branded: Path, records_address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARSHOT_RECORDS", records_address)
    return branded


def test_from_a_customer_file_to_a_reply_and_an_erasure(shared: Path, earshot: Earshot, tmp_path: Path) -> None:
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    (tmp_path / "crm.csv").write_text(
        "客户编号,姓名,手机号,微博昵称\nC1,林若彤,13800138000,大号\n", encoding="utf-8"
    )
    (tmp_path / "now.csv").write_text(
        f"ID,内容,作者,粉丝数,时间\n9,青芽茶町太差了，难喝，垃圾服务，退钱,大号,50万,{now}\n", encoding="utf-8"
    )
    assert earshot("customers", str(tmp_path / "crm.csv"), "--json").json["inserted"] == 1
    assert earshot("import", str(tmp_path / "now.csv"), "--yes", "--platform", "weibo", "--json").json["saved"] == 1
    (case,) = earshot("cases", "--json").json
    assert case["customer_id"] == "C1"
    assert earshot("search", "", "--json").lines[0]["customer_id"] == "C1"
    checks = {check["name"]: check for check in earshot("doctor", "--json").json["checks"]}
    assert checks["records"]["level"] == "ok"
    assert "clock" not in checks

    settings = load()
    records, store = open_records(settings), open_store(settings)
    cases, customers = Cases(settings, records), Customers(settings, records)
    replied = cases.reply(case["id"], "林若彤您好，我们马上重做一杯", by="Li")
    assert (replied.state, replied.assignee) == ("replied", "Li")
    erased = earshot("erase", "--customer", "C1", "--by", "Li", "--reason", "asked", "--yes", "--json").json
    with pytest.raises(NotFound):
        customers.get("C1")
    assert cases.get(case["id"]).history[-1].detail is None
    assert [entry.what for entry in audit.entries(records)] == ["customer.erase", "case.replied"]
    records.close()
    store.close()
    assert erased == {
        "authors": [earshot("search", "", "--json").lines[0]["author"]["id"]],
        "mentions": 0,
        "left": 0,
    }
    assert earshot("search", "", "--json").lines[0]["customer_id"] is None
    assert earshot("customers", str(tmp_path / "crm.csv"), "--json").json["erased"] == 1


def test_a_customer_s_accounts_can_be_erased_with_them(shared: Path, earshot: Earshot, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text("客户编号,姓名,手机号,微博昵称\nC1,林若彤,,大号\n", encoding="utf-8")
    (tmp_path / "now.csv").write_text(
        "ID,内容,作者\n9,青芽茶町太差了,大号\n10,青芽茶町好喝,别人\n", encoding="utf-8"
    )
    importing = ("import", str(tmp_path / "now.csv"), "--yes", "--platform", "weibo", "--json")
    earshot("customers", str(tmp_path / "crm.csv"))
    assert earshot(*importing).json["saved"] == 2
    who = ("--by", "Li", "--reason", "asked", "--yes", "--json")
    report = earshot("erase", "--customer", "C1", "--accounts", *who).json
    assert (report["mentions"], report["left"]) == (1, 0)
    assert [line["text"] for line in earshot("search", "", "--json").lines] == ["青芽茶町好喝"]
    assert earshot(*importing).json["unmatched"] == 1
    assert earshot("erase", "--author", "weibo:nobody", *who).json == {
        "authors": ["weibo:nobody"],
        "mentions": 0,
        "left": 0,
    }
    assert earshot("erase", "--customer", "C1", *who).code == 1
    assert earshot("erase", *who).code == 2
    assert earshot("erase", "--author", "", *who).code == 2, "an unset variable in a script is nobody"
