"""A record as the document that Elasticsearch keeps, and back.

The document is the mention as it is, and beside it what is searched, counted and ordered by. What people
corrected is part of it: re-scoring compares and sets, so it cannot lose a correction that it has not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from index.documents import Analysis, Correction, Mention, Record
from index.stores.corrections import corrected
from index.stores.days import microseconds
from index.stores.draft import SPAM, Draft, Stored
from index.stores.posts import cluster_key, cluster_number

TOKEN_LIMIT = 255  # characters of a word that are kept: the analyzer would go on with the rest as another word
PLACED = [
    "version",
    "removed",
    "digest",
    "analysis_digest",
    "corrections",
    "published_at",
    "left",
]  # of the source: what Place needs
_long_word = re.compile(rf"\S{{{TOKEN_LIMIT + 1},}}")
_encoder = msgspec.json.Encoder(order="deterministic")


class Place(NamedTuple):
    """The index a mention lies in, what is known of it, and the state (`seq_no`, `term`) that a write must find."""

    where: str
    seq_no: int
    term: int
    stored: Stored
    corrections: tuple[Correction, ...] = ()
    moments: tuple[str, ...] = ()  # at which it is or was published, by its versions here


def place(hit: Mapping[str, Any]) -> Place:
    """Of a search hit or the answer to a get, with the PLACED fields."""
    source = hit["_source"]
    stored = Stored(
        rid=None if source.get("removed") else 0,
        version=source.get("version", 0),
        digest=bytes.fromhex(source.get("digest", "")),
        analysis_digest=bytes.fromhex(source.get("analysis_digest", "")),
    )
    return Place(
        hit["_index"], hit["_seq_no"], hit["_primary_term"], stored, corrections_of(source), moments(source)
    )


def corrections_of(source: Mapping[str, Any]) -> tuple[Correction, ...]:
    return msgspec.convert(source.get("corrections", ()), tuple[Correction, ...])


def moments(source: Mapping[str, Any]) -> tuple[str, ...]:
    now = [source["published_at"]] if "published_at" in source else []
    return (*source.get("left", ()), *now)


class _Beside(msgspec.Struct, omit_defaults=True):
    """What the document has besides the fields of the mention. `kind` is there when the mention leaves it out."""

    ts: int
    words: str
    length: int
    sentiment: str
    aspects: list[str]
    intents: tuple[str, ...]
    spam: bool
    fingerprint: int
    digest: str
    analysis_digest: str
    analysis: Analysis
    kind: str | None = None
    lang: str | None = None
    cluster: str | None = None
    engagement_total: int | None = None
    corrections: tuple[Correction, ...] | None = None
    left: tuple[str, ...] | None = None


def to_document(draft: Draft, corrections: tuple[Correction, ...], moments: Sequence[str] = ()) -> bytes:
    """The document as JSON: labels as people corrected them, the model's own kept in `analysis`. `moments`: those
    of Place, so that counts of a day can be known to be old."""
    draft.prepare()
    mention = draft.mention
    record = corrected(draft.record, corrections) if corrections else draft.record
    analysis = record.analysis
    beside = _Beside(
        ts=microseconds(mention.published_at),
        words=cut(draft.words),
        length=draft.words.count(" ") + bool(draft.words),
        sentiment=record.corrected_sentiment or analysis.sentiment,
        aspects=[f"{aspect.name}:{aspect.sentiment}" for aspect in analysis.aspects],
        intents=analysis.intents,
        spam=analysis.spam is not None and analysis.spam >= SPAM,
        fingerprint=draft.fingerprint,
        digest=draft.digest.hex(),
        analysis_digest=draft.analysis_digest.hex(),
        analysis=draft.record.analysis,
        kind="post" if mention.kind == "post" else None,
        lang=analysis.lang,
        cluster=cluster_key(cluster_number(analysis.cluster)) if analysis.cluster else None,
        engagement_total=mention.engagement.total,
        corrections=corrections or None,
        left=_others(moments, mention.published_at) if moments else None,
    )
    return draft.mention_json[:-1] + b"," + _encoder.encode(beside)[1:]


def _others(moments: Sequence[str], moment: datetime) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(each for each in moments if datetime.fromisoformat(each) != moment)) or None


def tombstone(mention_id: str, version: int, moments: Sequence[str] = ()) -> bytes:
    """What stays of a removed mention: the version that a later save must exceed. It lies in the mention's own
    place, so that no race of a removal with a save can end with both."""
    return _encoder.encode({"id": mention_id, "version": version, "removed": True, "left": moments})


def to_record(source: Mapping[str, Any], *, customer: str | None = None, koc: float | None = None) -> Record:
    """The record with what people corrected."""
    record = Record(
        mention=msgspec.convert(source, Mention),
        analysis=msgspec.convert(source["analysis"], Analysis),
        customer_id=customer,
        koc=koc,
    )
    return corrected(record, corrections_of(source))


def to_plain_record(hit: Mapping[str, Any]) -> Record:
    """The record of a search hit as it was saved."""
    return to_draft(hit["_source"]).record


def to_draft(source: Mapping[str, Any]) -> Draft:
    """What was saved to make this document, without corrections."""
    mention = msgspec.convert(source, Mention)
    return Draft(Record(mention=mention, analysis=msgspec.convert(source["analysis"], Analysis)))


def cut(words: str) -> str:
    """Words for the index, none longer than it takes."""
    if len(words) <= TOKEN_LIMIT:
        return words
    return _long_word.sub(lambda word: word[0][:TOKEN_LIMIT], words)


def merged(places: Sequence[Place]) -> tuple[Correction, ...]:
    """The corrections of all of these, the latest of each field."""
    newest: dict[str, Correction] = {}
    for correction in (each for one in places for each in one.corrections):
        known = newest.get(correction.field)
        if known is None or correction.at >= known.at:
            newest[correction.field] = correction
    return tuple(newest.values())
