"""A record on its way into SQLite, and the pure decision what saving it does."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import NamedTuple

import msgspec

from index.documents import EPOCH, Record, encode
from index.stores.protocol import Saved
from index.text import token_string


class Stored(NamedTuple):
    """What the store knows of a mention: where it lies, or (rid None) that it was removed at this version."""

    rid: int | None
    version: int
    digest: bytes = b""
    analysis_digest: bytes = b""


class Draft:
    """What is costly is computed when first asked for: `prepare` does it before the write lock is taken."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.mention = record.mention
        self.id = record.mention.id
        self.version = record.mention.version
        self.author = record.mention.author.id if record.mention.author else None
        self.digest = bytes.fromhex(record.mention.digest())
        timeless = msgspec.structs.replace(record.analysis, analysed_at=EPOCH)
        self.analysis_digest = hashlib.blake2b(encode(timeless), digest_size=8).digest()

    @cached_property
    def words(self) -> str:
        return token_string(self.mention.full_text)

    @cached_property
    def documents(self) -> tuple[bytes, bytes]:
        return encode(self.mention), encode(self.record.analysis)

    @cached_property
    def fingerprint(self) -> int:
        """47 bits: the same for the same normalised text."""
        return int.from_bytes(hashlib.blake2b(self.words.encode(), digest_size=6).digest()) >> 1

    def prepare(self) -> None:
        _ = self.words, self.documents, self.fingerprint


def decide(draft: Draft, stored: Stored | None, *, erased: bool) -> Saved:
    """What saving this record does, from what is there."""
    if erased:
        return "erased"
    if stored is None:
        return "unchanged" if draft.mention.deleted else "inserted"
    if draft.version < stored.version:
        return "stale"
    if stored.rid is None:
        if draft.mention.deleted:
            return "unchanged"
        return "inserted" if draft.version > stored.version else "stale"
    same = draft.digest == stored.digest and draft.analysis_digest == stored.analysis_digest
    return "unchanged" if same else "updated"


def leaves_trace(draft: Draft, stored: Stored | None) -> bool:
    """Whether a deletion must be remembered, so that an older version coming late does not bring it back."""
    newer = stored is None or draft.version > stored.version or stored.rid is not None
    return draft.mention.deleted and newer and (stored is None or draft.version >= stored.version)
