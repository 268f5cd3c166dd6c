"""Labelled texts from a file or a folder: JSON lines or CSV, plain or .gz."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import math
import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from index import foreign_json
from index.documents import SENTIMENTS
from index.errors import EarshotError

SPLITS = ("test", "dev", "validation", "val")  # of a folder with several files: the first of these
_ABOUT = ("manifest", "config", "dataset_info", "dataset_infos")  # .json files that tell of a set
_ENDING = re.compile(r"\.(jsonl?|csv)(\.gz)?$", re.IGNORECASE)
_GZIP, _MARK = b"\x1f\x8b", b"\xef\xbb\xbf"
_MOODS = tuple(name for name in SENTIMENTS if name != "unsure")
_POLARITIES = {"negative": -1, "neutral": 0, "positive": 1}


class DataError(EarshotError):
    """A labelled file cannot be read: the message says which line and why."""


class Example(msgspec.Struct, frozen=True):
    """One line. `label`: negative, neutral, positive, or 0 / 1 of a `task`; null when it has none. `aspects`: name
    of a category -> -1, 0 or 1. Other keys are ignored."""

    text: str
    label: str | int | None = None
    lang: str = "und"
    task: str | None = None
    aspects: dict[str, int] | None = None

    @property
    def kind(self) -> str | None:
        """What its label is of: "aspects", its task or "sentiment"; None without a label."""
        if self.aspects is not None:
            return "aspects"
        return None if self.label is None else self.task or "sentiment"

    @property
    def has_mood(self) -> bool:
        """Whether it has a label of sentiment, perhaps beside its aspects."""
        return self.label is not None and self.task is None


class LabelledSet(msgspec.Struct, frozen=True):
    """A set by name with its examples, whose labels are of one kind, or sentiment and aspects of the same texts.

    `every_label`: whoever labelled it could have given any label of ours, so one that no row has was ruled out;
    else the set's own scheme has none such, and it is not asked for.
    """

    name: str
    examples: list[Example]
    every_label: bool = False


def read(path: Path) -> LabelledSet:
    """The set of a file, or of a folder (its name is the set's). Raises DataError."""
    must_exist(path)
    try:
        file = _file_of(path) if path.is_dir() else path
        examples = list(_examples(file))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except csv.Error as error:
        raise DataError(f"{file} cannot be taken apart: {error}") from error
    if not examples:
        raise DataError(f"{file} holds no labelled text")
    kinds = dict.fromkeys(example.kind for example in examples if example.kind)
    together = kinds.keys() == {"aspects", "sentiment"} and any(
        example.has_mood and example.aspects is not None for example in examples
    )
    if len(kinds) > 1 and not together:
        raise DataError(
            f"{file} has labels of several kinds ({', '.join(kinds)}): give each a file of its own; what people"
            " corrected is scored by --corrections"
        )
    return LabelledSet(name_of(path), examples)


def must_exist(path: Path) -> None:
    """Raises DataError when there is nothing at `path`."""
    try:
        if path.exists():
            return
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    raise DataError(f"{path} does not exist: give a .jsonl or .csv file, plain or .gz, or a folder with one")


def name_of(path: Path) -> str:
    """The name of a set: that of the folder or file; of "dev.jsonl.gz" and the like that of their folder."""
    if path.is_dir():
        return _folder_name(path)
    return _folder_name(path.parent) if _stem(path).lower() in (*SPLITS, "train") else _stem(path)


def _file_of(folder: Path) -> Path:
    files = _data_files(folder)
    for split in SPLITS:
        for file in files:
            if _stem(file).lower() == split:
                return file
    others = [file for file in files if _stem(file).lower() != "train"]
    if len(others or files) != 1:
        raise DataError(f"{folder} has {len(files)} data files: name one test.jsonl, or give the file itself")
    return (others or files)[0]


def _data_files(folder: Path) -> list[Path]:
    """Those with texts: a .json is one as a split, or where there is nothing else; else it tells of the set."""
    shown = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    named = [file for file in shown if _ENDING.search(file.name) and file.is_file()]
    sure = [file for file in named if not re.search(r"\.json(\.gz)?$", file.name, re.IGNORECASE)]
    unsure = [file for file in named if file not in sure and _stem(file).lower() not in _ABOUT]
    return sure + [file for file in unsure if not sure or _stem(file).lower() in SPLITS]


def _stem(file: Path) -> str:
    ending = _ENDING.search(file.name)
    return file.name[: ending.start()] if ending else file.stem


def _folder_name(folder: Path) -> str:
    """Also of "." and "..", and of a link the link's own."""
    return os.path.basename(os.path.abspath(folder))


def _examples(file: Path) -> Iterator[Example]:
    raw = file.read_bytes()
    raw = (gzip.decompress(raw) if raw.startswith(_GZIP) else raw).removeprefix(_MARK)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not in UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
    ending = _ENDING.search(file.name)
    for number, record in _csv(text) if ending and ending[1].lower() == "csv" else _lines(raw):
        try:
            row = _json(record) if isinstance(record, bytes) else record
            yield msgspec.convert(_checked(row) if isinstance(row, dict) else row, Example)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DataError(f'{file}, line {number}: {error}. A line is {{"text": ..., "label": ...}}') from error


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(raw.splitlines(), 1) if line.strip())


