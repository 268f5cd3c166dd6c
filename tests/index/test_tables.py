"""A file becomes rows whatever it was saved with, and a row that cannot be read is handed out with the reason."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from index import cells, tables
from index.errors import ImportFileError
from index.tables import clean, read_table

TEXTS = {
    "cp949": "번호,내용\n1,커피가 정말 맛있었어요\n2,다시는 가지 않을 거예요\n",
    "cp1252": "numéro,texte\n1,Chloé déteste le café brûlé à Orléans\n2,très bon\n",
    "gb18030": "编号,内容\n1,奶茶太甜了，差评\n2,再也不会来了\n",
    "big5hkscs": "編號,內容\n1,奶茶太甜了，差評，再也不會來了\n2,這個味道真的很奇怪\n",
    "cp932": "番号,内容\n1,コーヒーがとても美味しかったです\n2,またいきたいです\n",
    "utf-16": "编号,内容\n1,好\n",
    "utf-16-le": "编号,内容\n1,good coffee\n",
    "utf-8-sig": "编号,内容\n1,好\n",
}


@pytest.fixture
def rows(tmp_path):
    def read(content: bytes, name: str = "export.csv"):
        file = tmp_path / name
        file.write_bytes(content)
        return [(row.number, row.cells, row.error) for row in read_table(file).rows]

    return read


@pytest.mark.parametrize("encoding", TEXTS)
def test_usual_encodings_are_told_apart(tmp_path, encoding):
    file = tmp_path / "export.csv"
    file.write_bytes(TEXTS[encoding].encode(encoding))
    table = read_table(file)
    assert table.encoding == encoding
    assert "\n".join(",".join(row.cells) for row in table.rows) + "\n" == TEXTS[encoding]


def test_the_encoding_is_judged_by_the_lines_that_tell_it_not_by_the_first_page(rows):
    content = b"id,text\n" + b"1,plain\n" * 20_000 + "2,太甜了，不会再来\n".encode("gb18030")
    assert rows(content)[-1] == (20_002, ["2", "太甜了，不会再来"], None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_even_when_texts_hold_commas(rows, delimiter):
    lines = [["编号", "内容", "赞"], ["1", "好, 真好, 很好", "3"], ["2", "一般", "1,203"]]
    text = "\n".join(delimiter.join(f'"{c}"' if "," in c else c for c in line) for line in lines)
    assert [row for _, row, _ in rows(text.encode())] == lines


def test_a_quoted_text_may_have_line_breaks_and_numbers_count_rows(rows):
    found = rows('a,b\n1,"第一行\n第二行"\n2,x\n'.encode())
    assert [(number, row[0]) for number, row, _ in found] == [(1, "a"), (2, "1"), (3, "2")]


def test_an_unclosed_quote_spoils_its_own_row_and_no_other(rows):
    found = rows('a,b\n1,"开头没有结尾\n2,x\n3,y\n'.encode())
    assert [(number, error is not None) for number, _, error in found] == [
        (1, False),
        (2, True),
        (3, False),
        (4, False),
    ]
    assert found[1][1] == ['1,"开头没有结尾\n']


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_damaged_bytes_spoil_their_own_row_and_no_other(rows, encoding):
    good = "".join(f"{n},好的咖啡\n" for n in range(30)).encode(encoding)
    found = rows(b"a,b\n" + good + b"98,\xff\xff\n99,x\n")
    assert [number for number, _, error in found if error] == [32]
    assert found[-1] == (33, ["99", "x"], None)


def test_json_lines_arrays_and_wrapped_arrays_are_the_same_table(rows):
    expected = [(0, ["id", "likes", "text"], None), (1, ["1", 3, None], None), (2, ["2", None, "好"], None)]
    assert rows('{"id":"1","likes":3}\n{"id":"2","text":"好"}\n'.encode()) == expected
    assert rows('[{"id":"1","likes":3},\n{"id":"2","text":"好"}]'.encode()) == expected
    assert rows('{"data":[{"id":"1","likes":3},{"id":"2","text":"好"}]}'.encode()) == expected


def test_a_line_that_is_no_json_is_handed_out_with_its_number(rows):
    found = rows(b'{"id":1}\n\nnope\n[1]\n{"id":2}\n')
    assert [(number, error is not None) for number, _, error in found] == [
        (0, False),
        (1, False),
        (3, True),
        (4, True),
        (5, False),
    ]


def test_a_workbook_keeps_types_row_numbers_and_all_its_sheets(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "第一"
    book.active["B3"] = "编号"
    book.active["C3"] = datetime(2026, 8, 1, 10)  # noqa: DTZ001 - Excel knows no zones
    book.create_sheet("第二").append(["x"])
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert (table.kind, table.sheet, table.sheets) == ("workbook", "第一", ("第一", "第二"))
    assert [row for row in table.rows if any(row.cells)] == [
        tables.Row(number=3, cells=["编号", datetime(2026, 8, 1, 10)])  # noqa: DTZ001
    ]
    assert [row.cells for row in read_table(tmp_path / "a.xlsx", "第二").rows] == [["x"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E_EMPTY"),
        (b" \n ", "E_EMPTY"),
        (bytes(range(256)) * 20, "E_NOT_A_TABLE"),
        (b"PK\x03\x04 not really a zip", "E_NOT_A_TABLE"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "E_NOT_A_TABLE"),
    ],
)
def test_what_is_no_table_is_refused_with_a_code(rows, content, code):
    with pytest.raises(ImportFileError) as refused:
        rows(content)
    assert refused.value.code == code


def test_limits_hold_before_memory_is_gone(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    with pytest.raises(ImportFileError, match="rows"):
        rows(b"a\n" * 4)
    monkeypatch.setattr(tables, "MAX_BYTES", 3)
    with pytest.raises(ImportFileError, match="over"):
        rows(b"a,b\n1,2\n")
    monkeypatch.undo()
    monkeypatch.setattr(tables, "MAX_UNPACKED", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/worksheets/sheet1.xml", b"0" * (2 << 20))
    with pytest.raises(ImportFileError, match="unpacks"):
        read_table(tmp_path / "bomb.xlsx")
    with pytest.raises(ImportFileError, match="cannot be read"):
        read_table(tmp_path / "missing.csv")


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=400), st.text('a1,;"\n\r\t{}[]:\\é好', max_size=200).map(str.encode)))
def test_any_bytes_are_rows_or_a_clear_refusal(tmp_path, content):
    file = tmp_path / "any.csv"
    file.write_bytes(content)
    try:
        found = list(read_table(file).rows)
    except ImportFileError:
        return
    assert [row.number for row in found] == sorted({row.number for row in found})
    for row in found:
        "".join(str(cell) for cell in row.cells).encode()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="00123"', "00123"),
        ("'123", "123"),
        ("\t5.2E15", "5.2E15"),
        ("it's", "it's"),
        ("  ", None),
        ("\ufeffa", "a"),
        (3, 3),
    ],
)
def test_what_excel_puts_around_cells_is_taken_off(cell, text):
    assert clean(cell) == text


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,203", 1203),
        ("1.2万", 12_000),
        ("10w+", 100_000),
        ("¥1,234.5", 1234.5),
        ("-", None),
        ("无", None),
        (3.0, 3),
    ],
)
def test_numbers_as_people_write_them(cell, value):
    assert cells.number(cell) == value


@pytest.mark.parametrize(
    "cell",
    [
        "2026-08-14 09:12",
        "2026/8/14 9:12",
        "2026年8月14日 9时12分",
        "2026-08-14T01:12:00Z",
        "2026-08-14T09:12:00.000+08:00",
        1786669920,
        "1786669920000",
        46248.383333333,
        datetime(2026, 8, 14, 9, 12),  # noqa: DTZ001
    ],
)
def test_times_as_people_and_spreadsheets_write_them(cell):
    assert cells.moment(cell, "Asia/Shanghai") == datetime(2026, 8, 14, 1, 12, tzinfo=UTC)


def test_days_begin_at_local_midnight():
    for cell in (date(2026, 8, 14), "20260814", "2026-08-14"):
        assert cells.moment(cell, "Asia/Shanghai") == datetime(2026, 8, 13, 16, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["gestern", "2026-13-01", "1", "9" * 30, "0001-01-01", float("inf")])
def test_what_is_no_time_is_refused_with_the_words(cell):
    with pytest.raises(ValueError, match="not a time"):
        cells.moment(cell, "Asia/Shanghai")


def test_half_an_emoji_does_not_cost_its_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "cut \\ud83d"}\n', encoding="utf-8")
    _, row = read_table(path).rows
    assert (row.error, row.cells) == (None, ["cut \ufffd"])
