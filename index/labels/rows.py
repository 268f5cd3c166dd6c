"""What people said of mentions, as labelled rows: to score a model on, to train the next one with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, get_args
from zlib import crc32

from index.documents import INTENTS, Correction, Record
from index.stores.corrections import aspects_of, names_of
from index.stores.protocol import Store

Field = Literal["sentiment", "aspects", "intents"]
FIELDS: tuple[Field, ...] = get_args(Field)
SET, DRAWN = "corrections", "drawn"  # what sets of them are called in a report
BATCH = 500
_POLARITY = {"negative": -1, "positive": 1}


def labelled(store: Store) -> Iterator[tuple[Correction, Record]]:
    """Each correction with its mention as the store has it now; one whose mention is gone is left out."""
    corrections = store.corrections()
    while batch := list(islice(corrections, BATCH)):
        records = store.get([correction.mention_id for correction in batch])
        yield from ((c, record) for c, record in zip(batch, records, strict=True) if record is not None)


def training_rows(store: Store, fields: Sequence[Field] = FIELDS) -> Iterator[dict[str, Any]]:
    """Rows in the schemas of the training data, one set named "corrections".

    Sentiment: {text, label}, the label None where a person could not decide. Aspects: {text, aspects: {name:
    -1|0|1}}, the signs of several opinions on one name summed. Intents: {text, task, label: 0|1}, one row for
    each intent. All rows have orig_label, lang, domain (the platform), source, id, by, at and drawn.
    """
    for correction, record in labelled(store):
        if correction.field in fields:
            yield from _rows(correction, record)


def set_of(row: dict[str, Any]) -> str:
    """The set a row belongs to when each kind of label is a set of its own: corrections-sentiment ..."""
    return f"{SET}-{row.get('task') or ('aspects' if 'aspects' in row else 'sentiment')}"


def for_dev(row: dict[str, Any]) -> bool:
    """Whether a row is kept from training, to calibrate on: every tenth mention, always the same ones."""
    return crc32(row["id"].encode()) % 10 == 0


def _rows(correction: Correction, record: Record) -> Iterator[dict[str, Any]]:
    row = {"text": record.mention.full_text}
    origin = {
        "orig_label": correction.value,
        "lang": record.analysis.lang or "und",
        "domain": record.mention.platform,
        "source": SET,
        "id": correction.mention_id,
        "by": correction.by,
        "at": correction.at.isoformat(),
        "drawn": correction.drawn,
    }
    match correction.field:
        case "sentiment":
            yield {**row, "label": None if correction.value == "unsure" else correction.value, **origin}
        case "aspects":
            yield {**row, "stars": record.mention.rating, "aspects": _polarities(correction.value), **origin}
        case "intents":
            said = names_of(correction.value)
            yield from ({**row, "task": task, "label": int(task in said), **origin} for task in INTENTS)


def _polarities(value: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for aspect in aspects_of(value):
        sums[aspect.name] = sums.get(aspect.name, 0) + _POLARITY.get(aspect.sentiment, 0)
    return {name: max(-1, min(1, total)) for name, total in sums.items()}
