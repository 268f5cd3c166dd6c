"""What a store remembers of what it removed: keyed hashes, so that it knows the names and cannot tell them."""

from __future__ import annotations

import hashlib

from index.documents import Document


class Trace(Document, frozen=True, kw_only=True):
    """A mention removed, with the version that a later save must exceed; or (version None) an author erased.

    `hash` is hex, made by `trace_hash` of the id.
    """

    hash: str
    version: int | None = None


def trace_hash(key: bytes, name: str) -> bytes:
    """16 bytes. The same in every store, so that traces can move from one to another with their key."""
    return hashlib.blake2b(name.encode(), key=key, digest_size=16).digest()
