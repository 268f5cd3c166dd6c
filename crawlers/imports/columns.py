"""Which column of an export is which field: header detection, the guess, and what it rests on.

The names live in columns.toml. A guess is checked against the values below the header, so that a column
"评论" full of numbers is a counter and one full of sentences is the text.
"""

from __future__ import annotations

import itertools
import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

import msgspec

from crawlers.imports.values import UNITS, Clock, read_count, read_time
from index.documents import Kind
from index.errors import ImportFileError
from index.tables import clean

COUNTERS = ("likes", "comments", "shares", "saves", "views", "followers")
HEADER_WITHIN = 30  # rows: exports put banners and merged titles above the header, never more than a page
MIN_KNOWN = 2
LONGEST_HEADER = 200

Group = TypeVar("Group", bound=str)
Found = Literal["name", "values", "you", "template"]


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """columns.toml, read once. `fields` maps a normalised header to its fields with their priority."""

    nulls: frozenset[str]
    totals: frozenset[str]
    footers: tuple[str, ...]
    ignored: frozenset[str]
    fields: dict[str, dict[str, int]]
    kinds: dict[str, Kind]
    sentiments: dict[str, str]
    platforms: dict[str, str]
    hosts: dict[str, str]
    signatures: dict[str, str]
    file_names: dict[str, str]
    id_in_url: dict[str, re.Pattern[str]]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One field taken from one column. `found` says why: its name, its values, a person, a template."""

    field: str
    position: int
    header: str
    unit: int = 1
    found: Found = "name"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The header row: its number in the file, its cells, and the columns made of it."""

    row: int
    cells: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, field: str) -> Column | None:
        return next((c for c in self.columns if c.field == field), None)

    @property
    def unused(self) -> tuple[str, ...]:
        """Headers nobody uses and columns.toml does not list as deliberately ignored."""
        taken = {c.position for c in self.columns}
        known = vocabulary().ignored
        cells = ((i, cell) for i, cell in enumerate(self.cells) if cell and i not in taken)
        return tuple(cell for _, cell in cells if normalise_header(cell)[0] not in known)


@cache
def vocabulary() -> Vocabulary:
    data = tomllib.loads(files("crawlers.imports").joinpath("columns.toml").read_text(encoding="utf-8"))
    fields: dict[str, dict[str, int]] = {}
    for field, names in data["fields"].items():
        for priority, name in enumerate(names):
            fields.setdefault(normalise_header(name)[0], {}).setdefault(field, priority)
    return Vocabulary(
        nulls=frozenset(data["nulls"]),
        totals=frozenset(data["totals"]),
        footers=tuple(data["footers"]),
        ignored=frozenset(normalise_header(name)[0] for name in data["ignored"]),
        fields=fields,
        hosts=dict(sorted(data["hosts"].items(), key=lambda pair: -len(pair[0]))),
        id_in_url={name: re.compile(pattern) for name, pattern in data["id_in_url"].items()},
        kinds=_inverted(data["kinds"]),
        **{name: _inverted(data[name]) for name in ("sentiments", "platforms", "signatures", "file_names")},
    )


def _inverted(groups: dict[Group, list[str]]) -> dict[str, Group]:
    return {name: group for group, names in groups.items() for name in names}


_BRACKETS = re.compile(r"[(\[{【<](.*?)[)\]}】>]")
_NUMBER_OF = re.compile("(?<=.)(编号|編號)$")  # 评价编号 is 评价ID; 编号 alone counts rows


def normalise_header(header: Any) -> tuple[str, int]:
    """A header in the form of columns.toml and the unit it multiplies by: "粉丝数（万）" -> ("粉丝数", 10000)."""
    text = unicodedata.normalize("NFKC", str(header)).lower()
    if len(text) > LONGEST_HEADER:
        return "", 1
    unit = 1
    for inside in _BRACKETS.findall(text):
        unit = UNITS.get(inside.strip().removeprefix("单位:").strip(), unit) or 1
    text = re.sub(r"[\s*_\-.:]", "", _BRACKETS.sub("", text))
    if text.endswith(("数w", "量w")):
        return text[:-1], 10_000
    return _NUMBER_OF.sub("id", text), unit


def is_null(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and len(cell) < 12 and cell.strip().lower() in vocabulary().nulls)


