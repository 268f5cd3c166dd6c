"""MinHash: what of a text is compared to find others that are nearly the same, such as reposts and templates.

A text's signature is the least hash of its character n-grams under each of 64 permutations; two signatures agree
in as many places as the sets of n-grams share of their union (Broder 1997, "On the resemblance and containment of
documents"). The first of the hashes are cut into bands: texts that share a whole band are worth comparing
(Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4). index/clusters.py keeps them.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from index.clusters import PERMUTATIONS, Signature
from index.text import normalise

BANDS, ROWS = 8, 2  # of the first 16 hashes: few rows to write; all 64 decide
SEED = 20_261_129  # any number; another one makes all kept signatures worthless
# Chinese says in three characters what English says in five.
NGRAM, NGRAM_ALPHABET = 3, 5
# Letters: shorter texts, such as "好喝，下次还来" and "thanks for the quick response", are the same by chance.
LEAST, LEAST_ALPHABET = 18, 45
MOST = 4_000  # characters looked at

# What a template changes from post to post, and what all posts about a brand share.
_CHANGING = re.compile(r"https?://[^\s\u4e00-\u9fff]{1,2000}|@[\w-]{1,30}|#[^#\s]{1,40}#?|[^\w#@]+|[\d_]+|[#@]")
_ALPHABET = 2.2  # bytes a letter in UTF-8: alphabets have up to 2, Chinese and the like 3
_MULTIPLIERS = np.random.default_rng(SEED).integers(1 << 63, size=(2, ROWS + 1), dtype=np.uint64) * 2 + 1


def signature(text: str) -> Signature | None:
    """What `text` is compared by; None when it is too short to tell. Total, bounded in time."""
    letters = _CHANGING.sub("", normalise(text[:MOST]))
    alphabet = len(letters.encode()) < _ALPHABET * len(letters)
    if len(letters) < (LEAST_ALPHABET if alphabet else LEAST):
        return None
    size = NGRAM_ALPHABET if alphabet else NGRAM
    hashes = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    hashes.update([letters[at : at + size] for at in range(len(letters) - size + 1)])
    digest = np.array(hashes.digest(), np.uint64)
    return Signature(_bands(digest), (digest & 0xFF).astype(np.uint8).tobytes())


def _bands(digest: npt.NDArray[np.uint64]) -> tuple[int, ...]:
    """Each band and its place hashed to 63 bits, which every database has a type for (multiply, add and shift)."""
    rows = np.column_stack([np.arange(BANDS, dtype=np.uint64), digest[: BANDS * ROWS].reshape(BANDS, ROWS)])
    high, low = (rows @ multiplier >> np.uint64(32) for multiplier in _MULTIPLIERS)
    return tuple(((high << np.uint64(31)) ^ low).tolist())
