"""Early stopping: how good a run is on dev rows, so that the best is kept and one that gains nothing ends."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nlp.encoder import Encoder
from nlp.training.batching import cut, padded
from nlp.training.data import Row, of_each_set
from nlp.training.losses import Known, loss_of
from nlp.training.network import Network


class Watch:
    """A few dev rows of every set, so that no large set decides alone.

    `limit`: rows of a set. `batch_tokens`: tokens of a batch, padding included.
    """

    def __init__(self, rows: Sequence[Row], encoder: Encoder, known: Known, limit: int, batch_tokens: int) -> None:
        # of a set with aspects that no training row has, nobody knows which categories its scheme has
        told = [row for row in rows if row.aspects is None or row.source in known]
        chosen = of_each_set(told, limit, seed=1)  # the same every time: figures are compared
        self._known, self._pad, self._rows = known, encoder.pad_id, chosen
        self._ids = encoder.encode([row.text for row in chosen])
        lengths = [len(ids) for ids in self._ids]
        order = sorted(range(len(chosen)), key=lengths.__getitem__)
        self._batches = list(cut(order, lengths, batch_tokens))

    def loss(self, network: Network) -> float:
        """The mean loss of these rows over all heads; 0 without rows."""
        total = 0.0
        network.eval()
        with torch.inference_mode():
            for batch in self._batches:
                outputs = network(*padded([self._ids[row] for row in batch], self._pad))
                total += float(loss_of(outputs, [self._rows[row] for row in batch], self._known)) * len(batch)
        network.train()
        return total / max(1, len(self._rows))
