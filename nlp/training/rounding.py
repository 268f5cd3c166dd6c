"""Weights to int8 so that what the products give changes least on texts.

Each weight to its nearest step is not the least change of a product: its inputs go together, so the error of one
weight can be made up by its neighbours (GPTQ: Frantar et al. 2022, arXiv 2210.17323). And one activation scale a
token wastes steps where one column is thirty times the others, as after this encoder's norms, the first token's
above all: columns are evened first, what is taken from the states is given to the weights (SmoothQuant: Xiao et al.
2022, arXiv 2211.10438).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.hooks import RemovableHandle

from nlp.encoder import Encoder
from nlp.training.batching import cut, padded
from nlp.training.data import Row, of_each_set
from nlp.training.network import Network

LEVELS = 127
ROWS_A_SET, BATCH_TOKENS = 15, 2048
EVENED = 0.6  # share of a column's unevenness that goes to the weights: more spares states, less spares weights
DAMPING = 0.01  # of the mean square of a column; the GPTQ paper's
BLOCK = 128  # columns whose errors are passed on together

Floats = npt.NDArray[np.float32]


class Inputs(NamedTuple):
    """What a product is given: the peak of each column, and the sum over tokens of each two columns' product."""

    peaks: Floats
    moments: Floats

    @classmethod
    def of(cls, states: torch.Tensor) -> Inputs:
        """Of states [tokens, columns]."""
        return cls(states.abs().amax(0).numpy(), (states.T @ states).numpy())

    def joined(self, other: Inputs | None) -> Inputs:
        if other is None:
            return self
        return Inputs(np.maximum(self.peaks, other.peaks), self.moments + other.moments)

    def divided(self, by: Floats) -> Inputs:
        """As if its columns had been divided."""
        return Inputs(self.peaks / by, self.moments / np.outer(by, by))


def inputs_of(network: Network, encoder: Encoder, rows: Sequence[Row]) -> dict[str, Inputs]:
    """What every product is given on some rows of each set, by the product's name in the graph."""
    seen: dict[str, Inputs] = {}
    real: list[torch.Tensor] = []  # which tokens of the batch are no padding

    def watch(name: str, module: torch.nn.Module) -> RemovableHandle:
        def note(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            states = given[0][:, 0] if module is network.bert.pooler else given[0][real[-1]]
            seen[name] = Inputs.of(states).joined(seen.get(name))

        return module.register_forward_pre_hook(note)

    hooks = [watch(name, module) for name, module in products(network)]
    ids = encoder.encode([row.text for row in of_each_set(rows, ROWS_A_SET, seed=13)])
    lengths = [len(row) for row in ids]
    with torch.inference_mode():
        for batch in cut(sorted(range(len(ids)), key=lengths.__getitem__), lengths, BATCH_TOKENS):
            tokens, mask = padded([ids[row] for row in batch], encoder.pad_id)
            real.append(mask > 0)
            network(tokens, mask)
    for hook in hooks:
        hook.remove()
    return seen


def products(network: Network) -> Iterator[tuple[str, torch.nn.Module]]:
    """The linear maps by their names in the graph; query, key and value, which are given the same, are one."""
    for number, layer in enumerate(network.bert.encoder.layer):
        prefix = f"bert.encoder.layer.{number}"
        yield f"{prefix}.qkv", layer.attention.self.query
        yield f"{prefix}.attention.output.dense", layer.attention.output.dense
        yield f"{prefix}.intermediate.dense", layer.intermediate.dense
        yield f"{prefix}.output.dense", layer.output.dense
    yield "bert.pooler.dense", network.bert.pooler


def evening(peaks: Floats, weights: Floats) -> Floats:
    """What to divide the columns of the states by, and multiply those of the weights [out, columns] with."""
    even = np.maximum(peaks, 1e-3) ** EVENED / np.maximum(np.abs(weights).max(axis=0), 1e-5) ** (1 - EVENED)
    return np.asarray(even / np.median(even), np.float32)


def rounded(weights: Floats, moments: Floats | None = None) -> tuple[npt.NDArray[np.int8], Floats]:
    """int8 values [rows, columns] and one scale a row: weights ~ values * scale[:, None].

    With the `moments` of its inputs a column's error is made up by the columns after it; without, each weight goes
    to its nearest step.
    """
    scale = np.maximum(np.abs(weights).max(axis=1), 1e-12) / LEVELS
    if moments is None:
        return np.rint(weights / scale[:, None]).astype(np.int8), scale.astype(np.float32)
    order = np.argsort(
        -np.diag(moments), kind="stable"
    )  # the columns that matter most while others can still make up
    values = np.empty(weights.shape, np.int8)
    values[:, order] = _passed_on(weights[:, order].astype(np.float64), scale, moments[np.ix_(order, order)])
    return values, scale.astype(np.float32)


def _passed_on(weights: npt.NDArray[np.float64], scale: Floats, moments: Floats) -> npt.NDArray[np.int8]:
    columns = weights.shape[1]
    damped = moments.astype(np.float64) + np.eye(columns) * (DAMPING * np.diag(moments).mean() + 1e-12)
    share = np.linalg.cholesky(np.linalg.inv(damped)).T
    values = np.empty(weights.shape, np.int8)
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        errors = np.empty((len(weights), end - start))
        for column in range(start, end):
            steps = np.clip(np.rint(weights[:, column] / scale), -LEVELS, LEVELS)
            values[:, column] = steps
            errors[:, column - start] = (weights[:, column] - steps * scale) / share[column, column]
            weights[:, column:end] -= np.outer(errors[:, column - start], share[column, column:end])
        weights[:, end:] -= errors @ share[start:end, end:]
    return values
