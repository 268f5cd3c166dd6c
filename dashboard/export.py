"""A list of mentions as CSV or XLSX, row by row from the store: exactly what the page shows, in constant memory.

A cell that a spreadsheet would run as a formula gets a ' in front (OWASP, "CSV Injection"; the full-width
signs as well, because spreadsheets in Chinese and Japanese take them for the plain ones).
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from dashboard import address, filters, words
from index import settings as settings_file
from index.documents import Record, encode
from index.errors import EarshotError, QueryError
from index.query import MentionQuery, parse
from index.settings import Settings
from index.stores import open_store

Cell = str | int | float | None
XLSX_ROWS = 100_000  # a sheet holds ten times more, but few machines open that many; CSV has no limit
CHUNK = 64 * 1024
LONGEST_CELL = 32_767  # characters, Excel's own limit
_FORMULA = re.compile(r"[\s\u200b\ufeff]*[=+\-@\t\r＝＋－＠]")
_ILLEGAL = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]")


class Column(NamedTuple):
    """A column: the key of its heading, and its value of a record in a reader's zone."""

    key: str
    value: Callable[[Record, ZoneInfo], Cell]


COLUMNS: tuple[Column, ...] = (
    Column("id", lambda r, _: r.mention.id),
    Column("platform", lambda r, _: r.mention.platform),
    Column("kind", lambda r, _: r.mention.kind),
    Column("published_at", lambda r, zone: r.mention.published_at.astimezone(zone).isoformat(timespec="seconds")),
    Column("author", lambda r, _: _of_author(r, "name")),
    Column("author_id", lambda r, _: _of_author(r, "id")),
    Column("followers", lambda r, _: _of_author(r, "followers")),
    Column("region", lambda r, _: r.mention.region or _of_author(r, "region")),
    Column("text", lambda r, _: r.mention.full_text),
    Column("brands", lambda r, _: "; ".join(r.mention.brands)),
    Column("sentiment", lambda r, _: r.sentiment),
    Column("corrected", lambda r, _: r.corrected_sentiment),
    Column("negative", lambda r, _: _probability(r, "negative")),
    Column("neutral", lambda r, _: _probability(r, "neutral")),
    Column("positive", lambda r, _: _probability(r, "positive")),
    Column("aspects", lambda r, _: "; ".join(f"{a.name}:{a.sentiment}" for a in r.analysis.aspects)),
    Column("intents", lambda r, _: "; ".join(r.analysis.intents)),
    Column("lang", lambda r, _: r.analysis.lang),
    Column("likes", lambda r, _: r.mention.engagement.likes),
    Column("comments", lambda r, _: r.mention.engagement.comments),
    Column("shares", lambda r, _: r.mention.engagement.shares),
    Column("views", lambda r, _: r.mention.engagement.views),
    Column("koc", lambda r, _: r.koc),
    Column("customer_id", lambda r, _: r.customer_id),
    Column("model", lambda r, _: f"{r.analysis.model} {r.analysis.model_version}"),
    Column("url", lambda r, _: r.mention.url),
)


def _of_author(record: Record, field: str) -> Cell:
    author = record.mention.author
    value: Cell = getattr(author, field) if author else None
    return value


def _probability(record: Record, label: str) -> float | None:
    value = record.analysis.probabilities.get(label)
    return None if value is None else round(value, 4)


def neutral(value: Cell) -> Cell:
    """A cell no spreadsheet runs and every spreadsheet can hold. Numbers stay numbers."""
    if not isinstance(value, str):
        return value
    clean = _ILLEGAL.sub("", value)
    return ("'" + clean if _FORMULA.match(clean) else clean)[:LONGEST_CELL]


def row(record: Record, zone: ZoneInfo) -> list[Cell]:
    return [neutral(column.value(record, zone)) for column in COLUMNS]


def headings(language: words.Language) -> list[str]:
    return [words.catalogue(language)[f"export.{column.key}"] for column in COLUMNS]


