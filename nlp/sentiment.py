"""Probabilities to what the desk shows: a label, or "unsure"."""

from collections.abc import Sequence

import msgspec
import numpy as np

from index.documents import SentimentLabel
from nlp.engine import SentimentModel

_LABELS: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive")


class Sentiment(msgspec.Struct, frozen=True):
    """The label of one text and its probabilities: negative, neutral, positive, summing to 1."""

    label: SentimentLabel
    probabilities: dict[str, float]


def classify(model: SentimentModel, texts: Sequence[str]) -> list[Sentiment]:
    """One Sentiment a text; "unsure" where no class reaches the model's own threshold."""
    return [decide(row.tolist(), model.unsure_below) for row in model.predict(texts)]


def decide(row: Sequence[float], unsure_below: float) -> Sentiment:
    """The most probable label of (negative, neutral, positive), or "unsure" below the threshold."""
    best = int(np.argmax(row))
    label: SentimentLabel = "unsure" if row[best] < unsure_below else _LABELS[best]
    return Sentiment(label, dict(zip(_LABELS, row, strict=True)))
