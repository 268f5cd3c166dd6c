"""What the writers of one store must agree on: the salt of the hashes, who was erased, when something changed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from elasticsearch import ConflictError, Elasticsearch, NotFoundError

from index.errors import Conflict, StoreError
from index.stores.elasticsearch_bulk import send_lines
from index.stores.elasticsearch_layout import Layout
from index.stores.elasticsearch_scan import hits
from index.stores.traces import Trace, trace_hash

ATTEMPTS = 50
BATCH = 1000
MIGRATION = "migration"  # the document that a migration holds as long as it runs


class Known(NamedTuple):
    """The key of the hashes, the erased authors by hash, and whether traces of another store were taken over."""

    key: bytes
    erased: frozenset[str]
    foreign: bool

    def hash(self, name: str) -> str:
        return trace_hash(self.key, name).hex()

    def erased_of(self, authors: Iterable[str | None]) -> set[str]:
        """Those of the authors that were erased."""
        return {a for a in set(authors) if a and self.hash(a) in self.erased} if self.erased else set()


class State:
    def __init__(self, client: Elasticsearch, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def known(self) -> Known:
        """As it is at this moment: another process may just have erased somebody."""
        names = ["salt", "erased", "foreign"]
        docs = self._client.mget(index=self._layout.state, ids=names)["docs"]
        salt, erased, foreign = (doc["_source"]["value"] if doc.get("found") else None for doc in docs)
        return Known(bytes.fromhex(salt or self._make_salt()), frozenset(erased or ()), bool(foreign))

    def erased(self, authors: Iterable[str | None]) -> set[str]:
        """Those of the authors that were erased."""
        return self.known().erased_of(authors)

    def removed(self, ids: Sequence[str], known: Known) -> dict[str, int]:
        """Those of the mentions that the store whose traces were taken over had removed, with their versions."""
        if not known.foreign or not ids:
            return {}
        names = [f"removed-{known.hash(i)}" for i in ids]
        docs = self._client.mget(index=self._layout.state, ids=names)["docs"]
        return {i: doc["_source"]["value"] for i, doc in zip(ids, docs, strict=True) if doc.get("found")}

    def erase(self, authors: Iterable[str]) -> None:
        """From now on nothing of these authors is let in. Kept by keyed hashes."""
        known = self.known()
        self._add_erased({known.hash(author) for author in authors})

    def take_over(self, key: bytes, traces: Iterable[Trace], *, has_own: bool) -> None:
        """Raises Conflict when there are traces under another key: a hash cannot be turned into another."""
        known = self.known()
        if key != known.key:
            if has_own or known.erased or known.foreign:
                raise Conflict(
                    f"{self._layout.prefix} remembers removals of its own, which cannot be joined with those of "
                    "another store. Choose an empty store."
                )
            self.write("salt", key.hex())
        rest = iter(traces)
        while batch := list(islice(rest, BATCH)):
            self._add_erased({trace.hash for trace in batch if trace.version is None})
            self._add_removed({trace.hash: trace.version for trace in batch if trace.version is not None})

    def note_purge(self) -> None:
        """Whole documents vanish: say it before and after, so that no count of them is kept."""
        self.write("purged", time.time_ns())

    def purged(self) -> int:
        """Grows when whole documents vanished."""
        found = self.read("purged")
        return found["_seq_no"] + 1 if found else 0

    def migrating(self) -> bool:
        """Whether the indices are just being changed for others (elasticsearch_migrate)."""
        held = self.read(MIGRATION)
        return bool(held and held["_source"]["value"]["until"] > time.time())

    def foreign(self) -> Iterator[Trace]:
        """The traces of mentions that were taken over."""
        self._client.indices.refresh(index=self._layout.state)
        for hit in hits(self._client, self._layout.state, {"exists": {"field": "removed"}}):
            yield Trace(hash=hit["_id"].removeprefix("removed-"), version=hit["_source"]["value"])

    def _add_erased(self, names: set[str]) -> None:
        for _ in range(ATTEMPTS):
            found = self.read("erased")
            kept = set(found["_source"]["value"]) if found else set()
            if names <= kept:
                return
            options = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]} if found else {}
            with suppress(ConflictError):
                self.write("erased", sorted(kept | names), op_type="index" if found else "create", **options)
        raise StoreError("The list of erased authors is being changed by many at once. Try again.")

    def _add_removed(self, versions: dict[str, int]) -> None:
        """The highest version of each stays: it is the version of the document too."""
        lines: list[Any] = []
        for name, version in versions.items():
            number = {"version": max(version, 0), "version_type": "external_gte"}
            lines += [{"index": {"_id": f"removed-{name}", **number}}, {"value": version, "removed": True}]
        if lines:
            self.write("foreign", True)
            send_lines(self._client, self._layout.state, lines)

    def change_lines(self) -> tuple[bytes, bytes]:
        """Lines of a bulk request that note the change, so that not even a crash after it hides it."""
        now = time.time_ns() // 1000
        header = {"_index": self._layout.state, "_id": "changed", "version": now, "version_type": "external_gte"}
        return msgspec.json.encode({"index": header}), msgspec.json.encode({"value": now})

    def note_change(self) -> None:
        """Once more when the change is there: a picture taken while it was being written is old too."""
        now = time.time_ns() // 1000
        try:
            self.write("changed", now, version=now, version_type="external_gte")
        except ConflictError:
            return  # somebody noted a later one

    def changed(self) -> int:
        """When something was last written, in microseconds since 1970 by the clock of who wrote it."""
        found = self.read("changed")
        return int(found["_source"]["value"]) if found else 0

    def _make_salt(self) -> str:
        """Ours, or that of the process that was faster."""
        with suppress(ConflictError):
            self.write("salt", secrets.token_bytes(32).hex(), op_type="create")
        return str(self._client.get(index=self._layout.state, id="salt")["_source"]["value"])

    def read(self, name: str) -> dict[str, Any] | None:
        """A document of the state, with the sequence number that a write can name as what it must find."""
        try:
            found: dict[str, Any] = self._client.get(index=self._layout.state, id=name).body
        except NotFoundError:
            return None
        return found

    def write(self, name: str, value: Any, **options: Any) -> None:
        self._client.index(index=self._layout.state, id=name, document={"value": value}, **options)
