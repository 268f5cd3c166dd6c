"""A brand's own categories ([[categories]] in earshot.toml): found by likeness to examples, without training.

Each sentence of a mention is compared with the examples on the encoder's vectors. What the examples are told apart
from is a background: the examples of the brand's other categories, and texts about everything else. Such a
category is young: a handful of examples knows less than a trained head, so how well it does is measured on the
examples themselves, kept beside the probes in `home`/own_categories.json, and shown.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

from index.documents import Aspect
from index.errors import ModelError, SettingsError
from index.settings import Category, Settings
from index.tables import read_table
from nlp import probe
from nlp.engine import SentimentModel
from nlp.sentiment import classify

FILE = "own_categories.json"
FEWEST = 5  # examples: below, leaving one out leaves nothing to learn from
MATURE = 100  # examples from which a category counts as grown
BACKGROUND = Path(__file__).parent / "training" / "own" / "hard.csv"
EVERY = 14  # of the background is enough: about 400 texts, two seconds of the model, once
MOST_SENTENCES = 24  # of a mention that are compared
MAX_CHARS = 4_000  # characters read: a longer article is about more than the brand
_END = re.compile(r"(?<=[。！？!?；;…\n])\s*|(?<=[.])\s+")
VERSION = 2  # of this file's way to find: part of every analysis's version


@runtime_checkable
class Encoder(SentimentModel, Protocol):
    """A model that can also say what texts are about."""

    def vectors(self, texts: Sequence[str]) -> probe.Vectors:
        """Unit vectors [len(texts), d]. Raises ModelError when the model has none."""


class Fitted(msgspec.Struct, frozen=True):
    """One category as it was fitted. `missed`: examples that the others do not lead to."""

    name: str
    examples: int
    probe: probe.Probe
    missed: tuple[str, ...] = ()

    @property
    def young(self) -> bool:
        return self.examples < MATURE


class Fit(msgspec.Struct, frozen=True):
    """All categories of a home folder. `key` changes with the examples and with the model."""

    key: str
    categories: tuple[Fitted, ...]


class OwnCategories:
    """Finds the brand's own categories. Raises SettingsError for examples that will not do, ModelError when the
    model gives no vectors."""

    def __init__(self, settings: Settings, model: SentimentModel) -> None:
        self._model = _encoder(model)
        self._fit = fitted_for(settings, model)
        self.version = self._fit.key[:6]
        probes = [fitted.probe for fitted in self._fit.categories]
        self._weights = np.array([p.weights for p in probes], np.float32).T  # [d, categories]
        self._offsets = np.array([p.bias - p.threshold for p in probes], np.float32)

    def find(self, texts: Sequence[str]) -> list[tuple[Aspect, ...]]:
        """For each text its own categories: each at most once, in its most telling sentence, with the sentiment of
        that sentence. Total: any string has an answer."""
        spans = [sentences(text) for text in texts]
        places = [(row, span) for row, found in enumerate(spans) for span in found]
        pieces = [texts[row][start:end] for row, (start, end) in places]
        result: list[tuple[Aspect, ...]] = [()] * len(texts)
        if not pieces:
            return result
        margins = self._model.vectors(pieces) @ self._weights + self._offsets
        best: dict[tuple[int, int], int] = {}  # (text, category) -> piece
        for piece, category in np.argwhere(margins >= 0).tolist():
            key = places[piece][0], category
            if key not in best or margins[piece, category] > margins[best[key], category]:
                best[key] = piece
        moods = classify(self._model, [pieces[piece] for piece in best.values()]) if best else []
        for ((row, category), piece), mood in zip(best.items(), moods, strict=True):
            aspect = Aspect(
                name=self._fit.categories[category].name,
                sentiment=mood.label,
                span=places[piece][1],
                evidence=pieces[piece],
            )
            result[row] = (*result[row], aspect)
        return result


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of the first sentences of a text, without the blanks around them."""
    found, start = [], 0
    limit = min(len(text), MAX_CHARS)
    for end in [*(match.end() for match in _END.finditer(text, 0, limit)), limit]:
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = start + len(piece.rstrip())
        if any(char.isalnum() for char in piece):
            found.append((first, last))
        start = end
    return found[:MOST_SENTENCES]


def fitted_for(settings: Settings, model: SentimentModel) -> Fit:
    """The fit kept in the home folder when it is of this model and these examples, else a new one, kept there.
    Raises as OwnCategories does."""
    encoder = _encoder(model)
    examples = {category.name: read_examples(category, settings.home) for category in settings.categories}
    facts = msgspec.json.encode([VERSION, model.name, model.version, examples], order="deterministic")
    key = hashlib.blake2b(facts, digest_size=8).hexdigest()
    kept = report(settings)
    if kept is not None and kept.key == key:
        return kept
    fitted = Fit(key, tuple(_fitted(examples, encoder)))
    _keep(settings.home / FILE, fitted)
    return fitted


def report(settings: Settings) -> Fit | None:
    """The fit in the home folder, whatever it is of; None before the first."""
    try:
        return msgspec.json.decode((settings.home / FILE).read_bytes(), type=Fit)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_examples(category: Category, home: Path) -> list[str]:
    """The examples in earshot.toml and in its file, each once. Raises SettingsError and ImportFileError."""
    found = [*category.examples, *(_rows(home / category.file) if category.file else ())]
    unique = list(dict.fromkeys(text.strip() for text in found if text.strip()))
    if len(unique) < FEWEST:
        raise SettingsError(
            f"Category {category.name!r} has {len(unique)} examples; give at least {FEWEST}, better twenty."
        )
    return unique


def _rows(file: Path) -> Iterator[str]:
    """The column "text", or the first one of a table without such a header."""
    rows = [row.cells for row in read_table(file).rows if row.error is None and row.cells]
    header = [str(cell).strip().lower() for cell in rows[0]] if rows else []
    column = header.index("text") if "text" in header else 0
    for cells in rows["text" in header :]:
        if column < len(cells) and cells[column] is not None:
            yield str(cells[column])


def _fitted(examples: dict[str, list[str]], model: Encoder) -> Iterator[Fitted]:
    vectors = {name: model.vectors(texts) for name, texts in examples.items()}
    background = model.vectors(background_texts())
    for name, own in vectors.items():
        others = np.concatenate([background, *(v for other, v in vectors.items() if other != name)])
        found = probe.fit(own, others)
        yield Fitted(name, len(own), found, tuple(examples[name][row] for row in found.missed))


def background_texts() -> list[str]:
    """Texts about everything, of our own."""
    with BACKGROUND.open(encoding="utf-8", newline="") as file:
        return [row["text"] for number, row in enumerate(csv.DictReader(file)) if number % EVERY == 0]


def _keep(path: Path, fit: Fit) -> None:
    """Whole or not at all: several workers may start at once."""
    scratch = path.with_suffix(f".{os.getpid()}")
    try:
        scratch.write_bytes(msgspec.json.encode(fit))
        scratch.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}. Check the folder's rights.") from error


def _encoder(model: SentimentModel) -> Encoder:
    if not isinstance(model, Encoder):
        raise ModelError(
            f"Model {model.name} gives no vectors of texts, which [[categories]] need: use the shipped model, or"
            " take the categories out of earshot.toml."
        )
    return model
