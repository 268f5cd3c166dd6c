"""What people said of a mention, laid over what the model said. The model's own words stay stored beside it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from index.documents import SENTIMENTS, Aspect, Correction, Record, SentimentLabel


def corrected(record: Record, corrections: Iterable[Correction]) -> Record:
    """The record with each corrected field as the person wants it."""
    for correction in corrections:
        value = correction.value
        if correction.field == "sentiment":
            record = msgspec.structs.replace(record, corrected_sentiment=_sentiment(value))
            continue
        if correction.field == "intents":
            analysis = msgspec.structs.replace(record.analysis, intents=names_of(value))
        else:
            analysis = msgspec.structs.replace(record.analysis, aspects=aspects_of(value))
        record = msgspec.structs.replace(record, analysis=analysis)
    return record


def names_of(value: str) -> tuple[str, ...]:
    """The parts of a correction's value: "complaint,question" -> ("complaint", "question")."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def aspects_of(value: str) -> tuple[Aspect, ...]:
    """The aspects of a correction's value, "taste:negative,price:positive". Raises ValueError."""
    return tuple(map(_aspect, names_of(value)))


def _sentiment(value: str) -> SentimentLabel:
    for label in SENTIMENTS:
        if label == value.strip():
            return label
    raise ValueError(f"{value!r} is no sentiment: write one of {', '.join(SENTIMENTS)}")


def _aspect(text: str) -> Aspect:
    name, colon, sentiment = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} is no aspect with its sentiment: write for example taste:negative")
    return Aspect(name=name.strip(), sentiment=_sentiment(sentiment))
