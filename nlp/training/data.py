"""Labelled sets to training rows: which sets, how many rows of each, which labels a row has.

    python -m nlp.training.data --sets FOLDER --out ROWS

FOLDER holds one folder a set with train.jsonl.gz and dev.jsonl.gz, one JSON object a line: {"text", "lang"} and
"label" (negative, neutral, positive or null; 0 or 1 of a task) or "aspects" ({name: -1 | 0 | 1}). sets.toml says
how each is used; texts of our own (own/*.csv), which have every label, are added. ROWS gets train.jsonl.gz and
dev.jsonl.gz: the exact rows that training and calibration read.
"""

import argparse
import csv
import gzip
import random
import tomllib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from index.documents import INTENTS
from nlp import intents
from nlp.engine import LABELS
from nlp.evaluation.sets import DataError
from nlp.heads import BINARY, POLARITIES, SARCASM, category_of
from nlp.normalise import for_model, strip_emoticons

NEUTRAL = LABELS.index("neutral")
TASKS = {"spam": "advertisement", "irony": SARCASM}  # what data sets call them
HERE = Path(__file__).parent
OWN = HERE / "own"
OURS = "own"  # what texts of our own have for a set
OWN_REPEAT = 3  # texts of our own are few and have every label
OWN_DEV = 5  # every fifth of them is kept from training: no other set has dev rows for some heads
RULES_SHARE, RULES_WEIGHT = 0.3, 0.25  # rows that also learn intents from the word rules, and how much


class SetSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one set is used: the fields are described in sets.toml."""

    rows: int = 1_000_000
    repeat: int = 1
    weight: float = 1.0
    smoothing: float = 0.0
    verdicts: bool = False
    emoticons_leak: bool = False
    every_label: bool = False
    agreed: bool = False
    without: list[str] = []
    task: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One labelled text. A label that is None or a name that is absent from `binary` is not known.

    `sentiment` indexes LABELS; a `two_class` row has a set without a neutral class; in one with `every_label` an
    aspect that no row has was ruled out. `aspects`: category -> index of POLARITIES. `binary`: names of BINARY -> 0
    or 1, which count `binary_weight`.
    """

    text: str
    source: str
    lang: str
    sentiment: int | None = None
    two_class: bool = False
    every_label: bool = False
    verdict: bool = False
    smoothing: float = 0.0
    weight: float = 1.0
    aspects: dict[str, int] | None = None
    binary: dict[str, int] = {}
    binary_weight: float = 1.0


class Labelled(msgspec.Struct, frozen=True):
    """One line of a set; other keys are ignored."""

    text: str
    lang: str = "und"
    label: str | int | None = None
    aspects: dict[str, int] | None = None
    task: str | None = None


T = TypeVar("T")
_LABELLED = msgspec.json.Decoder(Labelled)
_ROW = msgspec.json.Decoder(Row)


def read_specs(path: Path = HERE / "sets.toml") -> dict[str, SetSpec]:
    """Set name -> how it is used. A brand gives a file of its own to train on its own sets."""
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, SetSpec])


def read_labelled(path: Path) -> list[Labelled]:
    return [record for record, _ in _with_labels(path, lambda _: None)]


def _with_labels(path: Path, labels: Callable[[Labelled], T]) -> Iterator[tuple[Labelled, T]]:
    """Each line with what `labels` says of it. Raises DataError with the line that cannot be understood."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _understood(line, labels, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _understood(line: bytes, labels: Callable[[Labelled], T], place: str) -> tuple[Labelled, T]:
    try:
        record = _LABELLED.decode(line)
        return record, labels(record)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DataError(f"{place}: {error}") from error


def read_set(folder: Path, split: str, name: str, spec: SetSpec) -> list[Row]:
    """Every row of one split that has a label, in file order, duplicates dropped."""
    rows: dict[str, Row] = {}
    told = agreed if spec.agreed else labels_of
    for record, labels in _with_labels(folder / name / f"{split}.jsonl.gz", told):
        text = strip_emoticons(record.text) if spec.emoticons_leak else record.text
        if labels and (key := for_model(text)):
            rows.setdefault(key, Row(text=text, source=name, lang=record.lang, weight=spec.weight, **labels))
    moods = {row.sentiment for row in rows.values()} - {None}
    extra = {
        "two_class": bool(moods) and NEUTRAL not in moods and not spec.every_label,
        "every_label": spec.every_label,
        "verdict": spec.verdicts,
        "smoothing": spec.smoothing,
    }
    return [msgspec.structs.replace(row, **extra) for row in rows.values()]


def trusted(folder: Path, split: str, name: str, spec: SetSpec) -> list[Row]:
    """The rows of one split but those in a language whose labels there do not follow from the text."""
    return [row for row in read_set(folder, split, name, spec) if row.lang not in spec.without]


def labels_of(record: Labelled) -> dict[str, Any]:
    """The fields of a Row that a record of a set fills; empty when it has no label of ours. Raises ValueError."""
    if record.aspects is not None:
        return {"aspects": merged_aspects(record.aspects)}
    if record.task is not None:
        name = TASKS.get(record.task, record.task)
        return {"binary": {name: int(record.label or 0)}} if name in BINARY else {}
    mood = None if record.label is None else str(record.label).strip().lower()
    if mood is not None and mood not in LABELS:
        raise ValueError(f"the label {record.label!r} is none of {', '.join(LABELS)}")
    return {} if mood is None else {"sentiment": LABELS.index(mood)}


def agreed(record: Labelled) -> dict[str, Any]:
    """The fields of `labels_of`; a text whose aspects all have one polarity has that as its sentiment too."""
    polarities = set((record.aspects or {}).values())
    told = {"sentiment": 1 + polarities.pop()} if len(polarities) == 1 else {}
    return labels_of(record) | told


def merged_aspects(named: dict[str, int]) -> dict[str, int]:
    """A set's own names to our categories; several that are one of ours are summed to a sign."""
    sums: dict[str, int] = {}
    for name, polarity in named.items():
        if category := category_of(name):
            sums[category] = sums.get(category, 0) + polarity
    return {category: (total > 0) - (total < 0) + 1 for category, total in sums.items()}


