"""Where mentions lie, and that each lies in one place.

A new mention goes into the month of its day without asking anybody. Two writers that meet the same new mention at
the same moment, with days in different months, can both write it: so what was written new is looked at once more
when the writes have become visible, and what is found twice is made one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from index.errors import StoreError
from index.stores.elasticsearch_bulk import Action, send
from index.stores.elasticsearch_documents import PLACED, Place, merged, moments, place, to_document, to_draft
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_state import State

AT_ONCE = 5000  # ids in one look: each may be found twice, and ten thousand hits are the most
SETTLE_AFTER = 50_000  # new mentions; or
SETTLE_SECONDS = 60.0  # since the last look. Each makes the cluster refresh, which costs as much as many writes
STALE_SECONDS = 1.0  # a read sees what other processes wrote until this long ago; what this one wrote, always
ROUNDS = 20


class Places:
    """Knows what this process wrote and cannot be searched yet. Used by any number of threads."""

    def __init__(self, client: Elasticsearch, layout: Layout, state: State) -> None:
        self._state = state
        self._client = client
        self._layout = layout
        self._lock = threading.Lock()
        self._recent: dict[str, str] = {}  # id -> index, written here and perhaps not visible yet
        self._unsettled: set[str] = set()  # ids written new, to be looked at once more
        self._refreshed = 0.0
        self._looks = 0
        self._settled = time.monotonic()

    def wrote(self, actions: Iterable[Action]) -> None:
        with self._lock:
            for action in actions:
                self._recent[action.id] = action.where
                if action.expected is None:
                    self._unsettled.add(action.id)

    def forget(self) -> None:
        """The indices that were written to are no longer those of the store."""
        self._client.indices.refresh(index=self._layout.mentions)
        with self._lock:
            self._recent.clear()

    def settle_if_due(self) -> None:
        waited = self._unsettled and time.monotonic() - self._settled > SETTLE_SECONDS
        if waited or len(self._unsettled) > SETTLE_AFTER:
            self.settle()

    def finish(self) -> None:
        """The last look at what this process wrote, when the cluster can be had; who writes them next looks too."""
        if self._unsettled:
            with suppress(StoreError, ApiError):
                self.settle()

    def freshen(self) -> int:
        """Before a search: what this process wrote becomes visible, and what others wrote a second ago. The same
        number again: nothing had to be done for it since."""
        if self._recent or time.monotonic() > self._refreshed + STALE_SECONDS:
            self.settle()
        return self._looks

    def doubt(self) -> None:
        """The next read must not find what was taken away just now."""
        self._refreshed = 0.0

    def settle(self) -> None:
        """Make all writes visible and look for mentions that two writers wrote into different months."""
        with self._lock:
            seen, new = dict(self._recent), list(self._unsettled)
            self._looks += 1
        started = time.monotonic()
        self._client.indices.refresh(index=self._layout.mentions)
        self._refreshed = self._settled = started
        healed = [self._make_single(new[start : start + AT_ONCE]) for start in range(0, len(new), AT_ONCE)]
        if any(healed):
            self._client.indices.refresh(index=self._layout.mentions)
        with self._lock:
            self._unsettled.difference_update(new)
            for mention_id, index in seen.items():
                if self._recent.get(mention_id) == index:
                    del self._recent[mention_id]

    def locate(self, ids: Sequence[str]) -> dict[str, Place]:
        """The places of those that are known, also of removed ones."""
        with self._lock:
            recent = {i: self._recent[i] for i in ids if i in self._recent}
        found = self.at(recent)
        others = [i for i in ids if i not in found]
        for start in range(0, len(others), AT_ONCE):
            found.update(self._search(others[start : start + AT_ONCE]))
        return found

    def at(self, wheres: dict[str, str]) -> dict[str, Place]:
        """The present state of each id in its index, of those that are there."""
        return {hit["_id"]: place(hit) for hit in self.documents(wheres.items(), PLACED)}

    def documents(self, wheres: Iterable[tuple[str, str]], fields: Sequence[str] | None) -> list[dict[str, Any]]:
        """The documents (id, index) that are there, as they are at this moment."""
        wanted = [{"_index": index, "_id": mention_id} for mention_id, index in wheres]
        if not wanted:
            return []
        answer = self._client.mget(docs=wanted, source_includes=fields)
        return [hit for hit in answer["docs"] if hit.get("found")]

    def _search(self, ids: Sequence[str]) -> dict[str, Place]:
        hits = self._client.search(
            allow_partial_search_results=False,
            index=self._layout.mentions,
            query={"terms": {"id": list(ids)}},
            size=2 * AT_ONCE,
            source_includes=PLACED,
            seq_no_primary_term=True,
            track_total_hits=False,
        )["hits"]["hits"]
        found: dict[str, list[Place]] = {}
        for hit in hits:
            found.setdefault(hit["_id"], []).append(place(hit))
        singles = {mention_id: places[0] for mention_id, places in found.items() if len(places) == 1}
        for mention_id, places in found.items():
            if len(places) > 1 and (kept := self.heal(mention_id, [one.where for one in places])):
                singles[mention_id] = kept
        return singles

    def _make_single(self, ids: Sequence[str]) -> bool:
        """Whether any of them was found twice."""
        query = {"terms": {"id": list(ids)}}
        answer = self._client.search(
            allow_partial_search_results=False,
            index=self._layout.mentions,
            query=query,
            size=0,
            track_total_hits=True,
        )
        if answer["hits"]["total"]["value"] <= len(ids):
            return False
        self._search(ids)
        return True

    def heal(self, mention_id: str, wheres: Sequence[str]) -> Place | None:
        """Of a mention in several places keep the newest version, with the corrections of all."""
        self.doubt()
        for _ in range(ROUNDS):
            hits = self.documents([(mention_id, where) for where in wheres], None)
            if not hits:
                return None
            best, *others = sorted(hits, key=_rank)
            if not others:
                return place(best)
            kept = merged([place(hit) for hit in hits])
            if not best["_source"].get("removed") and set(kept) != set(place(best).corrections):
                document = to_document(to_draft(best["_source"]), kept, moments(best["_source"]))
                send(self._client, [Action(best["_index"], mention_id, document, _state(best))])
                continue  # only after a fresh look may the others go
            self._state.note_purge()
            send(self._client, [Action(hit["_index"], mention_id, None, _state(hit)) for hit in others])
            self._state.note_purge()
        raise StoreError(f"{mention_id} is written by somebody all the time. Try again.")


def _rank(hit: dict[str, Any]) -> tuple[int, bool, str]:
    """The highest version first; a removal before a mention of the same version."""
    source = hit["_source"]
    return -source.get("version", 0), not source.get("removed", False), hit["_index"]


def _state(hit: dict[str, Any]) -> tuple[int, int]:
    return hit["_seq_no"], hit["_primary_term"]
