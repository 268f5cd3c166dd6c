"""Marks of the raw items that a source gave last, so that what it shows again unchanged is passed over.

Pollers read with an overlap on purpose (late indexing, edits, growing counters). Without this, each overlap
would be mapped and counted anew, and a silent source would look alive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from crawlers.connector import Raw

KEPT = 2_000  # marks; more than the overlap of any platform
_SIZE = 8  # bytes of a mark


class Recent:
    """The marks of one source, oldest first; `state` is kept with the cursor."""

    def __init__(self, state: bytes = b"") -> None:
        marks = (state[place : place + _SIZE] for place in range(0, len(state) - _SIZE + 1, _SIZE))
        self._marks = dict.fromkeys(marks)

    def news(self, items: Sequence[Raw]) -> list[Raw]:
        """The items that were not among the recent ones, each once; they are remembered from now on."""
        found = []
        for item in items:
            mark = _mark(item)
            if mark not in self._marks:
                found.append(item)
            self._marks.pop(mark, None)
            self._marks[mark] = None
        return found

    def state(self) -> bytes:
        return b"".join(list(self._marks)[-KEPT:])


def _mark(item: Raw) -> bytes:
    """Digest of the item without what says how it was read (fields that begin with "_read")."""
    said = {name: value for name, value in item.items() if not name.startswith("_read")}
    encoded = msgspec.json.encode(said, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=_SIZE).digest()
