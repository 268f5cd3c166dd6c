"""From a file to rows by header, with a plan of what its columns mean."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from crawlers.connector import Raw
from crawlers.imports import templates
from crawlers.imports.columns import (
    HEADER_WITHIN,
    Column,
    Found,
    Header,
    find_header,
    guess_columns,
    is_null,
    normalise_header,
    own_platform,
    platform_name,
    unique_headers,
    vocabulary,
)
from crawlers.imports.rows import FALLBACK_PLATFORM, RowReader
from crawlers.imports.values import Clock, dates_put_day_first
from crawlers.intake import Map
from index.documents import Mention
from index.errors import ImportFileError, MapError
from index.settings import Settings
from index.tables import Row, Table, clean, name_of, read_table
from index.text import normalise

SAMPLE = 50  # rows looked at for the guess and the preview
UNREADABLE = "unreadable row"


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a file. `name` is None outside workbooks. `sample` holds the first rows by header."""

    name: str | None
    header: Header
    clock: Clock
    sample: tuple[Raw, ...]
    known: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds and how it will be read. `platform` and `brand`: set by a person, for every row; `guess`:
    the platform of rows that do not tell. `brands`: every name of a brand, normalised, and whose it is.
    `skipped`: sheets without a header."""

    path: Path
    kind: str
    encoding: str | None
    sheets: tuple[Sheet, ...]
    platform: str | None
    guess: str
    exported_at: dt.datetime
    brands: dict[str, str]
    brand: str | None = None
    skipped: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return source_name(self.path)


def source_name(path: Path) -> str:
    """Name of the source that a file's mentions come from."""
    return f"file:{name_of(path)}"


