"""A linear probe from a handful of examples: does a vector belong to them? Closed form, no training loop.

Weighted ridge regression on +1 and -1 (a least-squares classifier; Rifkin, Yeo and Poggio, "Regularized
Least-Squares Classification", 2003). Its leave-one-out scores come from one fit (D. M. Allen, "The Relationship
Between Variable Selection and Data Augmentation and a Method for Prediction", 1974): each example is judged by a
probe that has not seen it, and the threshold is chosen on those scores.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

RIDGE = 0.02  # of the spread of the vectors: best on our own texts, and flat from 0.01 to 0.05


class Probe(NamedTuple):
    """A text with vector v belongs when v · weights + bias >= threshold. Precision and recall are those of the
    examples and the background judged by leave-one-out, 0..1; `missed` are the rows of the examples below."""

    weights: tuple[float, ...]
    bias: float
    threshold: float
    precision: float
    recall: float
    missed: tuple[int, ...]


def fit(examples: Vectors, others: Vectors) -> Probe:
    """From unit vectors [n, d] of what belongs (at least 2) and [m, d] of what does not."""
    vectors = np.concatenate([examples, others]).astype(np.float64)
    targets = np.repeat([1.0, -1.0], [len(examples), len(others)])
    share = np.repeat([0.5 / len(examples), 0.5 / len(others)], [len(examples), len(others)])  # both sides alike
    weights, bias, scores = _ridge(vectors, targets, share, RIDGE * _spread(vectors, share))
    threshold = best_threshold(scores[: len(examples)], scores[len(examples) :])
    hits, false = scores[: len(examples)] >= threshold, int((scores[len(examples) :] >= threshold).sum())
    return Probe(
        weights=tuple(weights.tolist()),
        bias=bias,
        threshold=threshold,
        precision=int(hits.sum()) / max(1, int(hits.sum()) + false),
        recall=float(hits.mean()),
        missed=tuple(int(row) for row in np.flatnonzero(~hits)),
    )


def _spread(vectors: Scores, share: Scores) -> float:
    """Mean squared distance from the mean: the vectors of some models lie close together. `share` sums to 1."""
    return float(share @ ((vectors - share @ vectors) ** 2).sum(axis=1))


def _ridge(vectors: Scores, targets: Scores, share: Scores, penalty: float) -> tuple[Scores, float, Scores]:
    """Weights, bias and the leave-one-out score of each row, which is exact at this penalty."""
    design = np.column_stack([vectors, np.ones(len(vectors))])
    penalties = np.full(design.shape[1], penalty)
    penalties[-1] = 1e-9  # the bias is free
    inverse = np.linalg.inv(design.T @ (design * share[:, None]) + np.diag(penalties))
    solution = inverse @ (design.T @ (share * targets))
    leverage = ((design @ inverse) * design).sum(axis=1) * share
    left_out = targets - (targets - design @ solution) / (1 - leverage)
    return solution[:-1], float(solution[-1]), left_out


def best_threshold(examples: Scores, others: Scores) -> float:
    """The threshold of the largest F1, half way to the score below it; of equal ones the highest."""
    scores = np.unique(np.concatenate([examples, others]))
    best = max(np.unique(examples), key=lambda cut: (_f1(examples, others, cut), cut))
    below = scores[scores < best]
    return float((best + below[-1]) / 2) if len(below) else float(best)


def _f1(examples: Scores, others: Scores, cut: float) -> float:
    found, false = int((examples >= cut).sum()), int((others >= cut).sum())
    return 2 * found / (found + false + len(examples))
