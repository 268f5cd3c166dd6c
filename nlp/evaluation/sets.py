"""Labelled texts from a file or a folder: JSON lines or CSV, plain or .gz."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from index.errors import EarshotError

SPLITS = ("test", "dev")  # of a folder with several files: the first of these
SUFFIXES = (".jsonl", ".json", ".csv", ".jsonl.gz", ".json.gz", ".csv.gz")


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


class LabelledSet(msgspec.Struct, frozen=True):
    """A set by name with its examples."""

    name: str
    examples: list[Example]


def read(path: Path) -> LabelledSet:
    """The set of a file, or of a folder (its name is the set's). Raises DataError."""
    if not path.exists():
        raise DataError(f"{path} does not exist: give a .jsonl or .csv file, plain or .gz, or a folder with one")
    file = _file_of(path) if path.is_dir() else path
    name = path.name if path.is_dir() else _name_of(file)
    try:
        examples = [example for _, example in _examples(file)]
    except (ValueError, csv.Error) as error:
        raise DataError(f"{file} cannot be taken apart: {error}") from error
    if not examples:
        raise DataError(f"{file} holds no labelled text")
    return LabelledSet(name, examples)


def _file_of(folder: Path) -> Path:
    files = sorted(file for file in folder.iterdir() if file.name.endswith(SUFFIXES))
    for split in SPLITS:
        for file in files:
            if file.name.partition(".")[0] == split:
                return file
    if len(files) != 1:
        raise DataError(f"{folder} has {len(files)} data files: name one test.jsonl, or give the file itself")
    return files[0]


def _name_of(file: Path) -> str:
    """The file's own name; of "dev.jsonl.gz" and the like that of its folder."""
    stem = file.name.partition(".")[0]
    return file.resolve().parent.name if stem in (*SPLITS, "train") else stem


def _examples(file: Path) -> Iterator[tuple[int, Example]]:
    try:
        raw = file.read_bytes()
        raw = gzip.decompress(raw) if file.name.endswith(".gz") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    for number, record in _csv(raw) if ".csv" in file.name else _lines(raw):
        try:
            values = msgspec.json.decode(record) if isinstance(record, bytes) else record
            yield number, msgspec.convert(values, Example)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataError(f'{file}, line {number}: {error}. A line is {{"text": ..., "label": ...}}') from error


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(raw.splitlines(), 1) if line.strip())


def _csv(raw: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    text = io.StringIO(raw.decode("utf-8-sig", "replace"), newline="")
    for number, cells in enumerate(csv.DictReader(text), 2):
        yield (
            number,
            {name: _cell(name, value) for name, value in cells.items() if name and value not in (None, "")},
        )


def _cell(name: str, value: str) -> Any:
    """In CSV a task's label is text, aspects are `name:-1;name:1` or `name:negative;...`."""
    if name == "aspects":
        pairs = [pair.rpartition(":") for pair in value.split(";") if pair]
        words = {"negative": -1, "neutral": 0, "positive": 1}
        return {key: words[polarity] if polarity in words else int(polarity) for key, _, polarity in pairs}
    return int(value) if name == "label" and value in ("0", "1") else value
