"""Labelled sets to training rows: which sets, how many rows of each, which labels count.

    python -m nlp.training.data --sets FOLDER --out ROWS

FOLDER holds one folder a set with train.jsonl.gz and dev.jsonl.gz, one JSON object a line:
{"text", "label": "negative" | "neutral" | "positive" | null, "lang"}. ROWS gets train.jsonl.gz and
dev.jsonl.gz: the exact rows that training, the TF-IDF baseline and evaluation read.
"""

import argparse
import gzip
import math
import random
from collections.abc import Iterable
from pathlib import Path

import msgspec

from nlp.engine import LABELS
from nlp.normalise import for_model, strip_emoticons

NEUTRAL = LABELS.index("neutral")


class SetSpec(msgspec.Struct, frozen=True):
    """How one set is used. `share` multiplies its balanced row count, `weight` its loss.

    `verdicts`: reviews labelled by a verdict, so that a neutral answer is (weakly) wrong although the
    set has no neutral class. Without it, complaints told as plain facts drift to neutral.
    """

    name: str
    share: float = 1.0
    weight: float = 1.0
    verdicts: bool = False
    emoticons_leak: bool = False  # labels were made from [emoticons]: take them out of the text


# Weights below 1: labels made by hashtags, emoticons or mood words, not by readers of the text.
SETS = (
    SetSpec("smp2020_ewect_usual"),
    SetSpec("smp2020_ewect_virus"),
    SetSpec("nlpcc2013_weibo_sentence"),
    SetSpec("weibo_8emotion_merged", weight=0.5, emoticons_leak=True),
    SetSpec("clue_emotion2020", weight=0.6),
    SetSpec("weibo_senti_100k_noemo", weight=0.5, emoticons_leak=True),
    SetSpec("chnsenticorp", verdicts=True),
    SetSpec("chnsenticorp_htl_all", verdicts=True),
    SetSpec("waimai_10k", share=1.3, verdicts=True),
    SetSpec("online_shopping_10_cats", verdicts=True),
    SetSpec("cantonese_forum"),
    SetSpec("bdci2021_product_opinion"),
    SetSpec("tweeteval_sentiment"),
    SetSpec("tweeteval_emotion"),
    SetSpec("umsab_multilingual", share=1.3),
    SetSpec("airline_tweets"),
    SetSpec("sxsw_brand_tweets"),
    SetSpec("apple_dfe_tweets"),
    SetSpec("goemotions"),
    SetSpec("uci_sentence_reviews", verdicts=True),
    SetSpec("wisesight_th"),
    SetSpec("nusax_12lang", share=1.3),
    SetSpec("smsa_id"),
    SetSpec("covid19_weibo_7emotion", weight=0.6),
)


class Labelled(msgspec.Struct, frozen=True):
    """One line of a set; other keys are ignored."""

    text: str
    label: str | None
    lang: str


class Row(msgspec.Struct, frozen=True):
    """One labelled text. `label` indexes LABELS; a `two_class` row has a set without a neutral class."""

    text: str
    label: int
    source: str
    lang: str
    two_class: bool
    verdict: bool
    weight: float


_LABELLED = msgspec.json.Decoder(Labelled)
_ROW = msgspec.json.Decoder(Row)


def read_set(folder: Path, split: str, spec: SetSpec) -> list[Row]:
    """Every row of one split whose label has a polarity, in file order, duplicates dropped."""
    rows: dict[str, tuple[str, int, str]] = {}
    for record in read_labelled(folder / spec.name / f"{split}.jsonl.gz"):
        if record.label is None:
            continue
        text = strip_emoticons(record.text) if spec.emoticons_leak else record.text
        if key := for_model(text):
            rows.setdefault(key, (text, LABELS.index(record.label), record.lang))
    two_class = all(label != NEUTRAL for _, label, _ in rows.values())
    return [
        Row(text, label, spec.name, lang, two_class, spec.verdicts, spec.weight)
        for text, label, lang in rows.values()
    ]


def sample(rows: list[Row], spec: SetSpec, per_root: float, seed: int) -> list[Row]:
    """A random part of a set: `per_root` rows for each unit of the square root of its size."""
    wanted = min(len(rows), round(per_root * spec.share * math.sqrt(len(rows))))
    return random.Random(f"{seed}:{spec.name}").sample(rows, wanted)


def build(folder: Path, per_root: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Training and dev rows of all SETS; no training text equals a dev text of any set."""
    dev = [row for spec in SETS for row in read_set(folder, "dev", spec)]
    held_out = {for_model(row.text) for row in dev}
    train = []
    for spec in SETS:
        free = [row for row in read_set(folder, "train", spec) if for_model(row.text) not in held_out]
        train += sample(free, spec, per_root, seed)
    return train, dev


def read_labelled(path: Path) -> list[Labelled]:
    with gzip.open(path, "rb") as lines:
        return [_LABELLED.decode(line) for line in lines]


def read_rows(path: Path) -> list[Row]:
    """Rows written by `write_rows`."""
    with gzip.open(path, "rb") as lines:
        return [_ROW.decode(line) for line in lines]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    # mtime 0: the same rows make the same file
    with open(path, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as out:
        for row in rows:
            out.write(msgspec.json.encode(row) + b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder with one folder a set")
    parser.add_argument("--out", type=Path, required=True, help="folder to write train and dev rows to")
    parser.add_argument(
        "--per-root",
        type=float,
        default=25.0,
        help="rows taken per square root of a set's size (25: 1,250 of 2,500 rows, 5,000 of 40,000)",
    )
    parser.add_argument("--seed", type=int, default=13)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    train, dev = build(args.sets, args.per_root, args.seed)
    write_rows(args.out / "train.jsonl.gz", train)
    write_rows(args.out / "dev.jsonl.gz", dev)
    for spec in SETS:
        counts = [sum(row.source == spec.name for row in rows) for rows in (train, dev)]
        print(f"{spec.name:28s} train {counts[0]:6d}  dev {counts[1]:6d}")
    print(f"{'all':28s} train {len(train):6d}  dev {len(dev):6d}")


if __name__ == "__main__":
    main()
