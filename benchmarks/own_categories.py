"""How well a category learned from a handful of examples does on texts it has not seen.

Each shipped category in turn plays a brand's own one: some of our training texts that speak of it are the
examples, texts that do not are the background, and the labelled test texts are judged sentence by sentence.
Printed for each: what leave-one-out promised and what the test texts gave. The last column is the same with the
mean of the examples (nearest centroid) in place of the probe.

    PYTHONPATH=. python benchmarks/own_categories.py --examples 12
    PYTHONPATH=. python benchmarks/own_categories.py --examples 30 --model accurate
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from random import Random
from statistics import fmean
from typing import NamedTuple

import numpy as np

from index.categories import OVERALL, SHIPPED
from nlp import probe
from nlp.engine import load_model
from nlp.own_categories import BACKGROUND, EVERY, sentences

ROOT = Path(__file__).parents[1]
TEST = ROOT / "tests/fixtures/golden_labels.csv"
FEWEST_TESTED = 8  # test texts of a category: fewer give no number


class Texts(NamedTuple):
    """`vectors` of all sentences, `rows` the text of each sentence, `about` the categories of each text."""

    vectors: probe.Vectors
    rows: np.ndarray
    about: list[set[str]]


class Result(NamedTuple):
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def read(path: Path) -> tuple[list[str], list[set[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [
        {part.partition(":")[0] for part in row["aspects"].split(";") if part} for row in rows
    ]


def by_sentence(model, texts: list[str], about: list[set[str]]) -> Texts:
    pieces = [(row, text[a:b]) for row, text in enumerate(texts) for a, b in sentences(text)]
    return Texts(model.vectors([piece for _, piece in pieces]), np.array([row for row, _ in pieces]), about)


def judged(scores: np.ndarray, threshold: float, test: Texts, name: str) -> Result:
    """Precision and recall when a text has the category as soon as one of its sentences has."""
    found = set(test.rows[scores >= threshold].tolist())
    true = {row for row, about in enumerate(test.about) if name in about}
    hits = len(found & true)
    return Result(hits / max(1, len(found)), hits / len(true))


def centroid(own: probe.Vectors, others: probe.Vectors, test: Texts, name: str) -> Result:
    """Likeness to the mean of the examples above that to the mean of the others; threshold by leave-one-out."""
    middle = others.mean(axis=0)
    left_out = np.array(
        [row @ (np.delete(own, place, axis=0).mean(axis=0) - middle) for place, row in enumerate(own)]
    )
    direction = own.mean(axis=0) - middle
    threshold = probe.best_threshold(left_out, others @ direction)
    return judged(test.vectors @ direction, threshold, test, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=12)
    parser.add_argument("--model", default=None)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = load_model(options.model)
    texts, about = read(BACKGROUND)
    vectors = model.vectors(texts)
    test = by_sentence(model, *read(TEST))
    results = []
    print(f"{'category':14} {'promised P':>10} {'R':>5} {'test P':>8} {'R':>5} {'F1':>5} {'centroid F1':>12}")
    for name in SHIPPED:
        of_it = [row for row, said in enumerate(about) if name in said]
        if name == OVERALL or len(of_it) < options.examples:
            continue
        if sum(name in said for said in test.about) < FEWEST_TESTED:
            continue
        own = vectors[Random(options.seed).sample(of_it, options.examples)]
        others = vectors[[row for row in range(0, len(texts), EVERY) if name not in about[row]]]
        fitted = probe.fit(own, others)
        scores = test.vectors @ np.array(fitted.weights, np.float32) + fitted.bias
        got, simple = judged(scores, fitted.threshold, test, name), centroid(own, others, test, name)
        results.append((got.f1, simple.f1))
        print(
            f"{name:14} {fitted.precision:10.2f} {fitted.recall:5.2f} {got.precision:8.2f} {got.recall:5.2f}"
            f" {got.f1:5.2f} {simple.f1:12.2f}"
        )
    print(f"{'mean F1':48} {fmean(a for a, _ in results):5.2f} {fmean(b for _, b in results):12.2f}")


if __name__ == "__main__":
    main()
