"""A newer mapping is built beside the old one while writes go on, then the alias names it, in one step.

What was written since a month was copied has a higher sequence number, so it is copied again, until little is
left. Then the old months are closed for writing, the rest follows, the alias is switched, and writers, who met the
closed months, find the new ones. The old months stay, closed: going back is the same way in the other direction
with what was written since.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from elasticsearch import ConflictError, Elasticsearch

from index.errors import Conflict, StoreError
from index.stores.elasticsearch_bulk import send_lines
from index.stores.elasticsearch_documents import corrections_of, to_document, to_draft, tombstone
from index.stores.elasticsearch_layout import OLDER, Generation, Layout, generation_number
from index.stores.elasticsearch_scan import hits
from index.stores.elasticsearch_state import MIGRATION, State

BATCH = 500
MISSING = 404
LITTLE = 500  # changed documents that are copied while writers wait: about a second
ROUNDS = 50  # of copying what changed meanwhile, before writers wait whatever is left
LEASE = 60.0  # seconds without a sign after which a migration counts as ended

Told = Callable[[int], None]  # documents copied so far
Marks = dict[str, int]  # month index -> sequence number up to which it is copied


class Moved(NamedTuple):
    copied: int
    closed_seconds: float  # how long writers waited
    generation: Generation


class Migration:
    """Raises Conflict when another one is on its way."""

    def __init__(self, layout: Layout, told: Told = lambda _: None) -> None:
        self._layout = layout
        self._client: Elasticsearch = layout.client
        self._state = State(layout.client, layout)
        self._told = told
        self._copied = 0
        self._holder = f"{socket.gethostname()}.{os.getpid()}"

    def forward(self, wanted: Generation) -> Moved | None:
        """To the mapping `wanted` (its number does not matter); None when it is there already."""
        with self._alone() as current:
            if current[1:] == wanted[1:]:
                return None
            last = max(map(generation_number, self._layout.all_months()), default=current.number)
            return self._move(current, wanted._replace(number=last + 1), {})

    def back(self) -> Moved:
        """To the generation before this one, with what was written since. Raises StoreError without one."""
        with self._alone() as current:
            found = self._state.read("moved")
            before: dict[str, Any] = found["_source"]["value"] if found else {"to": 0}
            if before["to"] != current.number or before["from"]["number"] not in self._generations():
                raise StoreError("There is no earlier generation of the indices to go back to.")
            return self._move(current, Generation(**before["from"]), dict(before["marks"]))

    def finish(self) -> list[str]:
        """Remove every generation but the current one: there is no way back then. The names of the indices."""
        with self._alone() as current:  # what another one is just building would be among them
            gone = [name for name in self._layout.all_months() if generation_number(name) != current.number]
            for number in {generation_number(name) for name in gone}:
                self._client.indices.delete_index_template(name=f"{self._layout.mentions}-{number}")
            if gone:
                self._client.indices.delete(index=gone)
            return gone

    def _move(self, source: Generation, target: Generation, marks: Marks) -> Moved:
        if target.number in self._generations():
            self._open(target)
        else:
            self._layout.put_template(target, aliases={})
        self._layout.make_index(self._layout.index(target.number, OLDER))
        for _ in range(ROUNDS):
            if self._copy(source, target, marks) <= LITTLE:
                break
        started = time.monotonic()
        self._close(source)
        try:
            self._copy(source, target, marks)
            self._remove_what_is_gone(source, target)
            self._switch(source, target)
        except BaseException:
            self._open(source)  # nothing has changed for anybody
            raise
        closed = time.monotonic() - started
        back = {name: self._mark(name) for name in self._months(target)}
        self._state.write("moved", {"from": source._asdict(), "to": target.number, "marks": back})
        return Moved(self._copied, closed, target)

    def _copy(self, source: Generation, target: Generation, marks: Marks) -> int:
        """Copy what has changed since `marks` and move them on; how many."""
        before = self._copied
        for month in self._months(source):
            mark = self._mark(month)
            self._client.indices.refresh(index=month)
            changed = hits(self._client, month, {"range": {"_seq_no": {"gt": marks.get(month, -1)}}}, batch=BATCH)
            while batch := list(islice(changed, BATCH)):
                self._put(batch, self._twin(month, target))
                self._copied += len(batch)
                self._told(self._copied)
                self._renew()
            marks[month] = mark
        return self._copied - before

    def _put(self, batch: list[dict[str, Any]], index: str) -> None:
        lines: list[bytes] = []
        for hit in batch:
            lines += [msgspec.json.encode({"index": {"_id": hit["_id"]}}), _rebuilt(hit)]
        answer = self._client.bulk(index=index, operations=lines)  # type: ignore[arg-type]
        if answer["errors"]:
            errors = [item["index"]["error"] for item in answer["items"] if "error" in item["index"]]
            raise StoreError(f"The new mapping refuses a mention, nothing was switched: {errors[0]}")

    def _remove_what_is_gone(self, source: Generation, target: Generation) -> None:
        """Authors erased meanwhile: only whole documents that vanish leave no sequence number behind."""
        for month in self._months(source):
            twin = self._twin(month, target)
            names = [month, twin]
            if not self._client.indices.exists(index=twin):
                continue
            self._client.indices.refresh(index=names)
            here, there = (self._client.count(index=name)["count"] for name in names)
            if there > here:
                self._remove_strangers(month, twin)

    def _remove_strangers(self, month: str, twin: str) -> None:
        everything = hits(self._client, twin, {"match_all": {}}, fields=False)
        while batch := [hit["_id"] for hit in islice(everything, BATCH)]:
            answer = self._client.mget(index=month, ids=batch, source=False)
            gone = [doc["_id"] for doc in answer["docs"] if not doc.get("found")]
            if gone:
                lines = [{"delete": {"_id": name}} for name in gone]
                send_lines(self._client, twin, lines, expected=MISSING)
            self._renew()

    def _switch(self, source: Generation, target: Generation) -> None:
        alias = self._layout.mentions
        months = self._months(target)
        self._client.indices.refresh(index=months)
        self._layout.change_template(target.number, in_use=True, closed=False)
        self._layout.change_template(source.number, in_use=False, closed=True)
        actions: list[dict[str, Any]] = [{"add": {"index": name, "alias": alias}} for name in months]
        actions += [{"remove": {"index": name, "alias": alias}} for name in self._months(source)]
        self._client.indices.update_aliases(actions=actions)
        self._layout.forget()

    def _close(self, generation: Generation) -> None:
        """No write gets in any more: those under way have ended when this returns."""
        self._layout.change_template(generation.number, in_use=True, closed=True)
        for month in self._months(generation):
            self._client.indices.add_block(index=month, block="write")

    def _open(self, generation: Generation) -> None:
        in_use = self._layout.current() == generation
        self._layout.change_template(generation.number, in_use=in_use, closed=False)
        self._client.indices.put_settings(index=self._months(generation), settings={"index.blocks.write": None})

    def _months(self, generation: Generation) -> list[str]:
        return [name for name in self._layout.all_months() if generation_number(name) == generation.number]

    def _generations(self) -> set[int]:
        return {generation_number(name) for name in self._layout.all_months()}

    def _twin(self, month: str, target: Generation) -> str:
        """The index of the other generation for the same month: each mention keeps its place."""
        return self._layout.index(target.number, month.rpartition("-")[2])

    def _mark(self, month: str) -> int:
        """Every write up to this sequence number is done."""
        stats = self._client.indices.stats(index=month, level="shards", metric="docs")
        shards = [copy for copies in stats["indices"][month]["shards"].values() for copy in copies]
        return min(int(copy["seq_no"]["local_checkpoint"]) for copy in shards if copy["routing"]["primary"])

    @contextmanager
    def _alone(self) -> Iterator[Generation]:
        """The generation in use, which no other migration changes meanwhile."""
        _ = self._layout.generation  # without a store there is nowhere to keep the lease
        self._take_lease()
        self._layout.forget()
        try:
            yield self._layout.generation
        finally:
            self._client.delete(index=self._layout.state, id=MIGRATION)

    def _take_lease(self) -> None:
        """Compared and set: of two that begin at the same moment one does. Raises Conflict."""
        found = self._state.read(MIGRATION)
        held = found["_source"]["value"] if found else {"until": 0.0}
        if held["until"] > time.time():
            raise Conflict(f"A migration runs already ({held['by']}). When it was killed, wait a minute.")
        seen = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]} if found else {}
        try:
            self._renew(op_type="index" if found else "create", **seen)
        except ConflictError as error:
            raise Conflict("Another migration began at the same moment. Try again.") from error

    def _renew(self, **options: Any) -> None:
        self._state.write(MIGRATION, {"by": self._holder, "until": time.time() + LEASE}, **options)


def _rebuilt(hit: Mapping[str, Any]) -> bytes:
    """The document as this program makes it today."""
    source = hit["_source"]
    if source.get("removed"):
        return tombstone(hit["_id"], source.get("version", 0))
    return to_document(to_draft(source), corrections_of(source))
