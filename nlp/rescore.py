"""Scoring stored mentions again after the model changed: in place, without alerts, stopped and continued at will.

What is left to do is read off the mentions themselves, each of which says what scored it. So nothing has to be
remembered between two runs, and a run that was killed at any line is gone on with by starting another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from index import log
from index.documents import Record
from index.query import MentionQuery
from index.stores.protocol import Store
from nlp.analyse import Analyser, Masked
from nlp.pictures import of_mention, with_pictures
from nlp.scores import Scores
from nlp.worker import ITEM_FAULTS

_log = log.get("rescore")


class Outcome(msgspec.Struct, kw_only=True):
    """Of `examined` mentions: `current` had the present model's labels already, `rescored` got them, `skipped`
    were edited, deleted or scored by others meanwhile, `failed` could not be scored and keep what they had."""

    examined: int = 0
    current: int = 0
    rescored: int = 0
    skipped: int = 0
    failed: int = 0
    stopped: bool = False


def rescore(
    store: Store,
    analyser: Analyser,
    query: MentionQuery,
    *,
    batch: int,
    scores: Scores | None = None,
    stop: threading.Event | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Score again what another model or another version scored, newest first, `batch` mentions a step.

    Labels corrected by people stay: the store lays them over whatever is saved. What somebody else scored since it
    was read, such as with the text of its pictures, is left to them. `on_progress` gets the number of mentions
    just examined; `scores` is told whose mentions changed. Raises StoreError; then start it again.
    """
    done = Outcome()
    records = store.scan(query)
    while not (stop and stop.is_set()) and (part := list(islice(records, batch))):
        outdated = [record for record in part if not _is_current(record, analyser)]
        done.examined += len(part)
        done.current += len(part) - len(outdated)
        _save(store, _untouched(store, outdated, list(_scored(analyser, outdated, done)), done), done, scores)
        if scores:
            scores.refresh(at_once=True)  # not at the end: what is saved is current to the run after a kill
        if on_progress:
            on_progress(len(part))
    done.stopped = bool(stop and stop.is_set())
    return done


def _is_current(record: Record, analyser: Analyser) -> bool:
    return (record.analysis.model, record.analysis.model_version) == (analyser.model.name, analyser.version)


def _untouched(store: Store, before: Sequence[Record], scored: Sequence[Record], done: Outcome) -> list[Record]:
    """The scored records whose analysis is still the one that was read, a page of mentions and minutes ago."""
    read = {record.mention.id: record.analysis.analysed_at for record in before}
    now = store.get([record.mention.id for record in scored]) if scored else []
    found = [
        record
        for record, kept in zip(scored, now, strict=True)
        if kept is None or kept.analysis.analysed_at == read[record.mention.id]
    ]
    done.skipped += len(scored) - len(found)
    return found


def _save(store: Store, records: Sequence[Record], done: Outcome, scores: Scores | None) -> None:
    saved = store.save(records) if records else []
    updated = sum(end == "updated" for end in saved)
    done.rescored += updated
    done.skipped += len(saved) - updated
    if scores:
        scores.remember(record for record, end in zip(records, saved, strict=True) if end == "updated")


def _scored(analyser: Analyser, records: Sequence[Record], done: Outcome) -> Iterator[Record]:
    """The records with a new analysis. Their texts are masked already, so what was masked then is told again."""
    if not records:
        return
    masked = [
        with_pictures(Masked(record.mention, record.analysis.masked, ()), record.analysis.pictures)
        for record in records
    ]
    try:
        for record, understood in zip(records, analyser.understand(masked), strict=True):
            analysis = of_mention(understood.analysis, record.mention, record.analysis.pictures)
            if analysis.cluster is None:  # found by comparing texts, whatever the model
                analysis = msgspec.structs.replace(analysis, cluster=record.analysis.cluster)
            yield Record(mention=record.mention, analysis=analysis)
    except ITEM_FAULTS as error:
        if len(records) > 1:
            for record in records:
                yield from _scored(analyser, [record], done)
            return
        done.failed += 1
        _log.warning("not scored", id=records[0].mention.id, error=f"{type(error).__name__}: {error}")
