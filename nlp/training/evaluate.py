"""Score a model on the dev rows, set by set and language by language, beside the TF-IDF baseline.

    python -m nlp.training.evaluate --rows ROWS --baseline baseline.json --out scores.json

Scores the shipped model unless --model names a folder or hub id. Sets without a neutral class are
scored with the neutral column left out. Exits with 1 when the model is behind the baseline in any set.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nlp.engine import LABELS, SentimentModel, load_model
from nlp.training.baseline import macro_f1
from nlp.training.data import NEUTRAL, Row, read_rows

Scores = dict[str, dict[str, float]]


def predictions(model: SentimentModel, rows: list[Row]) -> npt.NDArray[np.float32]:
    """Probabilities [rows, 3]; of two-class rows the neutral column is left out."""
    shares = model.predict([row.text for row in rows])
    shares[[row.two_class for row in rows], NEUTRAL] = 0
    rest: npt.NDArray[np.float32] = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    return rest


def grouped(rows: list[Row], shares: npt.NDArray[np.float32], key: Callable[[Row], str]) -> Scores:
    """Rows, accuracy and macro-F1 of each group of rows."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(key(row), []).append(place)
    return {name: _scores([rows[i] for i in group], shares[group]) for name, group in places.items()}


def _scores(rows: list[Row], shares: npt.NDArray[np.float32]) -> dict[str, float]:
    labels, guesses = [row.label for row in rows], shares.argmax(axis=1).tolist()
    right = float(np.mean(np.array(labels) == guesses))
    return {"dev": len(rows), "macro_f1": macro_f1(labels, guesses), "accuracy": right}


def certainty(rows: list[Row], shares: npt.NDArray[np.float32], unsure_below: float) -> dict[str, float]:
    """How often the model says "unsure", and how often it is right when it does and does not.

    Three-class rows only. `calibration_error` is the expected calibration error over ten bins.
    """
    three = [place for place, row in enumerate(rows) if not row.two_class]
    chosen = shares[three]
    right = chosen.argmax(axis=1) == np.array([rows[place].label for place in three])
    peak = chosen.max(axis=1)
    unsure = peak < unsure_below
    bins = np.minimum((peak * 10).astype(int), 9)
    gaps = [abs(peak[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist())]
    return {
        "unsure": float(unsure.mean()),
        "accuracy_when_sure": float(right[~unsure].mean()),
        "accuracy_when_unsure": float(right[unsure].mean()) if unsure.any() else 0.0,
        "calibration_error": float(sum(gaps)),
    }


def print_table(scores: Scores, baseline: Scores) -> None:
    print(f"{'set':26s} {'train':>6s} {'dev':>5s} | {'TF-IDF':>7s} {'model':>7s} {'ahead':>6s}   macro-F1, %")
    for name, ours in scores.items():
        theirs = baseline[name]
        ahead = 100 * (ours["macro_f1"] - theirs["macro_f1"])
        print(
            f"{name:26s} {theirs['train']:6d} {ours['dev']:5d} | {100 * theirs['macro_f1']:7.1f}"
            f" {100 * ours['macro_f1']:7.1f} {ahead:+6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--baseline", type=Path, required=True, help="file written by nlp.training.baseline")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--model", help="model folder or hub id; without it the shipped model")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    model = load_model(args.model, args.threads)
    rows = read_rows(args.rows / "dev.jsonl.gz")
    baseline: Scores = json.loads(args.baseline.read_text(encoding="utf-8"))
    shares = predictions(model, rows)
    sets = grouped(rows, shares, lambda row: row.source)
    print_table(sets, baseline)
    result = {
        "model": f"{model.name} {model.version}",
        "labels": LABELS,
        "sets": {name: ours | {"tfidf_macro_f1": baseline[name]["macro_f1"]} for name, ours in sets.items()},
        "languages": grouped(rows, shares, lambda row: row.lang),
        "certainty": certainty(rows, shares, model.unsure_below),
    }
    print(json.dumps(result["certainty"], indent=1))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    behind = [name for name, ours in sets.items() if ours["macro_f1"] < baseline[name]["macro_f1"]]
    if behind:
        sys.exit(f"behind the baseline: {', '.join(behind)}")


if __name__ == "__main__":
    main()