def find_header(rows: Sequence[Sequence[Any]], clock: Clock) -> int:
    """Index of the header among the first rows. Raises ImportFileError E_NO_HEADER."""
    known = [_known(row) for row in rows[:HEADER_WITHIN]]
    best = max(known, default=0)
    if best >= MIN_KNOWN or (best and _has_text(rows[known.index(best)])):
        return known.index(best)
    for index, row in enumerate(rows[:HEADER_WITHIN]):
        if _labels(row, rows[index + 1 : index + 21], clock):
            return index
    raise ImportFileError(
        "E_NO_HEADER",
        "No row looks like a header. The first row should name the columns, such as 内容, 发布时间, 作者, 链接 "
        "(or content, time, author, url).",
    )


def _labels(row: Sequence[Any], below: Sequence[Sequence[Any]], clock: Clock) -> bool:
    """Whether an unknown row names columns: short words, and below one of them times, numbers or links, which
    the row itself has not."""
    labels = [cell for cell in row if not is_null(cell)]
    if len(labels) < 2 or not all(isinstance(cell, str) and len(cell) <= 20 for cell in labels):
        return False
    tests = (_is_url, _reads(read_time), _count)
    if any(test(cell, clock) for test in tests for cell in labels):
        return False
    columns = (_values(below, position) for position in range(len(row)))
    return any(
        len(values) >= 3 and all(test(value, clock) for value in values) for values in columns for test in tests
    )


def _known(row: Sequence[Any]) -> int:
    """How many different fields the cells of a row name."""
    names = vocabulary().fields
    fields = {tuple(names.get(normalise_header(cell)[0], ()))[:1] for cell in row if isinstance(cell, str)}
    return len(fields - {()})


def _has_text(row: Sequence[Any]) -> bool:
    names = vocabulary().fields
    return any("text" in names.get(normalise_header(cell)[0], ()) for cell in row if isinstance(cell, str))


def guess_columns(cells: Sequence[Any], sample: Sequence[Sequence[Any]], clock: Clock, row: int) -> Header:
    """The columns of a header by name, checked against the rows below it; then, for what is missing, by
    values. Raises ImportFileError E_NO_CONTENT_COLUMN."""
    headers = unique_headers(cells)
    chosen: dict[str, Column] = {}
    for _, field, position in sorted(_candidates(headers)):
        taken = any(c.position == position for c in chosen.values())
        if field in chosen or taken or not _plausible(field, _values(sample, position), clock):
            continue
        unit = normalise_header(headers[position])[1]
        chosen[field] = Column(field=field, position=position, header=headers[position], unit=unit)
    _guess_by_values(chosen, headers, sample, clock)
    if "text" not in chosen and "title" not in chosen:
        raise ImportFileError(
            "E_NO_CONTENT_COLUMN",
            f"No column holds the text. Columns seen: {', '.join(h for h in headers if h)[:200]}. "
            "Name one 内容 or content, or say --column text=NAME.",
        )
    return Header(row=row, cells=headers, columns=tuple(chosen.values()))


def unique_headers(cells: Sequence[Any]) -> tuple[str, ...]:
    """Every column with a name of its own: a repeated one gets a number, an empty one its position."""
    names: list[str] = []
    for position, cell in enumerate(cells, 1):
        name = f"#{position}" if is_null(cell) else " ".join(str(cell).split())[:200]
        names.append(f"{name} ({position})" if name in names else name)
    return tuple(names)


_IDS = ("comment_id", "post_id", "id")
_ORDER = {
    field: rank
    for rank, field in enumerate(
        [
            "comment_id",
            "post_id",
            "id",
            "text",
            "title",
            "url",
            "published_at",
            "author_id",
            "author_name",
            "platform",
            "kind",
        ]
    )
}


def _candidates(headers: Sequence[str]) -> list[tuple[tuple[int, int], str, int]]:
    found = []
    for position, header in enumerate(headers):
        for field, priority in vocabulary().fields.get(normalise_header(header)[0], {}).items():
            found.append(((priority, _ORDER.get(field, 99)), field, position))
    return found


def _values(sample: Sequence[Sequence[Any]], position: int) -> list[Any]:
    cells = (clean(row[position]) for row in sample if position < len(row))
    return [cell for cell in cells if not is_null(cell)]


