"""Trained networks in fp32, and what merging makes of them, side by side on dev rows: what an ablation says.

    python -m nlp.training.compare --rows ROWS START RUN/model START+RUN/model:0.5+RUN2/model:0.3

Macro-F1 of sentiment (sets without neutral choose between two classes), micro-F1 of aspects with their polarity, F1
of binary labels, in percent, set by set and on average over the sets. Thresholds are fitted on the same rows as an
export does, so the figures lean to the hopeful side, each network's alike. Nothing is rounded to int8. The means
are of public sets; `--sets own` reads the texts of our own that were kept from training.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch

from nlp.encoder import Encoder
from nlp.engine import softmax
from nlp.evaluation.metrics import f1
from nlp.heads import BINARY
from nlp.training.baseline import macro_f1
from nlp.training.batching import cut, padded
from nlp.training.data import NEUTRAL, OURS, Row, of_each_set, read_rows
from nlp.training.export import Cells, Floats, aspect_scores, aspects_for, threshold_for
from nlp.training.merge import merge, share_of
from nlp.training.network import Network

Scores = dict[tuple[str, str], float]  # (head, set) -> percent


class Answers(NamedTuple):
    """Logits: sentiment [rows, 3], aspects [rows, categories, 4], binary [rows, labels]."""

    sentiment: Floats
    aspects: Floats
    binary: Floats


def network_of(words: str) -> tuple[Path, Network]:
    """The folder that START+FOLDER:SHARE+... begins with, and what `merge` makes of all. Raises ValueError when a
    share is no number or the networks are not of one shape."""
    start, *added = words.split("+")
    network = merge(Path(start), dict(map(share_of, added)))
    network.eval()
    return Path(start), network


def answers(
    network: Network, encoder: Encoder, rows: Sequence[Row], batch_tokens: int, bf16: bool = False
) -> Answers:
    ids = encoder.encode([row.text for row in rows])
    lengths = [len(one) for one in ids]
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    read: list[tuple[Floats, ...]] = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for batch in cut(order, lengths, batch_tokens):
            outputs = network(*padded([ids[row] for row in batch], encoder.pad_id))
            read.append(
                tuple(head.float().numpy() for head in (outputs.sentiment, outputs.aspects, outputs.binary))
            )
    back = np.argsort(order)
    return Answers(*(np.concatenate(parts)[back] for parts in zip(*read, strict=True)))


def scores(given: Answers, rows: Sequence[Row]) -> Scores:
    """Of every set the heads that it has labels for."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[row.source].append(place)
    found = {}
    for source, of in places.items():
        labelled = [place for place in of if rows[place].sentiment is not None]
        if labelled:  # by people, or agreed by their aspects (SetSpec.agreed)
            first = rows[of[0]]
            head = "sentiment" if first.aspects is None or first.every_label else "agreed"
            found[head, source] = sentiment_score(given.sentiment[labelled], [rows[at] for at in labelled])
    found |= {("aspects", source): 100 * score for source, score in aspect_sets(given, rows).items()}
    for number, name in enumerate(BINARY):
        found |= {
            ("binary", source): 100 * score for source, score in binary_sets(given, rows, number, name).items()
        }
    return found


def sentiment_score(logits: Floats, rows: Sequence[Row]) -> float:
    kept = logits.copy()
    kept[[row.two_class for row in rows], NEUTRAL] = -np.inf
    return 100 * macro_f1([row.sentiment or 0 for row in rows], kept.argmax(1).tolist())


def aspect_sets(given: Answers, rows: Sequence[Row]) -> dict[str, float]:
    if not any(row.aspects for row in rows):
        return {}
    cells = Cells.of(rows)
    warm, least = aspects_for(given.aspects, rows)
    return aspect_scores(softmax(given.aspects[cells.rows, cells.categories] / np.float32(warm)), cells, least)


def binary_sets(given: Answers, rows: Sequence[Row], number: int, name: str) -> dict[str, float]:
    shares, least = 1 / (1 + np.exp(-given.binary[:, number])), threshold_for(given.binary[:, number], name, rows)
    found = {}
    for source in dict.fromkeys(row.source for row in rows if name in row.binary):
        of = [place for place, row in enumerate(rows) if row.source == source and name in row.binary]
        said, true = shares[of] >= least, np.array([rows[place].binary[name] for place in of]) == 1
        found[source] = f1(int((said & true).sum()), int(said.sum()), int(true.sum()))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="FOLDER", help="or START+FOLDER:SHARE+...: merged")
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--limit", type=int, default=500, help="dev rows of a set, at most")
    parser.add_argument("--sets", nargs="+", help=f'these only; "{OURS}": texts of our own')
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--batch-tokens", type=int, default=4096, help="tokens read together, padding included")
    parser.add_argument("--bf16", action="store_true", help="faster where the processor has AVX512_BF16 or AMX")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    every = read_rows(args.rows / "dev.jsonl.gz")
    sets = args.sets or {row.source for row in every} - {OURS}
    rows = of_each_set([row for row in every if row.source in sets], args.limit, seed=3)
    if not rows:
        parser.error(f"{args.rows} has no dev rows of {args.sets}")
    columns: list[Scores] = []
    for number, words in enumerate(args.networks, 1):
        try:
            start, network = network_of(words)
        except (OSError, ValueError) as error:
            parser.error(f"{words}: {error}")
        encoder = Encoder(start / "tokenizer.json", args.max_tokens)
        columns.append(scores(answers(network, encoder, rows, args.batch_tokens, args.bf16), rows))
        print(f"{number}: {words}", flush=True)
    print("\n".join(table(columns)))


def table(columns: Sequence[Scores]) -> list[str]:
    """A line a head and set, then the mean of every head over its sets."""
    heads: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for head, source in columns[0]:
        heads[head].append((head, source))
    lines = [_line(", ".join(key), [column[key] for column in columns]) for key in columns[0]]
    return lines + [
        _line(f"{head}, mean of {len(keys)}", [fmean(column[key] for key in keys) for column in columns])
        for head, keys in heads.items()
    ]


def _line(name: str, values: Sequence[float]) -> str:
    return f"{name:40s}" + "".join(f"{value:8.1f}" for value in values)


if __name__ == "__main__":
    main()
