"""Rows of a file somebody brings: CSV in any usual encoding, XLSX/XLS/ODS, JSONL or JSON.

What the columns mean is the reader's business; here a file becomes rows of cells with the row number a
person sees in the file. A row that cannot be read is handed out with `error`, never dropped in silence.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import os
import zipfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import msgspec
import python_calamine as calamine

from index import foreign_json
from index.encoding import detect_encoding
from index.errors import ImportFileError

Cell = str | int | float | bool | dt.datetime | dt.date | dt.time | dt.timedelta | None
MAX_BYTES = 200 * 1024 * 1024
MAX_UNPACKED = 1024 * 1024 * 1024  # a small zip can hold a sheet larger than the memory
MAX_ROWS = 1_000_000
DELIMITERS = ",;\t|"
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `number` counts from 1 as Excel or an editor shows it: rows of a table, lines of a JSONL file
    (its header, made from the keys, is row 0). With `error` the row could not be read and `cells` holds its
    raw text. Cells of JSON keep their type (lists and objects too); a missing cell is None."""

    number: int
    cells: list[Any]
    error: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """An opened file. `rows` streams once. `sheets` names every sheet of a workbook, `sheet` the one read."""

    kind: Literal["csv", "workbook", "json"]
    rows: Iterator[Row]
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()


def read_table(path: Path, sheet: str | None = None) -> Table:
    """Open a file; `sheet` picks one of a workbook (default: the first).

    Raises ImportFileError with code E_NOT_FOUND, E_EMPTY, E_TOO_LARGE (also while streaming, past MAX_ROWS),
    E_ENCODING, E_PASSWORD_PROTECTED or E_NOT_A_TABLE.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ImportFileError("E_NOT_FOUND", f"{path} cannot be read: {error.strerror}.") from error
    if size > MAX_BYTES:
        raise ImportFileError("E_TOO_LARGE", f"{path.name} is over {MAX_BYTES >> 20} MB. Split it.")
    if not head.strip():
        raise ImportFileError("E_EMPTY", f"{path.name} is empty.")
    if head.startswith(WORKBOOKS):
        return _workbook(path, sheet)
    encoding = detect_encoding(path)
    if _starts_json(head, encoding):
        return Table(kind="json", rows=_limited(_json_rows(path, encoding), path), encoding=encoding)
    delimiter = _delimiter(path, encoding)
    rows = _limited(_csv_rows(path, encoding, delimiter), path)
    return Table(kind="csv", rows=rows, encoding=encoding, delimiter=delimiter)


def name_of(path: Path) -> str:
    """A file's name as text: unpacked on Linux, an archive made in China has names in GBK."""
    name = os.fsencode(path.name)
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("gb18030", "replace")


def clean(cell: Any) -> Any:
    """A cell without what Excel exports put around long numbers (`="123"`, a leading tab or apostrophe) and
    without outer spaces; None when nothing is left."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip().strip("\ufeff\u200b").strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    if text.startswith("'") and text[1:2].isdigit():
        text = text[1:]
    return text or None


def _starts_json(head: bytes, encoding: str) -> bool:
    text = head.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    return text.startswith("{") or (text.startswith("[") and text[1:].lstrip()[:1] in ("{", "]", ""))


def _limited(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise ImportFileError("E_TOO_LARGE", f"{path.name} has over {MAX_ROWS:,} rows. Split it.")
        yield row


class _Lines:
    """Lines of a file that can be given back: an unclosed quote must not swallow the rows after it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        return line

    def give_back_after_first(self) -> str:
        self._again.extendleft(reversed(self.taken[1:]))
        first = self.taken[0]
        self.taken = []
        return first


def _csv_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for number in itertools.count(1):
            lines.taken = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raw = lines.give_back_after_first()
                yield Row(number=number, cells=[_visible(raw)], error=f"not valid CSV: {error}")
                continue
            except UnicodeDecodeError as error:  # UTF-16 cut in the middle has no byte to escape
                yield Row(number=number, cells=["".join(lines.taken)], error=f"not {encoding}: {error.reason}")
                return
            yield _checked(number, cells, encoding)


