"""What a text wants: complaint, question, praise, purchase_intent, advertisement; and how much it is spam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from index.documents import Aspect

LABELS = ("complaint", "question", "praise", "purchase_intent", "advertisement")


class Intents(NamedTuple):
    """`labels` in the order of LABELS; `spam` 0..1."""

    labels: tuple[str, ...]
    spam: float


def find(
    text: str, *, sentiment: Mapping[str, float] | None = None, aspects: Sequence[Aspect] = ()
) -> Intents:
    """The intents of `text`. `sentiment` and `aspects` of the same text sharpen complaint and praise."""
    negative = (sentiment or {}).get("negative", 0.0)
    labels = []
    if negative > 0.6 and any(a.sentiment == "negative" for a in aspects):
        labels.append("complaint")
    if "?" in text or "？" in text:
        labels.append("question")
    if (sentiment or {}).get("positive", 0.0) > 0.6:
        labels.append("praise")
    return Intents(tuple(labels), 0.0)