def csv_chunks(records: Iterable[Record], heading: Sequence[str], zone: ZoneInfo) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, without which Excel reads Chinese as something else."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(heading)
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


def xlsx_chunks(records: Iterable[Record], heading: Sequence[str], zone: ZoneInfo) -> Iterator[bytes]:
    """At most XLSX_ROWS rows. Written to a temporary file: a ZIP's directory stands at its end."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("mentions")
    sheet.freeze_panes = "A2"
    sheet.append([_bold(sheet, text) for text in heading])
    for record in islice(records, XLSX_ROWS):
        sheet.append(row(record, zone))
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _bold(sheet: object, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value=text)
    cell.font = Font(bold=True)
    return cell


def jsonl_chunks(records: Iterable[Record], _heading: Sequence[str], _zone: ZoneInfo) -> Iterator[bytes]:
    """One whole record a line, nothing changed: for programs."""
    for record in records:
        yield encode(record) + b"\n"


FORMS: dict[str, tuple[Callable[[Iterable[Record], Sequence[str], ZoneInfo], Iterator[bytes]], str]] = {
    "csv": (csv_chunks, "text/csv; charset=utf-8"),
    "xlsx": (xlsx_chunks, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


async def download(request: Request) -> Response:
    """`/export/csv?...` with the same parameters as the Mentions page, and `zone` of the reader."""
    form = request.path_params["form"]
    if form not in FORMS:
        return PlainTextResponse("Write /export/csv or /export/xlsx.", status_code=404)
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    chosen = address.parse(given)
    try:
        settings = settings_file.load()
        zone = _zone(given.get("zone"), settings)
        query = filters.mention_query(chosen, zone)
        parse(query.text)
    except QueryError as error:
        return PlainTextResponse(f"{error}\n\n{error.pointer()}", status_code=400)
    except EarshotError as error:
        return PlainTextResponse(str(error), status_code=500)
    language: words.Language = "en" if chosen["lang"] == "en" else "zh"
    name = f"earshot-{datetime.now(UTC).astimezone(zone):%Y%m%d-%H%M}.{form}"
    return StreamingResponse(
        _from_one_thread(lambda: _file(settings, query, form, language, zone)),
        media_type=FORMS[form][1],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )


def write_file(records: Iterable[Record], path: Path, zone: str, language: words.Language = "zh") -> int:
    """Write FILE.csv, .xlsx or .jsonl; returns how many records. Raises KeyError for another ending."""
    count = 0

    def counted() -> Iterator[Record]:
        nonlocal count
        for record in records:
            count += 1
            yield record

    chunks = {"csv": csv_chunks, "xlsx": xlsx_chunks, "jsonl": jsonl_chunks}[path.suffix.lower().removeprefix(".")]
    with path.open("wb") as file:
        for chunk in chunks(counted(), headings(language), ZoneInfo(zone)):
            file.write(chunk)
    return count


def _zone(given: list[str] | None, settings: Settings) -> ZoneInfo:
    try:
        return ZoneInfo(given[0] if given else settings.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.timezone)


def _file(
    settings: Settings, query: MentionQuery, form: str, language: words.Language, zone: ZoneInfo
) -> Iterator[bytes]:
    """Own handles: a long export must not hold up the pages."""
    store = open_store(settings)
    try:
        yield from FORMS[form][0](store.scan(query), headings(language), zone)
    finally:
        store.close()


async def _from_one_thread(start: Callable[[], Iterator[bytes]]) -> AsyncIterator[bytes]:
    """Run a generator step by step in one thread of its own: a database cursor cannot change threads."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="export") as thread:
        chunks = await loop.run_in_executor(thread, start)
        try:
            while (chunk := await loop.run_in_executor(thread, next, chunks, None)) is not None:
                yield chunk
        finally:
            thread.submit(chunks.close)  # type: ignore[attr-defined]