def inspect(
    path: Path,
    settings: Settings,
    *,
    platform: str | None = None,
    brand: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Plan:
    """Read the head of every sheet and guess its columns; a remembered template and then `columns` (field ->
    header) win over the guess. Raises ImportFileError."""
    first = read_table(path)
    exported_at = dt.datetime.fromtimestamp(int(path.stat().st_mtime), dt.UTC)
    clock = Clock(ZoneInfo(settings.timezone), exported_at)
    tables = chain([first], (read_table(path, name) for name in first.sheets if name != first.sheet))
    sheets, skipped = _sheets(tables, clock, settings, columns or {})
    return Plan(
        path=path,
        kind=first.kind,
        encoding=first.encoding,
        sheets=sheets,
        platform=as_platform(platform) if platform else None,
        guess=_platform_guess(path, sheets),
        exported_at=exported_at,
        brands=names_of_brands(settings),
        brand=as_brand(brand, settings) if brand else None,
        skipped=skipped,
    )


def _sheets(
    tables: Iterator[Table], clock: Clock, settings: Settings, columns: Mapping[str, str]
) -> tuple[tuple[Sheet, ...], tuple[str, ...]]:
    sheets: list[Sheet] = []
    failed: list[tuple[str, ImportFileError]] = []
    for table in tables:
        try:
            sheets.append(_sheet(table, clock, settings, columns))
        except ImportFileError as error:
            failed.append((table.sheet or "", error))
    if not sheets:
        raise failed[0][1]
    if any(sheet.clock.day_first for sheet in sheets):  # one program wrote them all
        clock = msgspec.structs.replace(clock, day_first=True)
        sheets = [msgspec.structs.replace(sheet, clock=clock) for sheet in sheets]
    return tuple(sheets), tuple(name for name, _ in failed)


def _sheet(table: Table, clock: Clock, settings: Settings, columns: Mapping[str, str]) -> Sheet:
    head = [row for row in islice(table.rows, HEADER_WITHIN + SAMPLE) if row.error is None]
    at = 0 if table.kind == "json" else find_header([row.cells for row in head], clock)
    names = unique_headers(head[at].cells) if head else ()
    sample = [row.cells for row in head[at + 1 :] if not _says_nothing(row.cells, names)]
    cells = head[at].cells if head else []
    day_first = dates_put_day_first(chain(sample, (row.cells for row in table.rows)), len(sample))
    clock = msgspec.structs.replace(clock, day_first=day_first)
    template = templates.find(settings, names)
    chosen = {**(template.columns if template else {}), **columns}
    header = _with_choices(cells, sample, clock, head[at].number if head else 0, chosen, bool(template))
    rows = tuple(dict(zip(header.cells, row, strict=False)) for row in sample[:SAMPLE])
    return Sheet(name=table.sheet, header=header, clock=clock, sample=rows, known=bool(template))


def _with_choices(
    cells: Sequence[Any],
    sample: Sequence[Sequence[Any]],
    clock: Clock,
    row: int,
    chosen: Mapping[str, str],
    known: bool,
) -> Header:
    """The guess, with what a person (or a person before, in a template) decided about it."""
    names = unique_headers(cells)
    fixed = [_chosen_column(names, field, name, known) for field, name in chosen.items()]
    if known:
        return Header(row=row, cells=names, columns=tuple(c for c in fixed if c))
    try:
        guessed = guess_columns(cells, sample, clock, row).columns
    except ImportFileError:
        if not any(column and column.field in ("text", "title") for column in fixed):
            raise
        guessed = ()
    taken = {c.position for c in fixed if c}
    rest = [c for c in guessed if c.field not in chosen and c.position not in taken]
    return Header(row=row, cells=names, columns=tuple(c for c in fixed if c) + tuple(rest))


def _chosen_column(names: Sequence[str], field: str, name: str, known: bool) -> Column | None:
    """The column a person named; an empty name means "this field is not in the file"."""
    fields = {f for found in vocabulary().fields.values() for f in found}
    if field not in fields:
        raise ImportFileError("E_NO_FIELD", f"There is no field {field!r}. Fields: {', '.join(sorted(fields))}.")
    if not name:
        return None
    if name not in names:
        raise ImportFileError("E_NO_COLUMN", f"The file has no column {name!r}. Columns: {', '.join(names)[:300]}.")
    unit = normalise_header(name)[1]
    found: Found = "template" if known else "you"
    return Column(field=field, position=names.index(name), header=name, unit=unit, found=found)


def as_platform(name: str) -> str:
    """A platform's own name for what a person wrote: 微博 -> weibo. Unknown names are kept in a form that can
    stand in an id. Raises ImportFileError when nothing is left."""
    plain = platform_name(name) or own_platform(name)
    if not plain:
        raise ImportFileError("E_PLATFORM", f"{name!r} is no platform name. Write one such as weibo or 小红书.")
    return plain


def names_of_brands(settings: Settings) -> dict[str, str]:
    return {normalise(name): brand.name for brand in settings.brands for name in (*brand.aliases, brand.name)}


def as_brand(name: str, settings: Settings) -> str:
    """The brand of earshot.toml that has this name or alias. Raises ImportFileError."""
    known = names_of_brands(settings)
    if normalise(name) not in known:
        listed = ", ".join(brand.name for brand in settings.brands) or "none"
        raise ImportFileError("E_BRAND", f"earshot.toml has no brand {name!r}. Brands there: {listed}.")
    return known[normalise(name)]


def _platform_guess(path: Path, sheets: Sequence[Sheet]) -> str:
    """By headers that only one platform uses, then by the file's name."""
    names = vocabulary().file_names
    if found := next(filter(None, (_signed(sheet) for sheet in sheets)), None):
        return found
    words = re.split(r"[\W_\d]+", path.stem.lower())
    return next((names[word] for word in words if word in names), FALLBACK_PLATFORM)


def _signed(sheet: Sheet) -> str | None:
    """The platform whose exporters alone use a header of this sheet."""
    headers = (header.lower().replace("_", "") for header in sheet.header.cells)
    return next((found for header in headers if (found := vocabulary().signatures.get(header))), None)


def mapping(plan: Plan) -> Map:
    """The pure map for every row of the file."""
    readers = {sheet.header.cells: _reader(plan, sheet) for sheet in plan.sheets}
    only = next(iter(readers.values())) if len(readers) == 1 else None

    def map_row(raw: Raw) -> Sequence[Mention]:
        if UNREADABLE in raw:
            raise MapError(str(raw.get("reason")))
        return (only or readers[tuple(raw)])(raw)

    return map_row


def replay_map(
    settings: Settings, source: str, file: templates.ImportedFile, known: Mapping[str, templates.Template]
) -> Map:
    """The map for single rows of an earlier file. Which of its sheets a row came from is told by its header."""
    clock = Clock(ZoneInfo(settings.timezone), file.exported_at, file.day_first)
    sheets = tuple(
        Sheet(name=None, header=_header_of(known[key]), clock=clock, sample=())
        for key in file.templates
        if key in known
    )
    return mapping(
        Plan(
            path=Path(source.removeprefix("file:")),
            kind="csv",
            encoding=None,
            sheets=sheets,
            platform=file.platform,
            guess=file.guess,
            exported_at=file.exported_at,
            brands=names_of_brands(settings),
            brand=file.brand,
        )
    )


def _header_of(template: templates.Template) -> Header:
    columns = (_chosen_column(template.headers, field, name, True) for field, name in template.columns.items())
    return Header(row=0, cells=template.headers, columns=tuple(c for c in columns if c))


def _reader(plan: Plan, sheet: Sheet) -> RowReader:
    return RowReader(
        sheet.header,
        source=plan.source,
        clock=sheet.clock,
        platform=plan.platform,
        guess=_signed(sheet) or plan.guess,
        brands=plan.brands,
        brand=plan.brand,
    )


def raws(plan: Plan) -> Iterator[tuple[Raw, str]]:
    """Every row by header, with its place in the file. Blank rows, footers and repeated headers are no rows.
    Raises ImportFileError when the file ends too early or grows too large."""
    for sheet in plan.sheets:
        table = read_table(plan.path, sheet.name)
        place = f"{sheet.name} row" if len(plan.sheets) > 1 else "row"
        for row in table.rows:
            if row.number > sheet.header.row and (raw := _raw(row, sheet.header, table.delimiter)) is not None:
                yield raw, f"{place} {row.number}"


def _raw(row: Row, header: Header, delimiter: str | None) -> Raw | None:
    if row.error:
        return {UNREADABLE: row.cells[0] if row.cells else "", "reason": row.error}
    time = header.column("published_at")
    if _says_nothing(row.cells, header.cells, time.position if time else None):
        return None
    if delimiter and len(header.cells) == 1:  # a list of texts: what stands between words divides no columns
        return {header.cells[0]: delimiter.join(row.cells).rstrip(delimiter)}
    cells = row.cells + [None] * (len(header.cells) - len(row.cells))
    raw = dict(zip(header.cells, cells, strict=False))
    extra = [cell for cell in cells[len(header.cells) :] if not is_null(cell)]
    if extra:  # a stray delimiter has moved the cells: nothing in this row can be trusted
        return {UNREADABLE: cells, "reason": f"has {len(cells)} cells, the header {len(header.cells)}"}
    return raw


def _says_nothing(cells: Sequence[Any], header: Sequence[Any], time: int | None = None) -> bool:
    """A blank row, a total, a note such as 仅展示前500条, or the header once more. `time`: the column of times."""
    first = next((cell for cell in cells if cell is not None and cell != ""), None)
    if first is None:
        return True
    if first == header[0] and unique_headers(cells) == tuple(header):
        return True
    if not isinstance(first, str):
        return False
    start = first[:40].strip().lower().replace("：", ":")
    if not start:
        return all(clean(cell) is None for cell in cells)
    if sum(isinstance(cell, str) and bool(cell.strip()) for cell in cells) > 2:
        return False
    timed = time is not None and time < len(cells) and not is_null(cells[time])
    return _is_total(start) or (start.startswith(vocabulary().footers) and not timed)


def _is_total(text: str) -> bool:
    return re.sub(r"[\s:]*[\d,.]*\s*[条個个]?$", "", text) in vocabulary().totals
