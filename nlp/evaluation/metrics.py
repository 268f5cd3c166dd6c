"""The measures, each from its definition. Labels and guesses are class numbers; `right` says
which guesses are, `sureness` is the probability that the model gave its guess."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Rights = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float32]
KEPT = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)  # shares of the texts that are answered, the surest first
BINS = 10


def class_scores(labels: Labels, guesses: Labels, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and count of every class that has a label."""
    found = {}
    for number, name in enumerate(names):
        true, said = labels == number, guesses == number
        if true.any():
            right = float((true & said).sum())
            precision, recall = right / max(1, int(said.sum())), right / int(true.sum())
            found[name] = {
                "precision": precision,
                "recall": recall,
                "f1": f1(right, said.sum(), true.sum()),
                "n": int(true.sum()),
            }
    return found


def f1(right: float, said: float, true: float) -> float:
    """2 * right / (said + true); 0 when nothing was right."""
    return float(2 * right / (said + true)) if right else 0.0


def calibration_error(right: Rights, sureness: Shares) -> float:
    """Expected calibration error over ten equal bins of the answers' probability (Naeini et al. 2015)."""
    bins = np.minimum((sureness * BINS).astype(int), BINS - 1)
    gaps = [abs(sureness[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(sum(gaps))


def abstention(right: Rights, sureness: Shares) -> list[dict[str, float]]:
    """Accuracy when only the surest texts are answered: `coverage` (their share), `accuracy`, and the least
    `probability` that was answered."""
    order = np.argsort(-sureness, kind="stable")
    curve = []
    for kept in KEPT:
        answered = order[: max(1, round(kept * len(order)))]
        least = float(sureness[answered[-1]])
        curve.append({"coverage": kept, "accuracy": float(right[answered].mean()), "probability": least})
    return curve


def auc(labels: Labels, scores: npt.NDArray[np.float32]) -> float | None:
    """Area under the ROC curve: how often a 1 scores above a 0, ties half (Mann-Whitney); None with one class."""
    positive, negative = int((labels == 1).sum()), int((labels == 0).sum())
    if not positive or not negative:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))
