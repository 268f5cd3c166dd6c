"""Clusters of near-duplicates: one key for all texts that resemble the first one of its kind.

In the records database, so that all workers share them and a restart forgets nothing. A text is compared with the
first of a cluster alone: a chain of small changes cannot join what is different. Locality-sensitive hashing by the
bands of MinHash signatures (made in nlp/similar.py) finds whom to compare.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import blake2b
from typing import NamedTuple

from index.records.protocol import Records, Transaction

PERMUTATIONS = 64
# Share of n-grams in common: a sentence may be changed or a word in each, not more (benchmarks/near_duplicates.py).
ALIKE = 0.4
REMEMBER = timedelta(days=45)  # a campaign is over by then; afterwards the same template begins a new cluster
CANDIDATES = 50  # compared at most: a band that many texts share says little
BAND = 200  # of such a band, the newest that are looked at: what is truly alike shares other bands too
SWEEP = 1 << 50  # of the 2^63 bands, those looked at for old entries with each batch: all of them in 8,000


class Signature(NamedTuple):
    """`bands` are equal where texts may be alike; `minhash` holds one byte of each of PERMUTATIONS hashes."""

    bands: tuple[int, ...]
    minhash: bytes

    @property
    def key(self) -> str:
        """The key of a cluster that begins with it: 15 hex digits, the same wherever it is computed."""
        return f"{int.from_bytes(blake2b(self.minhash, digest_size=8).digest()) >> 4:015x}"


def likeness(one: bytes, other: bytes) -> float:
    """Estimated Jaccard similarity of the texts behind two minhashes, 0..1: equal bytes, less those by chance
    (Li and König 2010, "b-bit minwise hashing")."""
    equal = sum(a == b for a, b in zip(one, other, strict=True)) / PERMUTATIONS
    return max(0.0, (equal - 1 / 256) / (1 - 1 / 256))


class Clusters:
    """Safe from several processes at once."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def assign(self, signatures: Sequence[Signature | None], *, today: date) -> list[str | None]:
        """The cluster of each text, in order; a text that resembles none of the last weeks begins one.

        Repeating it changes nothing. Raises StoreError.
        """
        if not any(signatures):
            return [None] * len(signatures)
        with self._records.write() as transaction:
            known = _Known(transaction, {band for one in signatures if one for band in one.bands})
            keys = [known.key(one) if one else None for one in signatures]
            known.write(transaction, today)
            _sweep(transaction, today)
        return keys


class _Known:
    """The clusters that share a band with a batch of texts, and those that begin in it."""

    def __init__(self, transaction: Transaction, bands: set[int]) -> None:
        self._by_band: defaultdict[int, list[int]] = defaultdict(list)
        self._new: list[Signature] = []
        found = transaction.all(
            "SELECT band, cluster FROM (SELECT band, cluster,"
            " ROW_NUMBER() OVER (PARTITION BY band ORDER BY cluster DESC) AS place FROM cluster_band"
            " WHERE band IN (SELECT value FROM json_each(?))) AS found WHERE place <= ?",
            (sorted(bands), BAND),
        )
        for band, number in found:
            self._by_band[band].append(number)
        numbers = sorted({number for _, number in found})
        sql = "SELECT id, key, signature FROM cluster WHERE id IN (SELECT value FROM json_each(?))"
        # PostgreSQL cannot tell what an empty list is of.
        rows = transaction.all(sql, (numbers,)) if numbers else []
        self._clusters = {number: (key, bytes.fromhex(minhash)) for number, key, minhash in rows}

    def key(self, one: Signature) -> str:
        shared = Counter(number for band in one.bands for number in self._by_band.get(band, ()))
        found = [self._clusters[n] for n, _ in shared.most_common(CANDIDATES) if n in self._clusters]
        alike = [(likeness(minhash, one.minhash), key) for key, minhash in found]
        best = max(alike, default=(0.0, ""))
        return best[1] if best[0] >= ALIKE else self._begin(one)

    def _begin(self, one: Signature) -> str:
        self._new.append(one)
        number = -len(self._new)  # until it is written
        self._clusters[number] = one.key, one.minhash
        for band in one.bands:
            self._by_band[band].append(number)
        return one.key

    def write(self, transaction: Transaction, today: date) -> None:
        bands = []
        for one in self._new:
            sql = "INSERT INTO cluster(key, signature, made) VALUES (?, ?, ?) RETURNING id"
            rows = transaction.all(sql, (one.key, one.minhash.hex(), today.toordinal()))
            bands += [(band, rows[0][0]) for band in one.bands]
        transaction.many("INSERT INTO cluster_band VALUES (?, ?) ON CONFLICT DO NOTHING", sorted(bands))


def _sweep(transaction: Transaction, today: date) -> None:
    """Forget some of what is old: a slice of the bands at a time keeps every batch short."""
    old = (today - REMEMBER).toordinal()
    transaction.run(
        "DELETE FROM cluster WHERE id IN (SELECT id FROM cluster WHERE made < ? ORDER BY made LIMIT 1000)", (old,)
    )
    start = random.randrange(1 << 63)
    transaction.run(
        "DELETE FROM cluster_band WHERE band BETWEEN ? AND ?"  # with NOT IN, PostgreSQL reads all clusters a row
        " AND NOT EXISTS (SELECT 1 FROM cluster WHERE cluster.id = cluster_band.cluster)",
        (start, min(start + SWEEP, (1 << 63) - 1)),
    )
