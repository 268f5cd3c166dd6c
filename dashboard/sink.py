"""A file that is only written: what libraries write to it is taken away piece by piece and sent."""

from __future__ import annotations

import io
from typing import Any


class Sink(io.RawIOBase):
    """Knows how far it is and cannot go back. Give it to ZipFile or ParquetWriter, and take() now and then."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0
        self.waiting = 0  # bytes not taken yet

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        self.waiting += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts, self.waiting = [], 0
        return taken
