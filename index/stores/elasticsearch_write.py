"""Writing mentions: look where each lies, decide, compare and set; what changed meanwhile is decided again.

Elasticsearch has no transactions over several documents, so everything that must hold together is one document:
the mention with its labels, what people corrected, and after its removal what stays of it. A write names the state
it was decided on (nothing there, or a sequence number), and Elasticsearch refuses it when that is no longer so.
This is stricter than external versions: not only never an older edit over a newer one, also never a re-scoring
over a correction that it has not seen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch

from index.documents import Correction, Record
from index.errors import NotFound, Rejected, StoreError
from index.stores.draft import Draft, Stored, decide, leaves_trace, without_repeats
from index.stores.elasticsearch_bulk import BLOCKED, CONFLICT, Action, Result, blocked, send
from index.stores.elasticsearch_documents import Place, corrections_of, moments, to_document, to_draft, tombstone
from index.stores.elasticsearch_layout import Layout, generation_number
from index.stores.elasticsearch_places import Places
from index.stores.elasticsearch_query import PRESENT
from index.stores.elasticsearch_scan import hits
from index.stores.elasticsearch_state import State
from index.stores.protocol import Saved
from index.stores.traces import Trace

AT_ONCE = 1000
ROUNDS = 60  # of deciding again: with the pauses about a minute, long enough for a migration to switch over
PAUSE = 1.0  # seconds, at most, before a decision that somebody contradicted is taken again

Plan = Callable[[str, Place | None], Action | None]  # what to do with this mention, from what is there


class Writer:
    def __init__(self, client: Elasticsearch, layout: Layout, places: Places, state: State) -> None:
        self._client = client
        self._layout = layout
        self._places = places
        self._state = state

    def save(self, records: Sequence[Record]) -> list[Saved]:
        drafts = [Draft(record) for record in records]
        known = self._state.known()
        erased = known.erased_of(draft.author for draft in drafts)
        ends: list[Saved] = []
        rejected: dict[str, str] = {}
        for run in without_repeats(drafts):
            removed = self._state.removed([draft.id for draft in run], known)
            saving = _Saving(self._layout, run, erased, removed)
            try:
                self._change([draft.id for draft in run], saving.plan)
            except Rejected as refused:  # the later versions of the others are saved all the same
                rejected |= refused.reasons
            ends += [saving.ends[draft.id] for draft in run]
        if rejected:
            raise Rejected(rejected)
        self._places.settle_if_due()
        return ends

    def digests(self, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        known = self._places.locate(ids)
        stored = {mention_id: place.stored for mention_id, place in known.items()}
        return {i: (s.version, s.digest.hex()) for i, s in stored.items() if s.rid is not None}

    def delete(self, ids: Sequence[str]) -> int:
        """Remove mentions; the same versions coming again stay away."""
        removed: set[str] = set()

        def plan(mention_id: str, place: Place | None) -> Action | None:
            if place is None or place.stored.rid is None:
                return None
            removed.add(mention_id)
            document = tombstone(mention_id, place.stored.version, place.moments)
            return Action(place.where, mention_id, document, (place.seq_no, place.term))

        self._places.freshen()
        self._change(list(dict.fromkeys(ids)), plan)
        return len(removed)

    def correct(self, correction: Correction) -> None:
        """Raises NotFound, and ValueError when the value cannot be read."""
        mention_id = correction.mention_id

        def plan(_: str, place: Place | None) -> Action | None:
            found = self._places.documents([(mention_id, place.where)], None) if place else []
            if not found or found[0]["_source"].get("removed"):
                raise NotFound(f"No mention {mention_id!r} is stored.")
            source = found[0]["_source"]
            earlier = corrections_of(source)
            if any(e.field == correction.field and e.at > correction.at for e in earlier):
                return None
            kept = (*(e for e in earlier if e.field != correction.field), correction)
            state = found[0]["_seq_no"], found[0]["_primary_term"]
            return Action(
                found[0]["_index"], mention_id, to_document(to_draft(source), kept, moments(source)), state
            )

        self._places.freshen()
        self._change([mention_id], plan)
        self._places.settle()  # a second place written meanwhile hands its corrections over to the one that stays

    def corrections(self) -> Iterator[Correction]:
        query = {"exists": {"field": "corrections.field"}}
        for hit in hits(self._client, self._layout.mentions, query, fields=["corrections"]):
            yield from corrections_of(hit["_source"])

    def traces(self) -> Iterator[Trace]:
        known = self._state.known()
        for hit in hits(self._client, self._layout.mentions, {"term": {"removed": True}}, fields=["version"]):
            yield Trace(hash=known.hash(hit["_id"]), version=hit["_source"].get("version", 0))
        yield from self._state.foreign()
        yield from (Trace(hash=name) for name in sorted(known.erased))

    def keep_traces(self, key: bytes, traces: Iterable[Trace]) -> None:
        """Remember them, then remove what they forbid. Raises Conflict, see State.take_over."""
        self._places.settle()
        own = hits(self._client, self._layout.mentions, {"term": {"removed": True}}, batch=1, fields=False)
        self._state.take_over(key, traces, has_own=next(own, None) is not None)
        for author in self._forbidden_authors():
            self.erase_author(author)
        known = self._state.known()
        here = hits(self._client, self._layout.mentions, PRESENT, fields=["version"])
        while batch := list(islice(here, AT_ONCE)):
            versions = {hit["_id"]: hit["_source"].get("version", 0) for hit in batch}
            removed = self._state.removed(list(versions), known)
            self.delete([i for i, version in removed.items() if version >= versions[i]])

    def _forbidden_authors(self) -> list[str]:
        found: list[str] = []
        paging: dict[str, Any] = {"size": AT_ONCE, "sources": [{"author": {"terms": {"field": "author.id"}}}]}
        while True:
            aggs = {"authors": {"composite": paging}}
            answer = self._client.search(
                allow_partial_search_results=False, index=self._layout.mentions, size=0, aggs=aggs
            )["aggregations"]["authors"]
            found += self._state.erased(bucket["key"]["author"] for bucket in answer["buckets"])
            if "after_key" not in answer:
                return found
            paging["after"] = answer["after_key"]

    def erase_author(self, author_id: str) -> int:
        """Every mention of an author leaves the indices; the keyed hash of the id stays, to know them again.

        Proved by searching: it ends when nothing of them is found any more. What was deleted is then merged out
        of the files of the indices it was in.
        """
        self._state.erase([author_id])
        removed: set[str] = set()
        touched: set[str] = set()
        everywhere = f"{self._layout.mentions}-*"  # also the generations before this one and beside it
        for index, field in ((everywhere, "author.id"), (self._layout.people, "author")):
            for found in self._until_gone(index, {"term": {field: author_id}}):
                touched.update(hit["_index"] for hit in found)
                removed.update(hit["_id"] for hit in found if index == everywhere)
        if touched:
            self._places.doubt()
            self._state.note_purge()
            self._client.indices.forcemerge(index=sorted(touched), only_expunge_deletes=True, flush=True)
            self._state.note_change()
        return len(removed)

    def _until_gone(self, index: str, query: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """Delete what the query finds until it finds nothing; what was found each time."""
        for attempt in range(ROUNDS):
            self._client.indices.refresh(index=index)
            found = list(hits(self._client, index, query, fields=False))
            if not found:
                return
            yield found
            with self._layout.opened({hit["_index"] for hit in found}):
                state = [(hit["_seq_no"], hit["_primary_term"]) for hit in found]
                gone = [Action(h["_index"], h["_id"], None, s) for h, s in zip(found, state, strict=True)]
                self._state.note_purge()
                results = send(self._client, gone)
            if not all(result.done for result in results):
                time.sleep(min(PAUSE, 0.01 * 2**attempt))
        raise StoreError("What is to be erased is written all the time, or its indices are closed. Try again.")

    def _change(self, ids: Sequence[str], plan: Plan) -> None:
        """Carry out the plan for each id; again for those of which the place changed meanwhile. Raises Rejected
        when documents are refused, after the others are written."""
        places = self._places.locate(ids)
        rejected: dict[str, str] = {}
        changed = False
        for attempt in range(ROUNDS):
            actions = [action for i in ids if (action := plan(i, places.get(i)))]
            if not actions:
                break
            results = send(self._client, actions, *self._state.change_lines())
            changed = changed or any(result.done for result in results)
            self._places.wrote(a for a, result in zip(actions, results, strict=True) if result.done)
            again = _contradicted(actions, results, rejected)
            if not again:
                break
            self._pause(attempt, again)
            places = self._look_again(again)
            ids = [action.id for action, _ in again]
        else:
            raise blocked(self._client, again[0][1])
        if changed:
            self._state.note_change()
        if rejected:
            raise Rejected(rejected)

    def _pause(self, attempt: int, again: Sequence[tuple[Action, Result]]) -> None:
        """Before another look. An index that takes no writes is closed by a migration, which soon names another,
        or by somebody who will not open it in a minute."""
        if any(result.kind == BLOCKED for _, result in again):
            if not self._migrating(again):
                raise blocked(self._client, next(result for _, result in again if result.kind == BLOCKED))
            self._places.forget()
        if attempt:
            time.sleep(random.uniform(0.2, 1) * min(PAUSE, 0.01 * 2**attempt))

    def _migrating(self, again: Sequence[tuple[Action, Result]]) -> bool:
        self._layout.forget()
        name = self._layout.generation.number
        elsewhere = any(generation_number(action.where) != name for action, _ in again)
        return elsewhere or self._state.migrating()

    def _look_again(self, again: Sequence[tuple[Action, Result]]) -> dict[str, Place]:
        """What is there now: where the write met something, else anywhere. What it met may be our own work, of
        which the answer was lost: searches do not see it yet."""
        met = [action for action, result in again if result.kind != BLOCKED]
        found = self._places.at({action.id: action.where for action in met})
        self._places.wrote(action for action in met if action.id in found)
        missing = [action.id for action, _ in again if action.id not in found]
        if missing:
            self._client.indices.refresh(index=self._layout.mentions)
            found.update(self._places.locate(missing))
        return found


class _Saving:
    """What becomes of each draft of a batch in which every id occurs once."""

    def __init__(
        self, layout: Layout, drafts: Sequence[Draft], erased: set[str], removed: Mapping[str, int]
    ) -> None:
        self._layout = layout
        self._removed = removed
        self._drafts = {draft.id: draft for draft in drafts}
        self._erased = erased
        self.ends: dict[str, Saved] = {}

    def plan(self, mention_id: str, place: Place | None) -> Action | None:
        draft = self._drafts[mention_id]
        stored = place.stored if place else self._trace(mention_id)
        if mention_id in self.ends and stored and _is(draft, stored):
            return None  # an answer was lost: what was met is what we wrote
        end = decide(draft, stored, erased=draft.author in self._erased)
        self.ends[mention_id] = end
        moments = place.moments if place else ()
        if end != "erased" and leaves_trace(draft, stored):
            return self._action(draft, place, tombstone(draft.id, draft.version, moments))
        if end in ("inserted", "updated"):
            corrections = place.corrections if place else ()
            return self._action(draft, place, to_document(draft, corrections, moments))
        return None

    def _trace(self, mention_id: str) -> Stored | None:
        version = self._removed.get(mention_id)
        return None if version is None else Stored(rid=None, version=version)

    def _action(self, draft: Draft, place: Place | None, document: bytes) -> Action:
        if place is None:
            return Action(self._layout.month(draft.mention.published_at), draft.id, document)
        return Action(place.where, draft.id, document, (place.seq_no, place.term))


def _is(draft: Draft, stored: Stored) -> bool:
    if stored.rid is None:
        return draft.mention.deleted and draft.version == stored.version
    same = draft.digest == stored.digest and draft.analysis_digest == stored.analysis_digest
    return same and draft.version == stored.version


def _contradicted(
    actions: Sequence[Action], results: Sequence[Result], rejected: dict[str, str]
) -> list[tuple[Action, Result]]:
    """Those to decide again; what is refused for its own sake goes into `rejected`."""
    again = []
    for action, result in zip(actions, results, strict=True):
        if result.done:
            continue
        if result.status == CONFLICT or result.kind == BLOCKED:
            again.append((action, result))
        else:
            rejected[action.id] = f"{result.kind}: {result.reason}"[:500]
    return again
