"""Texts understood: by all heads of the model where it has them, by its sentiment and the word rules where not.

Opinions that the word rules find win over the aspect head's: they see few, but those are right more often. On the
281 texts of tests/fixtures/golden_labels.csv, aspect and polarity (micro-F1): rules .16, head .34, both .36.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from index.documents import INTENTS, Aspect, SentimentLabel
from nlp import aspects, intents, sentiment, spans
from nlp.engine import OnnxModel, Reading, SentimentModel
from nlp.heads import ABSENT, BINARY, CATEGORIES, SARCASM

UNSURE_POLARITY = 0.5  # of the polarities' own sum: below it nobody knows what is said of the aspect
_POLARITIES: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive")
MAX_CHARS = 100_000  # a place after every other
_ADVERT = INTENTS.index("advertisement")


class Understanding(NamedTuple):
    """What one text says. `spam` and `sarcasm` are 0..1; `sarcasm` is None where no head tells it."""

    mood: sentiment.Sentiment
    aspects: tuple[Aspect, ...]
    intents: tuple[str, ...]
    spam: float
    sarcasm: float | None = None


def read(model: SentimentModel, texts: Sequence[str]) -> list[Understanding]:
    """One Understanding a text, in order. Total: any string has an answer."""
    if isinstance(model, OnnxModel) and model.has_heads:
        return [_by_heads(model, text, one) for text, one in zip(texts, model.read(texts), strict=True)]
    return [_by_rules(text, mood) for text, mood in zip(texts, sentiment.classify(model, texts), strict=True)]


def _by_rules(text: str, mood: sentiment.Sentiment) -> Understanding:
    found = aspects.find(text, mood.probabilities)
    wants = intents.find(text, sentiment=mood.probabilities, aspects=found)
    return Understanding(mood, found, wants.labels, wants.spam)


def _by_heads(model: OnnxModel, text: str, one: Reading) -> Understanding:
    mood = sentiment.decide(one.sentiment.tolist(), model.unsure_below)
    shares = dict(zip(BINARY, (round(float(share), 4) for share in one.binary), strict=True))
    wants = tuple(name for name in INTENTS if shares[name] >= model.card.thresholds.get(name, 0.5))
    said = [aspect for aspect in aspects.find(text, mood.probabilities) if aspect.sentiment != "neutral"]
    found = _with(_aspects(model, text, one), said)
    return Understanding(mood, found, wants, shares[INTENTS[_ADVERT]], shares[SARCASM])


def _aspects(model: OnnxModel, text: str, one: Reading) -> list[Aspect]:
    present = 1 - one.aspects[:, ABSENT]
    numbers = [n for n in range(len(CATEGORIES)) if present[n] >= model.card.aspect_from]
    if not numbers:
        return []
    mapped = spans.place_map(text)
    return [_aspect(text, one, n, spans.span_of(text, one.shares[n], one.places, mapped)) for n in numbers]


def _with(found: list[Aspect], said: list[Aspect]) -> tuple[Aspect, ...]:
    """`found` where `said` is silent, in the order of the text."""
    names = {aspect.name for aspect in said}
    both = said + [aspect for aspect in found if aspect.name not in names]
    return tuple(sorted(both, key=lambda aspect: aspect.span or (MAX_CHARS, 0)))


def _aspect(text: str, one: Reading, number: int, span: tuple[int, int] | None) -> Aspect:
    polarity = one.aspects[number, 1:] / max(1e-9, float(one.aspects[number, 1:].sum()))
    label: SentimentLabel = _POLARITIES[int(polarity.argmax())] if polarity.max() >= UNSURE_POLARITY else "unsure"
    evidence = text[span[0] : span[1]] if span else None
    return Aspect(name=CATEGORIES[number], sentiment=label, span=span, evidence=evidence)
