"""A list of mentions as a file, piece by piece while it is read: CSV, XLSX, Parquet and JSON Lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from dashboard import words, xlsx
from dashboard.export_columns import COLUMNS, Column, Kind, headings, row
from dashboard.sink import Sink
from index.documents import Record, encode

if TYPE_CHECKING:
    import pyarrow

CHUNK = 64 * 1024
GROUP = 10_000  # rows of a Parquet row group: about 10 MB while it is put together


class Form(NamedTuple):
    """A kind of file: what makes it, from records, the language of its heading and the reader's zone."""

    chunks: Callable[[Iterable[Record], words.Language, ZoneInfo], Iterator[bytes]]
    media_type: str


def csv_chunks(records: Iterable[Record], language: words.Language, zone: ZoneInfo) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, without which Excel reads Chinese as something else."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(headings(language))
    yield b"\xef\xbb\xbf"
    for record in records:
        writer.writerow(row(record, zone))
        if buffer.tell() > CHUNK:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    data = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return data


def xlsx_chunks(records: Iterable[Record], language: words.Language, zone: ZoneInfo) -> Iterator[bytes]:
    """More than a million rows go on in a second sheet."""
    return xlsx.stream(headings(language), (row(record, zone) for record in records))


def jsonl_chunks(records: Iterable[Record], _language: words.Language, _zone: ZoneInfo) -> Iterator[bytes]:
    """One whole record a line, nothing changed: for programs."""
    for record in records:
        yield encode(record) + b"\n"


def parquet_chunks(records: Iterable[Record], _language: words.Language, zone: ZoneInfo) -> Iterator[bytes]:
    """For programs: columns by their keys, texts as they are, moments and lists as such, missing is null."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(column.key, _types(zone)[column.kind]) for column in COLUMNS])
    file, iterator = Sink(), iter(records)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(islice(iterator, GROUP)):
            arrays = [pyarrow.array(_values(column, batch), schema.field(column.key).type) for column in COLUMNS]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
            yield file.take()
    yield file.take()


def _types(zone: ZoneInfo) -> dict[Kind, pyarrow.DataType]:
    import pyarrow

    return {
        "text": pyarrow.string(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
        "moment": pyarrow.timestamp("us", tz=zone.key),
        "list": pyarrow.list_(pyarrow.string()),
    }


def _values(column: Column, records: list[Record]) -> list[Any]:
    values = [column.value(record) for record in records]
    return [_valid(value) for value in values] if column.kind == "text" else values


def _valid(text: Any) -> Any:
    """Half of a surrogate pair, which platforms do send, cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) and not text.isascii() else text


FORMS = {
    "csv": Form(csv_chunks, "text/csv; charset=utf-8"),
    "xlsx": Form(xlsx_chunks, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "parquet": Form(parquet_chunks, "application/vnd.apache.parquet"),
    "jsonl": Form(jsonl_chunks, "application/jsonl; charset=utf-8"),
}
