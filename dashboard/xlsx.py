"""A spreadsheet written while it is sent: rows come in, bytes of the .xlsx file go out, nothing is kept.

The libraries write a file first and so cannot begin to send; they also take several times as long. What is needed
of the format (ECMA-376, SpreadsheetML) is little: text and numbers, a bold heading that stays in sight, and another
sheet when one is full.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

from dashboard.export_columns import Cell
from dashboard.sink import Sink

SHEET_ROWS = 1_000_000  # a sheet holds 1,048,576
CHUNK = 64 * 1024
BATCH = 100  # rows compressed at once
_SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_FONT = '<sz val="11"/><name val="Calibri"/>'
_STYLES = (  # format 0 is plain, 1 is bold; the two fills are the ones that programs expect to find
    f'<styleSheet {_SPACE}><fonts count="2"><font>{_FONT}</font><font><b/>{_FONT}</font></fonts><fills count="2">'
    '<fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2">'
    '<xf xfId="0"/><xf fontId="1" applyFont="1" xfId="0"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # would be read as the character of that number


def stream(
    heading: Sequence[str], rows: Iterable[Sequence[Cell]], *, sheet: str = "mentions", sheet_rows: int = SHEET_ROWS
) -> Iterator[bytes]:
    """The bytes of a workbook. Further sheets are called `sheet` 2, 3 ... and have the heading too."""
    sink = Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=3) as archive:
        iterator, count = iter(rows), 0
        first = next(iterator, None)
        while first is not None or count == 0:
            count += 1
            given = islice(chain([] if first is None else [first], iterator), sheet_rows)
            with archive.open(f"xl/worksheets/sheet{count}.xml", "w") as file:
                for part in _sheet(heading, given):
                    file.write(part)
                    if sink.waiting > CHUNK:
                        yield sink.take()
            first = next(iterator, None)
        for name, content in _frame([sheet, *(f"{sheet} {n}" for n in range(2, count + 1))]).items():
            archive.writestr(name, _XML + content)
    yield sink.take()


def _sheet(heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    bold = _row(1, heading, ' s="1"')
    yield (
        f'{_XML}<worksheet {_SPACE}><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
        f'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>{bold}'
    ).encode()
    numbered = enumerate(rows, start=2)
    while batch := "".join([_row(number, cells) for number, cells in islice(numbered, BATCH)]):
        yield batch.encode("utf-8", "replace")
    yield b"</sheetData></worksheet>"


def _row(number: int, cells: Sequence[Cell], style: str = "") -> str:
    written = [
        _cell(f"{_column(at)}{number}", value, style) for at, value in enumerate(cells) if value not in (None, "")
    ]
    return f'<row r="{number}">{"".join(written)}</row>'


def _cell(place: str, value: str | int | float, style: str) -> str:
    if not isinstance(value, str):
        return f'<c r="{place}"{style}><v>{value}</v></c>'
    text = escape(_ESCAPE.sub("_x005F_", value))
    return f'<c r="{place}"{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _column(at: int) -> str:
    """A, B ... Z, AA ..."""
    return chr(65 + at) if at < 26 else chr(64 + at // 26) + chr(65 + at % 26)


def _frame(sheets: Sequence[str]) -> dict[str, str]:
    """The other parts of the file: which sheets there are, and how the heading looks."""
    numbers = range(1, len(sheets) + 1)
    kinds = "".join(f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_SHEET}"/>' for n in numbers)
    listed = "".join(f'<sheet name={quoteattr(sheets[n - 1])} sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    related = "".join(_relation(n, "worksheet", f"worksheets/sheet{n}.xml") for n in numbers)
    related += _relation(len(sheets) + 1, "styles", "styles.xml")
    main = _SHEET.replace("worksheet+xml", "sheet.main+xml")
    return {
        "[Content_Types].xml": (
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
            f'PartName="/xl/workbook.xml" ContentType="{main}"/>{kinds}<Override PartName="/xl/styles.xml" '
            f'ContentType="{_SHEET.replace("worksheet+xml", "styles+xml")}"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_RELATIONS}">'
            f"{_relation(1, 'officeDocument', 'xl/workbook.xml')}</Relationships>"
        ),
        "xl/workbook.xml": f'<workbook {_SPACE} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">{related}</Relationships>',
        "xl/styles.xml": _STYLES,
    }


def _relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
