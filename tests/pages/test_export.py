"""An exported list holds exactly what the page shows, and no cell of it runs."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import openpyxl
import pytest
import python_calamine
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard import xlsx
from dashboard.export import OFFERED, download, write_file
from dashboard.export_columns import COLUMNS, headings, neutral
from index import settings as settings_file
from index.query import MentionQuery
from index.stores import open_store

ROOT = str(Path(__file__).parents[2])
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


@pytest.mark.parametrize("zone", ["Asia", "Mars/Crater", "../etc", "x" * 300])
def test_a_zone_that_is_none_is_that_of_the_settings(home, client, zone):
    assert client.get("/export/csv", params={"period": "all", "zone": zone}).status_code == 200


def test_xlsx_opens_and_holds_text_only(home, client):
    response = client.get("/export/xlsx", params={"platform": "weibo", "period": "all"})
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]][:2] == ["编号", "平台"]
    assert len(rows) > 1
    assert not any(cell.data_type == "f" for row in rows for cell in row)


def test_parquet_has_types_and_texts_as_they_are(home, client):
    response = client.get("/export/parquet", params={"period": "all", "spam": "show", "zone": "Asia/Shanghai"})
    table = parquet.read_table(io.BytesIO(response.content))
    store = open_store(settings_file.load(home))
    records = list(store.scan(MentionQuery()))
    store.close()
    assert table.column_names == [column.key for column in COLUMNS]
    assert str(table.schema.field("published_at").type) == "timestamp[us, tz=Asia/Shanghai]"
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == [r.mention.id for r in records]
    assert [row["published_at"] for row in rows] == [r.mention.published_at for r in records]
    assert [row["text"] for row in rows] == [r.mention.full_text for r in records]
    assert [row["brands"] for row in rows] == [list(r.mention.brands) for r in records]
    followers = [r.mention.author.followers for r in records]
    assert None in followers
    assert [row["followers"] for row in rows] == followers


@pytest.mark.parametrize("form", OFFERED)
def test_every_form_holds_the_list_in_the_order_of_the_page(home, client, monkeypatch, form):
    monkeypatch.setattr("dashboard.export.PAGE", 7)
    given = {"q": "太甜 OR 好喝", "sort": "engagement", "period": "all", "lang": "en"}
    store = open_store(settings_file.load(home))
    query = MentionQuery(text=given["q"], sort="engagement", hide_spam=True)
    wanted = [hit.record.mention.id for hit in store.search(query, limit=1000).hits]
    store.close()
    assert len(wanted) > 20
    assert ids_in(form, client.get(f"/export/{form}", params=given).content) == wanted


def ids_in(form: str, content: bytes) -> list[str]:
    if form == "parquet":
        return parquet.read_table(io.BytesIO(content))["id"].to_pylist()
    if form == "csv":
        return [row["ID"] for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))]
    return [cell.value for (cell,) in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(2, max_col=1)]


@pytest.mark.parametrize(("rows", "sheets"), [(0, [0]), (1, [1]), (3, [3]), (4, [3, 1]), (9, [3, 3, 3])])
def test_a_full_sheet_is_followed_by_another(rows, sheets):
    content = b"".join(xlsx.stream(["n", "text"], ([n, f"第{n}"] for n in range(rows)), sheet="提及", sheet_rows=3))
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names == ["提及", "提及 2", "提及 3"][: len(sheets)]
    read = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
    assert [len(sheet) - 1 for sheet in read] == sheets
    assert all(sheet[0] == ["n", "text"] for sheet in read)
    assert [row[0] for sheet in read for row in sheet[1:]] == list(range(rows))


@pytest.mark.parametrize("text", ['a<b>&"c"', " Rand ", "zwei\nZeilen", "_x003D_1+1", "😋", "\ud83d"])
def test_text_in_a_sheet_is_the_text(text):
    content = b"".join(xlsx.stream(["t"], [[text]]))
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    assert sheet.to_python()[1][0] in (text, text.replace("\ud83d", "?"))


def test_columns_go_on_after_z():
    heading = [f"h{n}" for n in range(60)]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(xlsx.stream(heading, []))))
    assert [cell.value for cell in book.active[1]] == heading
    assert [cell.coordinate for cell in book.active[1]][25:28] == ["Z1", "AA1", "AB1"]
    assert all(cell.font.b for cell in book.active[1])
    assert book.active.freeze_panes == "A2"


PEAKS = """
import resource, sys
from zoneinfo import ZoneInfo
from msgspec.structs import replace
from dashboard.export_files import FORMS
sys.path.append(sys.argv[2])
import naive_store as naive
one = naive.record(1, "奶茶太甜了，不想再买 " * 5, name="小王", followers=4, likes=3, aspects={"taste": "negative"})

def records():
    for n in range(220_001):
        if n % 40_000 == 20_000:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)
        yield replace(one, mention=replace(one.mention, id=f"weibo:{n}", text=f"{one.mention.text}{n * 7919}"))

sent = sum(len(chunk) for chunk in FORMS[sys.argv[1]].chunks(records(), "zh", ZoneInfo("Asia/Shanghai")))
assert sent > 1_000_000, sent
"""


@pytest.mark.parametrize("form", OFFERED)
def test_memory_does_not_grow_with_the_list(form):
    """Peaks of a process that writes 220,000 rows, looked at every 40,000."""
    command = [sys.executable, "-c", PEAKS, form, f"{ROOT}/tests/fixtures"]
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ROOT}
    )
    peaks = [int(line) for line in told.stdout.split()]
    assert len(peaks) == 6
    assert peaks[-1] - peaks[0] < 24, peaks
    assert all(later - earlier < 12 for earlier, later in pairwise(peaks[1:])), peaks


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


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet", "jsonl"])
def test_write_file_counts_what_it_wrote(home, tmp_path, ending):
    store = open_store(settings_file.load(home))
    path = tmp_path / f"out.{ending}"
    assert write_file(store.scan(MentionQuery()), path, "Asia/Shanghai") == 400
    assert path.stat().st_size > 1000
    store.close()


def test_every_column_has_a_heading_in_both_languages():
    assert len(headings("zh")) == len(headings("en")) == len(COLUMNS)
