"""A record on its way into a store, and the pure decision what saving it does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from index.documents import EPOCH, Mention, Record, encode
from index.stores.protocol import Saved
from index.text import token_string

SPAM = 0.5  # from here on a mention counts as spam


class Stored(NamedTuple):
    """What the store knows of a mention: where it lies, or (rid None) that it was removed at this version."""

    rid: int | None
    version: int
    digest: bytes = b""
    analysis_digest: bytes = b""


class Draft(msgspec.Struct, eq=False, gc=False):
    """Made of a record alone. What is costly is computed once, by `prepare`: before the write lock is taken, for
    what will be written."""

    record: Record
    id: str = ""
    version: int = 0
    author: str | None = None
    digest: bytes = b""
    analysis_digest: bytes = b""
    words: str = ""
    mention_json: bytes = b""
    fingerprint: int = 0  # 47 bits: the same for the same normalised text

    @property
    def mention(self) -> Mention:
        return self.record.mention

    def __post_init__(self) -> None:
        mention = self.record.mention
        self.id = mention.id
        self.version = mention.version
        self.author = mention.author.id if mention.author else None
        self.digest = bytes.fromhex(mention.digest())
        timeless = msgspec.structs.replace(self.record.analysis, analysed_at=EPOCH)
        self.analysis_digest = hashlib.blake2b(encode(timeless), digest_size=8).digest()

    def prepare(self) -> None:
        if not self.mention_json:
            self.words = token_string(self.mention.full_text)
            self.fingerprint = int.from_bytes(hashlib.blake2b(self.words.encode(), digest_size=6).digest()) >> 1
            self.mention_json = encode(self.mention)


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
    run: dict[str, Draft] = {}
    for draft in drafts:
        if draft.id in run:
            yield list(run.values())
            run = {}
        run[draft.id] = draft
    if run:
        yield list(run.values())
