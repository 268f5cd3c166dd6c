"""How often a model folder names the label that its network names in fp32, on dev rows of the sets for sentiment.

    python benchmarks/int8_agreement.py --network RUN/model --model nlp/weights/accurate --rows ROWS

`nlp.training.export --check` compares rows of all sets; aspects, spam and complaints are easier to agree on than
moods. --network is what was exported (nlp.training.train), --rows what nlp.training.data wrote. For the accuracy
two-class rows choose between their two classes.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

from nlp.engine import OnnxModel, read_card
from nlp.training.data import NEUTRAL, of_each_set, read_rows
from nlp.training.export import torch_logits

A_SET = 800  # rows at most, so that no large set decides alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=Path, required=True, help="folder of the network in fp32")
    parser.add_argument("--model", type=Path, required=True, help="folder that was exported from it")
    parser.add_argument("--rows", type=Path, required=True, help="folder with dev.jsonl.gz")
    parser.add_argument("--count", type=int, default=2000, help="texts")
    args = parser.parse_args()
    rows = [
        row
        for row in of_each_set(read_rows(args.rows / "dev.jsonl.gz"), A_SET, seed=13)
        if row.sentiment is not None
    ]
    random.Random(13).shuffle(rows)
    rows = rows[: args.count]
    texts, labels = [row.text for row in rows], np.array([row.sentiment for row in rows])
    two = np.array([row.two_class for row in rows])
    answers = {
        "int8": OnnxModel(args.model).raw(texts).sentiment,
        "fp32": torch_logits(args.network, texts, read_card(args.model).max_tokens),
    }
    same = float((answers["int8"].argmax(1) == answers["fp32"].argmax(1)).mean())
    print(
        json.dumps(
            {"texts": len(texts), "agreement": same}
            | {of: right(found, labels, two) for of, found in answers.items()}
        )
    )


def right(logits: np.ndarray, labels: np.ndarray, two: np.ndarray) -> float:
    """Accuracy."""
    kept = logits.copy()
    kept[two, NEUTRAL] = -np.inf
    return float((kept.argmax(1) == labels).mean())


if __name__ == "__main__":
    main()