def _checked(number: int, cells: list[str], encoding: str) -> Row:
    line = "\t".join(cells)
    if _sound(line):
        return Row(number=number, cells=cells)
    return Row(number=number, cells=[_visible(line)], error=f"has bytes that are not {encoding}")


def _sound(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _visible(raw: str) -> str:
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter whose rows agree most on a column count above one; a comma when none does."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = list(itertools.islice(file, 50))

    def columns(delimiter: str) -> float:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        except csv.Error:
            return 0.0
        common = max(set(widths), key=widths.count, default=1)
        return 0.0 if common < 2 else widths.count(common) / len(widths) * common**0.5

    return max(DELIMITERS, key=columns)


def _json_rows(path: Path, encoding: str) -> Iterator[Row]:
    """Two passes: the header is every key of every object, in order of appearance."""
    keys: dict[str, None] = {}
    for _, value in _objects(path, encoding):
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
    yield Row(number=0, cells=list(keys))
    for number, value in _objects(path, encoding):
        if isinstance(value, dict):
            yield Row(number=number, cells=[value.get(key) for key in keys])
        else:
            yield Row(number=number, cells=[value.raw], error=value.reason)


class _Bad(msgspec.Struct, frozen=True):
    raw: str
    reason: str


def _objects(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any] | _Bad]]:
    whole = _whole_json(path, encoding)
    if whole is not None:
        for number, raw in enumerate(whole, 1):
            yield number, _object(bytes(raw))
        return
    with path.open(encoding=encoding, errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _object(line.encode("utf-8", "surrogateescape"))


def _object(raw: bytes) -> dict[str, Any] | _Bad:
    try:
        value = foreign_json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _Bad(raw.decode("utf-8", "backslashreplace"), f"not valid JSON: {error}")
    if not isinstance(value, dict):
        return _Bad(raw.decode("utf-8", "backslashreplace"), "not a JSON object")
    return value


class _Wrapped(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]


def _whole_json(path: Path, encoding: str) -> list[msgspec.Raw] | None:
    """The objects of one JSON array or of {"data": [...]}; None when the file is one object a line."""
    text = path.read_bytes()
    if encoding != "utf-8":
        text = text.decode(encoding, "replace").encode()
    try:
        if text.lstrip().startswith(b"["):
            return msgspec.json.decode(text, type=list[msgspec.Raw])
        return msgspec.json.decode(text, type=_Wrapped).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _workbook(path: Path, sheet: str | None) -> Table:
    _refuse_bombs(path)
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        names = tuple(book.sheet_names)
        if not names or (sheet is not None and sheet not in names):
            raise ImportFileError("E_NOT_A_TABLE", f"{path.name} has no sheet {sheet or ''}.")
        opened = book.get_sheet_by_name(sheet or names[0])
    except calamine.PasswordError as error:
        raise ImportFileError(
            "E_PASSWORD_PROTECTED", f"{path.name} has a password. Save a copy without one."
        ) from error
    except calamine.CalamineError as error:
        raise ImportFileError("E_NOT_A_TABLE", f"{path.name} cannot be read as a workbook: {error}") from error
    rows = _limited(_sheet_rows(opened), path)
    return Table(kind="workbook", rows=rows, sheet=sheet or names[0], sheets=names)


def _sheet_rows(sheet: calamine.CalamineSheet) -> Iterator[Row]:
    for number, cells in enumerate(sheet.iter_rows(), 1):
        yield Row(number=number, cells=[None if cell == "" else cell for cell in cells])


def _refuse_bombs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # an old .xls is no zip; anything else is refused by the reader itself, with its own reason
    if unpacked > MAX_UNPACKED:
        raise ImportFileError("E_TOO_LARGE", f"{path.name} unpacks to {unpacked >> 20} MB. Split it.")
