"""The texts labelled by hand for every head: they parse, they are complete, and no test text was trained on."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from index.categories import SHIPPED
from index.text import normalise
from nlp.engine import LABELS

ROOT = Path(__file__).parents[2]
TRAINED = ROOT / "nlp/training/own"
TESTED = ROOT / "tests/fixtures/golden_labels.csv"
GOLDEN_SENTIMENT = Path(__file__).parent / "golden_sentiment.jsonl"

LANGUAGES = {"zh-Hans", "zh-Hant", "yue-Hant", "en", "mixed"}
INTENTS = {"complaint", "question", "praise", "purchase_intent", "suggestion", "advertisement"}
ASPECTS = set(SHIPPED)


def rows(path: Path) -> list[dict[str, str]]:
    """Of a file, or of every file of a folder."""
    if path.is_dir():
        return [row for file in sorted(path.glob("*.csv")) for row in rows(file)]
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def several(cell: str) -> list[str]:
    return cell.split(";") if cell else []


@pytest.mark.parametrize("path", [TRAINED, TESTED], ids=lambda path: path.stem)
def test_every_row_uses_known_names(path: Path) -> None:
    for row in rows(path):
        assert list(row) == ["text", "lang", "sentiment", "aspects", "intents", "sarcasm"]
        assert row["text"].strip() == row["text"] != ""
        assert row["lang"] in LANGUAGES, row
        assert row["sentiment"] in LABELS, row
        assert row["sarcasm"] in {"0", "1"}, row
        intents = several(row["intents"])
        assert len(intents) == len(set(intents) & INTENTS), row
        aspects = [aspect.split(":") for aspect in several(row["aspects"])]
        assert len(aspects) == len({name for name, _ in aspects} & ASPECTS), row
        assert {polarity for _, polarity in aspects} <= set(LABELS), row


def test_no_text_stands_twice() -> None:
    with GOLDEN_SENTIMENT.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts += [row["text"] for path in (TRAINED, TESTED) for row in rows(path)]
    times = Counter(map(normalise, texts))
    assert [text for text, count in times.items() if count > 1] == []


@pytest.mark.parametrize(("path", "fewest"), [(TRAINED, 25), (TESTED, 5)], ids=["own", "golden_labels"])
def test_every_label_has_examples(path: Path, fewest: int) -> None:
    labels: list[Callable[[dict[str, str]], list[str]]] = [
        lambda row: [row["lang"], row["sentiment"], f"sarcasm {row['sarcasm']}"],
        lambda row: several(row["intents"]),
        lambda row: [aspect.split(":")[0] for aspect in several(row["aspects"])],
    ]
    counts = Counter(name for row in rows(path) for kind in labels for name in kind(row))
    expected = {*LANGUAGES, *LABELS, *INTENTS, *ASPECTS, "sarcasm 0", "sarcasm 1"}
    assert {name for name in expected if counts[name] < fewest} == set()
