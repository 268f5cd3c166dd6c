"""The bar a model must clear: character n-gram TF-IDF + logistic regression, set by set.

    python -m nlp.training.baseline --rows ROWS --out baseline.json

Each set gets a classifier of its own, trained on exactly the rows of that set that the model trains
on, in the same normalised form, and scored on all its dev rows. Of three regularisation strengths
the one best on those dev rows counts: that favours the baseline.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from nlp.normalise import for_model
from nlp.training.data import Row, read_rows

STRENGTHS = (1.0, 4.0, 16.0)  # inverse regularisation of the logistic regression
NGRAMS = (1, 4)  # characters


def by_source(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.source, []).append(row)
    return groups


def macro_f1(labels: list[int], guesses: list[int]) -> float:
    """Macro-F1 over the classes that the labels of the set have."""
    return float(f1_score(labels, guesses, labels=sorted(set(labels)), average="macro", zero_division=0))


def score(train: list[Row], dev: list[Row]) -> dict[str, float]:
    """Rows, accuracy and macro-F1 of the best of STRENGTHS."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=NGRAMS, min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform([for_model(row.text) for row in train])
    asked = vectorizer.transform([for_model(row.text) for row in dev])
    labels = [row.label for row in dev]
    found = []
    for strength in STRENGTHS:
        classifier = LogisticRegression(C=strength, max_iter=200)
        guesses = classifier.fit(known, [row.label for row in train]).predict(asked).tolist()
        found.append((macro_f1(labels, guesses), float(np.mean(np.array(guesses) == labels)), strength))
    best = max(found)
    return {"train": len(train), "dev": len(dev), "macro_f1": best[0], "accuracy": best[1], "C": best[2]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    train, dev = (by_source(read_rows(args.rows / f"{split}.jsonl.gz")) for split in ("train", "dev"))
    scores = {}
    for name, rows in dev.items():
        scores[name] = score(train[name], rows)
        print(
            f"{name:28s} macro-F1 {scores[name]['macro_f1']:.4f}  accuracy {scores[name]['accuracy']:.4f}",
            flush=True,
        )
    args.out.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
