"""Train the heads of aspects, intents and sarcasm alone, on the states that a trained encoder gives.

    python -m nlp.training.heads --model RUN/model --rows ROWS

Heads start from nothing and have few rows, so they are still learning when the encoder is done. Here the encoder
reads every row once; the heads then read the kept states many times, which costs next to nothing. Sentiment stays
as it is. RUN/model is rewritten. The epoch with the least loss on dev rows counts.

--only binary leaves aspects alone: those of a network that was trained for several rounds lose by it (on dev, with
polarity, -.7 points over nine sets; binary labels +.8 over six), as they have many rows and had long.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from nlp.encoder import Encoder
from nlp.engine import open_session
from nlp.training.batching import batches
from nlp.training.data import OURS, Row, read_rows
from nlp.training.export import int8_graph
from nlp.training.losses import Known, aspect_loss, binary_loss, known_categories
from nlp.training.network import Network, Outputs, load, save

OWN = ("queries", "aspect_weight", "aspect_bias", "binary_weight", "binary_bias")


class States:
    """Rows with the encoder's last states of them, as the int8 graph that will be served gives them: half
    precision, [tokens, hidden] each. A row that stands several times is read once."""

    def __init__(self, session: onnxruntime.InferenceSession, rows: list[Row], encoder: Encoder) -> None:
        self.rows = rows
        texts = list(dict.fromkeys(row.text for row in rows))
        ids = dict(zip(texts, encoder.encode(texts), strict=True))
        self.lengths = [len(ids[row.text]) for row in rows]
        read = {text: _states(session, ids[text]) for text in _told(texts)}
        self.kept = [read[row.text] for row in rows]

    def batch(self, places: Sequence[int]) -> tuple[Tensor, Tensor, list[Row]]:
        """States [rows, longest, hidden], mask [rows, longest] and the rows themselves."""
        states = torch.nn.utils.rnn.pad_sequence([self.kept[place].float() for place in places], batch_first=True)
        mask = torch.zeros(states.shape[:2])
        for place, row in enumerate(places):
            mask[place, : self.lengths[row]] = 1
        return states, mask, [self.rows[row] for row in places]


def _states(session: onnxruntime.InferenceSession, ids: list[int]) -> Tensor:
    inputs = {"input_ids": np.array([ids], np.int32), "attention_mask": np.ones((1, len(ids)), np.int32)}
    return torch.from_numpy(session.run(["states"], inputs)[0][0]).half()


def _told(texts: list[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if number % 1000 == 0:
            print(f"read {number} of {len(texts)} texts", flush=True)
        yield text


def loss_on(network: Network, states: States, places: Sequence[int], known: Known, only: str | None) -> Tensor:
    outputs: Outputs = network.read(*(read := states.batch(places))[:2])
    aspects, binary = aspect_loss(outputs.aspects, read[2], known), binary_loss(outputs.binary, read[2])
    return {"aspects": aspects, "binary": binary}[only] if only else aspects + binary


def fit(network: Network, train: States, dev: States, known: Known, args: argparse.Namespace) -> list[float]:
    """Train in place; the best epoch's heads are kept. Returns the dev loss of each epoch."""
    heads = {name: value for name, value in network.named_parameters() if name in OWN}
    optimizer = torch.optim.Adam(heads.values(), lr=args.lr)  # no decay: it would move heads that learn nothing
    history: list[float] = []
    best: dict[str, Tensor] = {}
    for epoch in range(args.epochs):
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (1 - epoch / args.epochs)
        plan = batches(train.lengths, args.batch_tokens, seed=args.seed + epoch)
        for batch in plan:
            loss_on(network, train, batch, known, args.only).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        with torch.inference_mode():
            plan = batches(dev.lengths, args.batch_tokens, 1)
            parts = [(loss_on(network, dev, batch, known, args.only), len(batch)) for batch in plan]
        history.append(float(sum(loss * size for loss, size in parts)) / len(dev.rows))
        print(f"epoch {epoch + 1}: dev loss {history[-1]:.4f}", flush=True)
        if history[-1] == min(history):
            best = {name: value.detach().clone() for name, value in heads.items()}
    network.load_state_dict(best, strict=False)
    return history


def wanted(rows: list[Row], limit: int, repeat_own: int, seed: int) -> list[Row]:
    """Rows with a label of these heads by people, at most `limit` of a set, each once; all of ours, more often."""
    rng = random.Random(seed)
    by_source: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.aspects is not None or (row.binary and row.binary_weight == 1):
            by_source.setdefault(row.source, {})[row.text] = row
    chosen: list[Row] = []
    for source, found in by_source.items():
        every = sorted(found.values(), key=lambda row: row.text)
        chosen += every * repeat_own if source == OURS else rng.sample(every, min(limit, len(every)))
    return chosen


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder written by nlp.training.train")
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--only", choices=("aspects", "binary"), help="leave the others as they are")
    parser.add_argument("--limit", type=int, default=3000, help="rows of a set")
    parser.add_argument("--own", type=int, default=3, help="how often our own texts are read an epoch")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch-tokens", type=int, default=2500)
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=13)
    args = parser.parse_args(argv)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    network, encoder = load(args.model), Encoder(args.model / "tokenizer.json", args.max_tokens)
    every = read_rows(args.rows / "train.jsonl.gz")
    session = open_session(int8_graph(network, encoder, every, with_states=True).SerializeToString())
    rows = wanted(every, args.limit, args.own, args.seed)
    held = wanted(read_rows(args.rows / "dev.jsonl.gz"), args.limit // 10, 1, args.seed)
    train, dev = (States(session, some, encoder) for some in (rows, held))
    fit(network, train, dev, known_categories(rows), args)
    save(network, args.model)


if __name__ == "__main__":
    main()
