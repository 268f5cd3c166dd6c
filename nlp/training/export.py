"""Write a fine-tuned BERT classifier as a model folder that nlp.engine serves.

    python -m nlp.training.export --model RUN/model --rows ROWS --out FOLDER

FOLDER gets model.onnx (the int8 graph of nlp.training.rowq), tokenizer.json and earshot.json. The
temperature is fitted on the dev rows. The export fails unless the written model names the same
label as torch in fp32 on 99 % of a sample of the dev rows, and unless every probability is
the same to the last bit alone and in a batch.
"""

import argparse
import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import torch
from transformers import BertForSequenceClassification

from nlp.encoder import Encoder
from nlp.engine import CARD, Card, OnnxSentiment, read_card, softmax
from nlp.training.data import NEUTRAL, Row, read_rows
from nlp.training.rowq import BertShape, write_graph
from nlp.training.train import padded

LEAST_AGREEMENT = 0.99
UNSURE_BELOW = 0.5  # a calibrated p below it is more likely wrong than right
Floats = npt.NDArray[np.float32]


def export(model: Path, out: Path) -> None:
    """Write model.onnx and tokenizer.json; an older model.onnx there is replaced whole."""
    network = load(model)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    out.mkdir(parents=True, exist_ok=True)
    part = out / "model.onnx.part"
    onnx.save(write_graph(weights, BertShape(network.config.to_dict())), str(part))
    part.replace(out / "model.onnx")
    shutil.copyfile(model / "tokenizer.json", out / "tokenizer.json")


def load(model: Path) -> BertForSequenceClassification:
    return BertForSequenceClassification.from_pretrained(model, dtype=torch.float32).eval()


def write_card(folder: Path, card: Card) -> None:
    text = json.dumps(msgspec.to_builtins(card), indent=2) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")


def temperature_for(folder: Path, rows: Sequence[Row]) -> float:
    """The temperature of the exported model that fits these rows best.

    Each set counts by the square root of its rows; two-class rows are judged without neutral.
    """
    logits = OnnxSentiment(folder).logits([row.text for row in rows])
    logits[[row.two_class for row in rows], NEUTRAL] = -1e4
    sizes = Counter(row.source for row in rows)
    weights = np.array([sizes[row.source] ** -0.5 for row in rows])
    return best_temperature(logits, np.array([row.label for row in rows]), weights)


def best_temperature(logits: Floats, labels: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> float:
    """The temperature with the least weighted negative log-likelihood, to two decimals (Guo et al. 2017)."""

    def loss(temperature: float) -> float:
        chosen = softmax((logits / temperature).astype(np.float32))[np.arange(len(labels)), labels]
        return float((-np.log(chosen + 1e-12) * weights).sum())

    return min((round(float(t), 2) for t in np.arange(0.5, 3.0, 0.01)), key=loss)


def torch_logits(model: Path, texts: Sequence[str], max_tokens: int) -> Floats:
    """What the fp32 model says, text by text."""
    network, encoder = load(model), Encoder(model / "tokenizer.json", max_tokens)
    logits = []
    with torch.inference_mode():
        for ids in encoder.encode(texts):
            tokens, mask = padded([ids], encoder.pad_id)
            logits.append(network(input_ids=tokens, attention_mask=mask).logits.numpy()[0])
    return np.stack(logits)


def check(model: Path, folder: Path, texts: Sequence[str]) -> dict[str, float]:
    """Agreement with torch in fp32 and the largest difference between alone and in a batch."""
    served = OnnxSentiment(folder)
    together, exact = served.logits(texts), torch_logits(model, texts, read_card(folder).max_tokens)
    alone = np.concatenate([served.logits([text]) for text in texts])
    return {
        "texts": len(texts),
        "agreement": float((together.argmax(1) == exact.argmax(1)).mean()),
        "mean_probability_difference": float(np.abs(softmax(together) - softmax(exact)).mean()),
        "largest_batch_difference": float(np.abs(together - alone).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder written by nlp.training.train")
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", default="earshot-sentiment-12l", help="name that every analysis carries")
    parser.add_argument("--limit", type=int, help="calibrate on so many random dev rows instead of all")
    parser.add_argument("--check", type=int, default=1000, help="random dev rows compared with torch")
    args = parser.parse_args()
    training = json.loads((args.model / "training.json").read_text(encoding="utf-8"))
    rows = read_rows(args.rows / "dev.jsonl.gz")
    random.Random(13).shuffle(rows)
    export(args.model, args.out)
    card = Card(args.name, training["max_tokens"], temperature=1.0, unsure_below=UNSURE_BELOW)
    write_card(args.out, card)
    card = msgspec.structs.replace(card, temperature=temperature_for(args.out, rows[: args.limit]))
    write_card(args.out, card)
    found = check(args.model, args.out, [row.text for row in rows[: args.check]])
    print(json.dumps(msgspec.to_builtins(card) | found, indent=2))
    if found["agreement"] < LEAST_AGREEMENT or found["largest_batch_difference"] != 0:
        sys.exit("the exported model does not agree with the trained one: it is not fit to ship")


if __name__ == "__main__":
    main()
