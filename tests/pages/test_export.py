"""An exported list holds exactly what the page shows, and no cell of it runs."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.export import COLUMNS, download, neutral, write_file
from index import settings as settings_file
from index.query import MentionQuery
from index.stores import open_store

TRIGGERS = "=+-@\t\r＝＋－＠"


@pytest.fixture
def client():
    return TestClient(Starlette(routes=[Route("/export/{form}", download)]))


def rows_of(response) -> list[dict[str, str]]:
    assert response.status_code == 200
    assert response.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_csv_holds_exactly_the_filtered_list(home, client):
    rows = rows_of(client.get("/export/csv", params={"sentiment": "negative", "period": "all", "lang": "en"}))
    store = open_store(settings_file.load(home))
    wanted = MentionQuery(sentiments=("negative",), hide_spam=True)
    assert {row["ID"] for row in rows} == {record.mention.id for record in store.scan(wanted)}
    assert {row["Sentiment"] for row in rows} == {"negative"}
    store.close()


def test_xlsx_opens_and_holds_text_only(home, client):
    response = client.get("/export/xlsx", params={"platform": "weibo", "period": "all"})
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]][:2] == ["编号", "平台"]
    assert len(rows) > 1
    assert not any(cell.data_type == "f" for row in rows for cell in row)


def test_a_bad_search_is_refused_in_words(home, client):
    response = client.get("/export/csv", params={"q": '"open'})
    assert response.status_code == 400
    assert "^" in response.text


def test_an_unknown_form_is_not_found(home, client):
    assert client.get("/export/exe").status_code == 404


@pytest.mark.parametrize("trigger", list(TRIGGERS))
@pytest.mark.parametrize("before", ["", " ", "\n", "\u200b"])
def test_formula_signs_are_neutralised(trigger, before):
    assert neutral(f"{before}{trigger}HYPERLINK(1)").startswith("'")


@given(st.text())
def test_no_text_begins_a_formula_after_neutralising(text):
    cell = neutral(text)
    assert isinstance(cell, str)
    assert not cell.lstrip(" \n\u200b\ufeff").startswith(tuple("=+-@＝＋－＠"))


def test_numbers_stay_numbers():
    assert neutral(-5) == -5
    assert neutral(0.25) == 0.25
    assert neutral(None) is None


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl"])
def test_write_file_counts_what_it_wrote(home, tmp_path, ending):
    store = open_store(settings_file.load(home))
    path = tmp_path / f"out.{ending}"
    assert write_file(store.scan(MentionQuery()), path, "Asia/Shanghai") == 400
    assert path.stat().st_size > 1000
    store.close()


def test_every_column_has_a_heading_in_both_languages():
    from dashboard.export import headings

    assert len(headings("zh")) == len(headings("en")) == len(COLUMNS)
