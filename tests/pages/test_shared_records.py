"""The desk with its records in PostgreSQL: every page opens, and a case is worked on one."""

from __future__ import annotations

from pathlib import Path

import desk_home
import pytest

from index import settings as settings_file
from index.alerts.cases import Cases
from index.errors import StoreError

PAGES = ("overview", "mentions", "cases", "influencers", "customers", "sources")


@pytest.fixture
def shared(tmp_path: Path, postgres_address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARSHOT_RECORDS", postgres_address)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "home"))
    return desk_home.build(tmp_path / "home", mentions=60)


def test_every_page_opens_and_a_case_is_worked_to_replied(shared, open_page):
    for name in PAGES:
        assert not open_page(name).exception, name
    book = Cases(settings_file.load(shared))
    case = book.list(("new", "assigned"), limit=1)[0]
    page = open_page("cases", case=case.id)
    page.button(key=f"take-{case.id}").click().run()
    page.text_area(key=f"draft-{case.id}").input("已为您重做一杯").run()
    page.button(key=f"send-{case.id}").click().run()
    assert not page.exception
    assert book.get(case.id).state == "replied"
    assert book.get(case.id).history[-1].detail == "已为您重做一杯"
    book.records.close()


def test_records_that_cannot_be_reached_are_told_in_one_sentence(empty_home, open_page, text_of, monkeypatch):
    monkeypatch.setenv("EARSHOT_RECORDS", "postgresql://li@127.0.0.1:1/earshot")
    page = open_page("cases")
    assert not page.exception
    assert "127.0.0.1:1" in text_of(page)
    with pytest.raises(StoreError):
        Cases(settings_file.load(empty_home))