def _json(line: bytes) -> Any:
    """Its value. Python writes NaN and Infinity for what is missing; JSON has none such: they count as null."""
    try:
        return foreign_json.decode(line)
    except msgspec.DecodeError:
        if b"NaN" not in line and b"Infinity" not in line:
            raise
        return json.loads(line, parse_constant=lambda _: None)


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows by their header's names. `strict`: a quote that is never closed would swallow the rows after it."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # JSON lines have no limit either
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    numbered = [(rows.line_num, cells) for cells in rows]
    moods = [cells for _, cells in numbered if cells.get("label")]
    every_aspect = not moods or any(cells.get("aspects") for cells in moods)
    for number, cells in numbered:
        row = {name: cell for name, cell in cells.items() if name == "text" or (name and cell)}
        if every_aspect and "aspects" in cells and not cells.get("task"):
            row.setdefault("aspects", {})  # nothing is spoken of
        yield number, row


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """The row with label and polarities in the one form they have here. Raises ValueError when they have none."""
    task = str(row.get("task") or "").strip().lower() or None
    label, aspects = row.get("label"), row.get("aspects")
    if isinstance(label, str):
        label = label.strip().lower() or None
    if label is not None and task:
        label = _number(label, (0, 1), f"the label of task {task!r}")
    elif label is not None and label not in _MOODS:
        raise ValueError(f"the label {label!r} is none of {', '.join(_MOODS)}")
    if isinstance(aspects, str):
        aspects = _aspects(aspects.strip())
    if isinstance(aspects, dict):
        aspects = {str(name).strip(): _polarity(value, name) for name, value in aspects.items()}
    return {**row, "lang": row.get("lang") or "und", "task": task, "label": label, "aspects": aspects}


def _aspects(cell: str) -> Any:
    """A cell of CSV: `name:-1;name:1`, `name:negative;...`, or as JSON has it."""
    if not cell.startswith("{"):
        return {
            name: value for name, _, value in (pair.rpartition(":") for pair in cell.split(";") if pair.strip())
        }
    try:
        return ast.literal_eval(cell)  # what JSON and pandas write
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"the aspects {cell[:60]!r} cannot be read") from error


def _polarity(value: Any, name: str) -> int:
    said = value.strip().lower() if isinstance(value, str) else value
    return _POLARITIES[said] if said in _MOODS else _number(said, (-1, 0, 1), f"the polarity of {name!r}")


def _number(value: Any, allowed: Sequence[int], what: str) -> int:
    """A whole number, also as text or as 1.0: a table with gaps writes it so."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if number not in allowed:
        raise ValueError(f"{what} is {value!r}, none of {', '.join(map(str, allowed))}")
    return int(number)
