"""A model on labelled sets: what `earshot evaluate` writes. Its keys are a contract: docs/commands.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nlp.engine import LABELS, OnnxModel, Reading, SentimentModel
from nlp.evaluation import metrics
from nlp.evaluation.sets import Example, LabelledSet
from nlp.heads import ABSENT, BINARY, CATEGORIES, category_of

NEUTRAL = LABELS.index("neutral")
TASKS = {"spam": "advertisement", "irony": "sarcasm"}  # what data sets call them
LEAST_MAPPED = 0.8  # of a set's aspects; one that names them by words of the text meets ours by accident
Report = dict[str, Any]


def evaluate(model: SentimentModel, labelled: LabelledSet) -> Report:
    """One set: `name`, `n` and the measures of its kind; or `skipped` with the reason."""
    about = [example for example in labelled.examples if example.aspects is not None]
    tasks = [example for example in labelled.examples if example.task and example.kind == example.task]
    moods = [example for example in labelled.examples if example.has_mood]
    found: Report = {"skipped": "no row has a label"}
    if about:
        found = _timed(lambda: _aspects(model, about, labelled.every_label))
    elif tasks:
        found = _timed(lambda: _task(model, tasks, str(tasks[0].task)))
    if moods:
        mood = _timed(lambda: _sentiment(model, moods, labelled.every_label))
        without = {"aspects": {"skipped": found["skipped"]}} if about and "skipped" in found else {}
        found = mood | without if "skipped" in found else found | {"sentiment": mood}
    return _entry(labelled.name, found)


def failed(name: str, error: str) -> Report:
    """The entry of a set that could not be read or scored."""
    return _entry(name, {"error": error})


def _entry(name: str, found: Report) -> Report:
    """What was found, with every key that an entry promises."""
    nothing: Report = {"name": name, "kind": None, "n": 0, "accuracy": None, "macro_f1": None, "per_class": {}}
    speeds = dict.fromkeys(("cpu_seconds", "texts_per_second", "texts_per_cpu_second"))
    return nothing | {"ece": None, "abstention": []} | speeds | found


def _timed(score: Callable[[], Report]) -> Report:
    started, cpu = time.perf_counter(), time.process_time()
    found = score()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    if "skipped" in found:
        return found
    count = found["n"]
    speeds = {"texts_per_second": count / max(wall, 1e-9), "texts_per_cpu_second": count / max(cpu, 1e-9)}
    return found | {"cpu_seconds": cpu} | speeds


def _sentiment(model: SentimentModel, examples: list[Example], every_label: bool) -> Report:
    labels = np.array([LABELS.index(str(example.label)) for example in examples])
    shares = model.predict([example.text for example in examples])
    absent = [number for number in range(len(LABELS)) if number not in labels]
    two_classes = NEUTRAL in absent or len(absent) == 1
    if two_classes and not every_label:  # the third probability is left out
        shares = shares.copy()
        shares[:, NEUTRAL if NEUTRAL in absent else absent[0]] = 0
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    guesses, sureness = shares.argmax(axis=1), shares.max(axis=1)
    found = _scores(labels, guesses, sureness, LABELS)
    return {"kind": "sentiment"} | found | _by_language(examples, labels, guesses, sureness)


def _scores(
    labels: metrics.Labels, guesses: metrics.Labels, sureness: metrics.Shares, names: Sequence[str]
) -> Report:
    per_class = metrics.class_scores(labels, guesses, names)
    right = labels == guesses
    return {
        "n": len(labels),
        "accuracy": float(right.mean()),
        "macro_f1": float(np.mean([one["f1"] for one in per_class.values()])),
        "macro_recall": float(np.mean([one["recall"] for one in per_class.values()])),
        "per_class": per_class,
        "ece": metrics.calibration_error(right, sureness),
        "abstention": metrics.abstention(right, sureness),
    }


def _by_language(
    examples: list[Example], labels: metrics.Labels, guesses: metrics.Labels, sureness: metrics.Shares
) -> Report:
    langs = np.array([example.lang for example in examples])
    if len(set(langs)) < 2:
        return {}
    found = {}
    for lang in sorted(set(langs)):
        rows = langs == lang
        one = _scores(labels[rows], guesses[rows], sureness[rows], LABELS)
        found[str(lang)] = {key: one[key] for key in ("n", "accuracy", "macro_f1")}
    return {"languages": found}


def _task(model: SentimentModel, examples: list[Example], task: str) -> Report:
    """A binary label: the head's own threshold decides, AUC needs none."""
    name = TASKS.get(task, task)
    if name not in BINARY or not isinstance(model, OnnxModel) or not model.has_heads:
        return {"kind": "binary", "task": task, "skipped": f"the model has no head for the task {task!r}"}
    labels = np.array([int(example.label or 0) for example in examples])
    scores = np.array([one.binary[BINARY.index(name)] for one in model.read([e.text for e in examples])])
    said = (scores >= model.card.thresholds.get(name, 0.5)).astype(np.int64)
    found = _scores(labels, said, np.where(said, scores, 1 - scores), ("0", "1"))
    f1 = metrics.f1(float((said & labels).sum()), float(said.sum()), float(labels.sum()))
    return {"kind": "binary", "task": task, "head": name} | found | {"f1": f1, "auc": metrics.auc(labels, scores)}


