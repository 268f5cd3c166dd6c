"""The bar a model must clear: character n-gram TF-IDF + logistic regression, set by set.

    python -m nlp.training.baseline --sets FOLDER --out baseline.json [--rows ROWS]

Each set of sentiment gets a classifier of its own, trained on all its rows in the same normalised form, and scored
on its dev rows. Of three regularisation strengths the one best on those dev rows counts: that favours the baseline.
With --rows, a folder written by nlp.training.data, it is trained on the rows that the model was trained on. With
--pool one classifier reads a sample of all sets: the bar on texts of a set that nobody trained on.
"""

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from nlp.normalise import for_model
from nlp.training.data import Row, SetSpec, read_rows, read_set, read_specs

STRENGTHS = (1.0, 4.0, 16.0)  # inverse regularisation of the logistic regression
NGRAMS = (1, 4)  # characters
POOLED = 2_000  # rows a set gives to the pool


def macro_f1(labels: list[int], guesses: list[int]) -> float:
    """Macro-F1 over the classes that the labels of the set have."""
    return float(f1_score(labels, guesses, labels=sorted(set(labels)), average="macro", zero_division=0))


def score(train: list[Row], dev: list[Row]) -> dict[str, float]:
    """Rows, accuracy and macro-F1 of the best of STRENGTHS."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=NGRAMS, min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform([for_model(row.text) for row in train])
    asked = vectorizer.transform([for_model(row.text) for row in dev])
    labels = [int(row.sentiment or 0) for row in dev]
    found = []
    for strength in STRENGTHS:
        classifier = LogisticRegression(C=strength, max_iter=200)
        guesses = classifier.fit(known, [int(row.sentiment or 0) for row in train]).predict(asked).tolist()
        found.append((macro_f1(labels, guesses), float(np.mean(np.array(guesses) == labels)), strength))
    best = max(found)
    return {"train": len(train), "dev": len(dev), "macro_f1": best[0], "accuracy": best[1], "C": best[2]}


def read_train(sets: Path, drawn: Path | None, specs: Mapping[str, SetSpec]) -> dict[str, list[Row]]:
    """The rows with a sentiment of each set that has some: all, or those drawn for a training, each once."""
    if drawn is None:
        found = {name: read_set(sets, "train", name, spec) for name, spec in specs.items()}
    else:
        found = {name: [] for name in specs}
        for row in {(row.source, row.text): row for row in read_rows(drawn / "train.jsonl.gz")}.values():
            found.get(row.source, []).append(row)
    told = {name: [row for row in rows if row.sentiment is not None] for name, rows in found.items()}
    return {name: rows for name, rows in told.items() if rows}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder with one folder a set")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--rows", type=Path, help="folder with the rows of a training; without it all are read")
    parser.add_argument("--pool", action="store_true", help="one classifier for all sets")
    args = parser.parse_args(argv)
    specs = {name: spec for name, spec in read_specs().items() if spec.task is None}
    train = read_train(args.sets, args.rows, specs)
    rng = random.Random(13)
    pool = [row for rows in train.values() for row in rng.sample(rows, min(POOLED, len(rows)))] if args.pool else []
    scores = {}
    for name, rows in train.items():
        if specs[name].agreed:  # a set of aspects: `earshot evaluate` does not score its sentiment
            continue
        dev = read_set(args.sets, "dev", name, specs[name])
        held_out = {for_model(row.text) for row in dev}
        scores[name] = score([row for row in pool or rows if for_model(row.text) not in held_out], dev)
        print(f"{name:28s} macro-F1 {scores[name]['macro_f1']:.4f}", flush=True)
    args.out.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
