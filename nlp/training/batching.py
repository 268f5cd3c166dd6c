"""Rows of like lengths read together: little padding, still random."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

import torch

SORT_WINDOW = 64  # batches that are sorted by length together


def batches(lengths: list[int], max_tokens: int, seed: int) -> list[list[int]]:
    """Row numbers in random batches of like lengths, each at most `max_tokens` with padding."""
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    window = SORT_WINDOW * max(1, max_tokens * len(lengths) // max(1, sum(lengths)))
    result = []
    for start in range(0, len(order), window):
        result += list(cut(sorted(order[start : start + window], key=lengths.__getitem__), lengths, max_tokens))
    rng.shuffle(result)
    return result


def cut(ordered: Iterable[int], lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Row numbers, shortest row first, in batches of at most `max_tokens` with padding."""
    batch: list[int] = []
    for row in ordered:  # ascending, so this row is the longest of its batch
        if batch and (len(batch) + 1) * lengths[row] > max_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def padded(ids: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, both [rows, longest]."""
    longest = max(map(len, ids))
    tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    return tokens, mask