def _plausible(field: str, values: Sequence[Any], clock: Clock) -> bool:
    """Whether at least half of the values could be this field. A column without values may be anything."""
    if field in _IDS and _counts_rows(values):
        return False
    test = _TESTS.get(field)
    return test is None or not values or 2 * sum(test(value, clock) for value in values) >= len(values)


def _counts_rows(values: Sequence[Any]) -> bool:
    """Whether the values are 0, 1, 2... or 1, 2, 3...: numbers of rows, which the next file has again."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return False
    return len(numbers) > 1 and numbers[0] in (0, 1) and all(b - a == 1 for a, b in itertools.pairwise(numbers))


def _reads(read: Callable[..., Any]) -> Callable[[Any, Clock], bool]:
    def test(value: Any, clock: Clock) -> bool:
        try:
            read(value, clock)
        except (ValueError, OverflowError):
            return False
        return True

    return test


def _is_words(value: Any, _: Clock) -> bool:
    return isinstance(value, str) and not re.fullmatch(r"[\d.,+%\s]*[万亿wk]?\+?", value) and not _is_url(value, _)


def _is_url(value: Any, _: Clock) -> bool:
    return isinstance(value, str) and bool(re.match(r"(https?:)?//|www\.|[\w-]+(\.[\w-]+)+/", value))


def _is_time_of_day(value: Any, _: Clock) -> bool:
    import datetime as dt

    if isinstance(value, float):
        return 0 <= value < 1
    return isinstance(value, dt.time | dt.timedelta) or (
        isinstance(value, str) and bool(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", value.strip()))
    )


_count = _reads(lambda value, _: read_count(value))
_TESTS: dict[str, Callable[[Any, Clock], bool]] = {
    "text": _is_words,
    "title": _is_words,
    "url": _is_url,
    "author_url": _is_url,
    "published_at": _reads(read_time),
    "time_of_day": _is_time_of_day,
    "rating": _reads(lambda value, _: float(str(value).rstrip("星分"))),
    "author_name": lambda value, _: not isinstance(value, dict | list) and not _is_url(value, _),
    **dict.fromkeys(COUNTERS, _count),
}


def _guess_by_values(
    chosen: dict[str, Column], headers: Sequence[str], sample: Sequence[Sequence[Any]], clock: Clock
) -> None:
    """The text is the column with the longest words, the link one of links, the time one of times."""
    is_time = _reads(read_time)
    tests = {
        "text": lambda value, clock: _is_words(value, clock) and not is_time(value, clock),
        "url": _is_url,
        "published_at": is_time,
    }
    for field, test in tests.items():
        if field in chosen or (field == "text" and "title" in chosen):
            continue
        free = [i for i in range(len(headers)) if i not in {c.position for c in chosen.values()}]
        lengths = {i: _mean_length(_values(sample, i), test, clock) for i in free if headers[i]}
        best = max(lengths, key=lambda i: lengths[i], default=None)
        if best is not None and lengths[best] >= (6 if field == "text" else 8):
            chosen[field] = Column(field=field, position=best, header=headers[best], found="values")


def _mean_length(values: Sequence[Any], test: Callable[[Any, Clock], bool], clock: Clock) -> float:
    """Mean length of the values if nearly all pass, else 0."""
    if len(values) < 3 or sum(test(value, clock) for value in values) < 0.9 * len(values):
        return 0.0
    return sum(len(str(value)) for value in values) / len(values)


@lru_cache(maxsize=4096)
def platform_name(value: str) -> str | None:
    """The platform behind a name ("新浪微博") or a host ("www.weibo.com"); None when it is neither."""
    text = unicodedata.normalize("NFKC", value).strip().lower()
    return vocabulary().platforms.get(text) or platform_of_host(text)


@lru_cache(maxsize=4096)
def own_platform(name: str) -> str:
    """The name of a platform nobody here knows, in a form that can stand in an id; "" when nothing is left."""
    return re.sub(r"[^\w]+", "_", name.strip().lower()).strip("_")[:40]


@lru_cache(maxsize=4096)
def platform_of_host(host: str) -> str | None:
    for known, platform in vocabulary().hosts.items():
        if host == known or host.endswith("." + known):
            return platform
    return None