def _aspects(model: SentimentModel, examples: list[Example], every_label: bool) -> Report:
    """Aspects: a set's own names are read as our categories; only those its scheme has are asked for."""
    if not isinstance(model, OnnxModel) or not model.has_heads:
        return {"kind": "aspects", "skipped": "the model has no head for aspects"}
    mapped, named = _mapped(examples)
    if not every_label and mapped < max(1, LEAST_MAPPED * named):
        reason = f"only {mapped} of its {named} aspects, under 80 %, are categories of ours (nlp/categories.toml)"
        return {"kind": "aspects", "skipped": reason}
    gold = [_gold(example) for example in examples]
    known = list(range(len(CATEGORIES))) if every_label else sorted({number for row in gold for number in row})
    guesses = [_said(model, reading, known) for reading in model.read([example.text for example in examples])]
    both = [(row, guess) for row, guess in zip(gold, guesses, strict=True)]
    true, said = sum(len(row) for row, _ in both), sum(len(guess) for _, guess in both)
    mentions = sum(len(row.keys() & guess.keys()) for row, guess in both)
    pairs = sum(len(row.items() & guess.items()) for row, guess in both)
    return {
        "kind": "aspects",
        "n": len(examples),
        "mapped": mapped / named if named else 1.0,
        "accuracy": pairs / max(1, mentions),
        "mention_f1": metrics.f1(mentions, said, true),
        "micro_f1": metrics.f1(pairs, said, true),
        "macro_f1": float(np.mean([one["micro_f1"] for one in _per_category(both, known).values()])),
        "per_class": _per_category(both, known),
        "ece": None,
        "abstention": [],
    }


def _mapped(examples: list[Example]) -> tuple[int, int]:
    """How many of the aspects that the set names are categories of ours, and of how many."""
    names = [name for example in examples for name in example.aspects or ()]
    return sum(category_of(name) is not None for name in names), len(names)


def _gold(example: Example) -> dict[int, int]:
    """Category number -> polarity (-1, 0, 1); several names that are one category are summed to a sign."""
    sums: dict[int, int] = {}
    for name, polarity in (example.aspects or {}).items():
        if category := category_of(name):
            number = CATEGORIES.index(category)
            sums[number] = sums.get(number, 0) + polarity
    return {number: (total > 0) - (total < 0) for number, total in sums.items()}


def _said(model: OnnxModel, reading: Reading, known: list[int]) -> dict[int, int]:
    shares: npt.NDArray[np.float32] = reading.aspects
    present = 1 - shares[:, ABSENT]
    return {n: int(shares[n, 1:].argmax()) - 1 for n in known if present[n] >= model.card.aspect_from}


def _per_category(both: list[tuple[dict[int, int], dict[int, int]]], known: list[int]) -> Report:
    found = {}
    for number in known:
        true = sum(number in row for row, _ in both)
        said = sum(number in guess for _, guess in both)
        right = sum(number in row and row.get(number) == guess.get(number) for row, guess in both)
        found[CATEGORIES[number]] = {"n": true, "micro_f1": metrics.f1(right, said, true)}
    return found
