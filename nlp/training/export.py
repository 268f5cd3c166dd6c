"""Write a trained network as a model folder that nlp.engine serves, calibrated on dev.

    python -m nlp.training.export --model RUN/model --rows ROWS --out FOLDER --name earshot-6l

FOLDER gets model.onnx (the int8 graph of nlp.training.rowq), tokenizer.json and earshot.json. Temperatures and
thresholds are fitted on the dev rows. The export fails unless the written model names the same label as torch in
fp32 on LEAST_AGREEMENT of a sample of the dev rows, and every number is the same to the last bit alone and in a
batch.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import torch

from nlp.encoder import Encoder
from nlp.engine import CARD, Card, OnnxModel, Raw, read_card, softmax
from nlp.evaluation.metrics import f1
from nlp.heads import ABSENT, BINARY, CATEGORIES
from nlp.training.batching import padded
from nlp.training.data import NEUTRAL, Row, of_each_set, read_own, read_rows
from nlp.training.losses import known_categories
from nlp.training.network import Network, load
from nlp.training.rounding import inputs_of
from nlp.training.rowq import BertShape, write_graph

LEAST_AGREEMENT = 0.98  # 99 % where the processor has VNNI; AVX2 alone adds 16-bit products that can saturate
UNSURE_BELOW = 0.5  # a calibrated p below it is more likely wrong than right
Floats = npt.NDArray[np.float32]


def int8_graph(
    network: Network, encoder: Encoder, rows: Sequence[Row], with_states: bool = False
) -> onnx.ModelProto:
    """What is served, rounded for rows like these."""
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    shape = BertShape(network.config.to_dict())
    return write_graph(weights, shape, inputs_of(network, encoder, rows), with_states)


def write_card(folder: Path, card: Card) -> None:
    text = json.dumps(msgspec.to_builtins(card), indent=2) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")


def calibrated(card: Card, raw: Raw, rows: Sequence[Row]) -> Card:
    """The card with temperatures and thresholds that fit these rows best."""
    if raw.aspects is None or raw.binary is None:
        raise ValueError("the graph has no heads")
    warm = temperature_for(raw.sentiment, rows)
    aspect_warm, aspect_from = aspects_for(raw.aspects, rows)
    thresholds = {name: threshold_for(raw.binary[:, place], name, rows) for place, name in enumerate(BINARY)}
    return msgspec.structs.replace(
        card, temperature=warm, aspect_temperature=aspect_warm, aspect_from=aspect_from, thresholds=thresholds
    )


def temperature_for(logits: Floats, rows: Sequence[Row]) -> float:
    """Of sentiment: each set counts by the square root of its rows; two-class rows are judged without neutral."""
    chosen = [place for place, row in enumerate(rows) if row.sentiment is not None]
    kept = [rows[place] for place in chosen]
    masked = logits[chosen].copy()
    masked[[row.two_class for row in kept], NEUTRAL] = -1e4
    sizes = Counter(row.source for row in kept)
    weights = np.array([sizes[row.source] ** -0.5 for row in kept])
    return best_temperature(masked, np.array([row.sentiment for row in kept]), weights)


class Cells(NamedTuple):
    """The categories that the set of a row knows, one a cell: number of the row, of the category, class, set."""

    rows: npt.NDArray[np.int64]
    categories: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    sources: npt.NDArray[np.str_]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Cells:
        known = known_categories(rows)
        found = []
        for place, row in enumerate(rows):
            for number in known[row.source] if row.aspects is not None else ():
                polarity = (row.aspects or {}).get(CATEGORIES[number])
                found.append((place, number, ABSENT if polarity is None else 1 + polarity, row.source))
        return cls(*(np.array(column) for column in zip(*found, strict=True)))


def aspects_for(logits: Floats, rows: Sequence[Row]) -> tuple[float, float]:
    """Temperature of the four classes, and the probability of being spoken of from which an aspect counts: the one
    with the best mean of `aspect_scores`."""
    cells = Cells.of(rows)
    chosen = logits[cells.rows, cells.categories]
    warm = best_temperature(chosen, cells.labels, np.ones(len(cells.labels)))
    shares = softmax(chosen / np.float32(warm))

    def mean_f1(least: float) -> float:
        return float(np.mean(list(aspect_scores(shares, cells, least).values())))

    return warm, max((round(float(t), 2) for t in np.arange(0.2, 0.7, 0.02)), key=mean_f1)


def aspect_scores(shares: Floats, cells: Cells, least: float) -> dict[str, float]:
    """Micro-F1 of aspect and polarity of every set, when those are named that are spoken of with p >= `least`."""
    said, guess = 1 - shares[:, ABSENT] >= least, 1 + shares[:, 1:].argmax(1)
    right, true = said & (guess == cells.labels), cells.labels != ABSENT
    found = {}
    for source in dict.fromkeys(cells.sources.tolist()):
        of = cells.sources == source
        found[source] = f1(int((right & of).sum()), int((said & of).sum()), int((true & of).sum()))
    return found


def threshold_for(logits: Floats, name: str, rows: Sequence[Row]) -> float:
    """The probability with the best F1 of a binary label, each set counting the same; 0.5 where no row has it."""
    known = [(place, row.binary[name], row.source) for place, row in enumerate(rows) if name in row.binary]
    if not any(label for _, label, _ in known):
        return 0.5
    places, labels, sources = (np.array(column) for column in zip(*known, strict=True))
    shares = 1 / (1 + np.exp(-logits[places]))
    weight = np.array([1 / (sources == source).sum() for source in sources])

    def score(least: float) -> float:
        said = shares >= least
        right = weight[said & (labels == 1)].sum()
        return float(2 * right / max(1e-9, weight[said].sum() + weight[labels == 1].sum()))

    # the middle of the thresholds that are as good: the edge of the best one is luck
    every = [round(float(t), 2) for t in np.arange(0.1, 0.91, 0.02)]
    best = max(map(score, every))
    good = [t for t in every if score(t) >= best - 0.002]
    return good[len(good) // 2]


def best_temperature(logits: Floats, labels: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> float:
    """The temperature with the least weighted negative log-likelihood, to two decimals (Guo et al. 2017)."""

    def loss(temperature: float) -> float:
        chosen = softmax((logits / temperature).astype(np.float32))[np.arange(len(labels)), labels]
        return float((-np.log(chosen + 1e-12) * weights).sum())

    return min((round(float(t), 2) for t in np.arange(0.5, 3.0, 0.01)), key=loss)


def torch_logits(model: Path, texts: Sequence[str], max_tokens: int) -> Floats:
    """What the fp32 network says of sentiment, text by text."""
    network, encoder = load(model).eval(), Encoder(model / "tokenizer.json", max_tokens)
    logits = []
    with torch.inference_mode():
        for ids in encoder.encode(texts):
            tokens, mask = padded([ids], encoder.pad_id)
            logits.append(network(tokens, mask).sentiment.numpy()[0])
    return np.stack(logits)


def check(model: Path, folder: Path, texts: Sequence[str]) -> dict[str, float]:
    """Agreement with torch in fp32 and the largest difference between alone and in a batch, over all heads."""
    served = OnnxModel(folder)
    together, exact = served.raw(texts), torch_logits(model, texts, read_card(folder).max_tokens)
    alone = [served.raw([text]) for text in texts]
    differences = [
        np.abs(np.concatenate([getattr(one, head) for one in alone]) - getattr(together, head)).max()
        for head in ("sentiment", "aspects", "binary", "vector")
    ]
    return {
        "texts": len(texts),
        "agreement": float((together.sentiment.argmax(1) == exact.argmax(1)).mean()),
        "mean_probability_difference": float(np.abs(softmax(together.sentiment) - softmax(exact)).mean()),
        "largest_batch_difference": float(max(differences)),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder written by nlp.training.train")
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--own", type=Path, help="CSV with every label that was not trained on: calibrates too")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", default="earshot-12l", help="name that every analysis carries")
    parser.add_argument("--limit", type=int, default=800, help="calibrate on so many dev rows of a set")
    parser.add_argument("--check", type=int, default=500, help="random dev rows compared with torch")
    args = parser.parse_args(argv)
    training = json.loads((args.model / "training.json").read_text(encoding="utf-8"))
    rows = of_each_set(read_rows(args.rows / "dev.jsonl.gz"), args.limit, seed=13)
    random.Random(13).shuffle(rows)
    rows += read_own(args.own) if args.own else []
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out) as name:  # a folder with a card is taken for finished
        part = Path(name)
        encoder = Encoder(args.model / "tokenizer.json", training["max_tokens"])
        read = read_rows(args.rows / "train.jsonl.gz")
        onnx.save(int8_graph(load(args.model), encoder, read), str(part / "model.onnx"))
        shutil.copyfile(args.model / "tokenizer.json", part / "tokenizer.json")
        card = Card(args.name, training["max_tokens"], 1.0, UNSURE_BELOW, categories=CATEGORIES, binary=BINARY)
        write_card(part, card)
        card = calibrated(card, OnnxModel(part).raw([row.text for row in rows]), rows)
        write_card(part, card)
        found = check(args.model, part, [row.text for row in rows[: args.check]])
        print(json.dumps(msgspec.to_builtins(card) | found, indent=2))
        if found["agreement"] < LEAST_AGREEMENT or found["largest_batch_difference"] != 0:
            sys.exit("the exported model does not agree with the trained one: it is not fit to ship")
        (args.out / CARD).unlink(missing_ok=True)
        for file in ("model.onnx", "tokenizer.json", CARD):
            (part / file).replace(args.out / file)


if __name__ == "__main__":
    main()
