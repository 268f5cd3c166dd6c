"""A record on its way into a store, and the pure decision what saving it does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from index.documents import EPOCH, Record, encode
from index.stores.protocol import Saved
from index.text import token_string

SPAM = 0.5  # from here on a mention counts as spam


class Stored(NamedTuple):
    """What the store knows of a mention: where it lies, or (rid None) that it was removed at this version."""

    rid: int | None
    version: int
    digest: bytes = b""
    analysis_digest: bytes = b""


class Draft:
    """What is costly is computed once, by `prepare`: before the write lock is taken, for what will be written."""

    words: str
    documents: tuple[bytes, bytes]  # mention and analysis as JSON
    fingerprint: int  # 47 bits: the same for the same normalised text

    def __init__(self, record: Record) -> None:
        self.record = record
        self.mention = record.mention
        self.id = record.mention.id
        self.version = record.mention.version
        self.author = record.mention.author.id if record.mention.author else None
        self.digest = bytes.fromhex(record.mention.digest())
        self._prepared = False
        timeless = msgspec.structs.replace(record.analysis, analysed_at=EPOCH)
        self.analysis_digest = hashlib.blake2b(encode(timeless), digest_size=8).digest()

    def prepare(self) -> None:
        if not self._prepared:
            self.words = token_string(self.mention.full_text)
            self.documents = encode(self.mention), encode(self.record.analysis)
            self.fingerprint = int.from_bytes(hashlib.blake2b(self.words.encode(), digest_size=6).digest()) >> 1
            self._prepared = True


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


def without_repeats(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """Runs in which each id occurs once: a mention twice in one batch is saved twice, in order."""
    run: list[Draft] = []
    ids: set[str] = set()
    for draft in drafts:
        if draft.id in ids:
            yield run
            run, ids = [], set()
        run.append(draft)
        ids.add(draft.id)
    if run:
        yield run