def read_own(path: Path) -> list[Row]:
    """Texts of our own, of a file or of every .csv of a folder: text,lang,sentiment,aspects,intents,sarcasm, every
    label known."""
    return [row for file in own_files(path) for row in _read_own(file)]


def own_files(path: Path) -> list[Path]:
    return sorted(path.glob("*.csv")) if path.is_dir() else [path]


def _read_own(path: Path) -> list[Row]:
    with open(path, encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file)
        try:
            return [_own(cells) for cells in lines]
        except (KeyError, ValueError, AttributeError, TypeError, csv.Error) as error:
            reason = f"{error} is not understood; write it as in {OWN / 'hard.csv'}"
            raise DataError(f"{path}, line {lines.line_num}: {reason}") from error


def _own(cells: dict[str, str]) -> Row:
    pairs = [pair.rpartition(":") for pair in cells["aspects"].split(";") if pair]
    wanted = cells["intents"].split(";")
    return Row(
        text=cells["text"],
        source=OURS,
        every_label=True,
        lang=cells["lang"],
        sentiment=LABELS.index(cells["sentiment"]),
        aspects={name: POLARITIES.index(polarity) for name, _, polarity in pairs},
        binary={name: int(name in wanted) for name in INTENTS} | {SARCASM: int(cells["sarcasm"])},
    )


def with_rules(row: Row) -> Row:
    """The row with what the word rules, told its true sentiment, say it wants: few rows have better."""
    mood = {LABELS[row.sentiment]: 1.0} if row.sentiment is not None else None
    found = intents.find(row.text, sentiment=mood).labels
    binary = {name: int(name in found) for name in intents.LABELS}
    return msgspec.structs.replace(row, binary=binary, binary_weight=RULES_WEIGHT)


def build(folder: Path, own: Path, specs: dict[str, SetSpec], seed: int) -> tuple[list[Row], list[Row]]:
    """Training and dev rows of all sets; no training text equals a dev text of any set."""
    ours = read_own(own)
    dev = [row for name, spec in specs.items() for row in trusted(folder, "dev", name, spec)] + ours[::OWN_DEV]
    held_out = {for_model(row.text) for row in dev}
    train: list[Row] = []
    for name, spec in specs.items():
        rng = random.Random(f"{seed}:{name}")
        free = [row for row in trusted(folder, "train", name, spec) if for_model(row.text) not in held_out]
        chosen = rng.sample(free, min(spec.rows, len(free)))
        weak = [
            with_rules(r) if not r.binary and r.aspects is None and rng.random() < RULES_SHARE else r
            for r in chosen
        ]
        train += weak * spec.repeat
    return train + [row for place, row in enumerate(ours) if place % OWN_DEV] * OWN_REPEAT, dev


def read_rows(path: Path) -> list[Row]:
    """Rows written by `write_rows`."""
    with gzip.open(path, "rb") as lines:
        return [_ROW.decode(line) for line in lines]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    # mtime 0: the same rows make the same file
    with open(path, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as out:
        for row in rows:
            out.write(msgspec.json.encode(row) + b"\n")


def of_each_set(rows: Iterable[Row], limit: int, seed: int) -> list[Row]:
    """At most `limit` random rows of every set, so that no large set decides alone."""
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    rng = random.Random(seed)
    return [row for found in by_source.values() for row in rng.sample(found, min(limit, len(found)))]


def counts(train: list[Row], dev: list[Row]) -> Iterator[str]:
    for name in dict.fromkeys(row.source for row in train):
        here, there = (sum(row.source == name for row in rows) for rows in (train, dev))
        yield f"{name:28s} train {here:6d}  dev {there:6d}"
    yield f"{'all':28s} train {len(train):6d}  dev {len(dev):6d}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder with one folder a set")
    parser.add_argument("--out", type=Path, required=True, help="folder to write train and dev rows to")
    parser.add_argument("--specs", type=Path, default=HERE / "sets.toml", help="which sets, and how each is used")
    parser.add_argument("--own", type=Path, default=OWN, help="CSV, or folder of some: texts with every label")
    parser.add_argument("--seed", type=int, default=13)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    train, dev = build(args.sets, args.own, read_specs(args.specs), args.seed)
    write_rows(args.out / "train.jsonl.gz", train)
    write_rows(args.out / "dev.jsonl.gz", dev)
    print("\n".join(counts(train, dev)))


if __name__ == "__main__":
    main()
