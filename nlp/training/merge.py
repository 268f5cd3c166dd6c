"""Add to a network what others learnt that started from it, each for its own kind of text, without training again.

    python -m nlp.training.merge --base START --add RUN/model:0.5 --add RUN2/model:0.3 --out FOLDER

A specialist, trained from START on the rows of a few sets (nlp.training.data --specs), differs from it by a vector
of weights; a share of each vector is added (task arithmetic: Ilharco et al. 2022, arXiv 2212.04089). Half of what a
specialist gained comes at a small part of what it forgot. Shares are chosen on dev rows.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from nlp.training.network import Network, load, save


def merge(base: Path, shares: dict[Path, float]) -> Network:
    """The network of `base` plus so much of the way to each other. Raises ValueError for one of another shape."""
    network = load(base)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    merged = {name: value.clone() for name, value in start.items()}
    for folder, share in shares.items():
        other = load(folder).state_dict()
        odd = [name for name, value in start.items() if name not in other or other[name].shape != value.shape]
        if odd or other.keys() != start.keys():
            raise ValueError(
                f"{folder} did not start from {base}: {(odd or sorted(other.keys() ^ start.keys()))[0]}"
            )
        for name, value in start.items():
            if torch.is_floating_point(value):
                merged[name] += share * (other[name] - value)
    network.load_state_dict(merged)
    return network


def share_of(word: str) -> tuple[Path, float]:
    folder, _, share = word.rpartition(":")
    return Path(folder), float(share)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="what the others started from")
    parser.add_argument(
        "--add", type=share_of, required=True, action="append", metavar="FOLDER:SHARE", help="0 adds nothing, 1 all"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)
    save(merge(args.base, dict(args.add)), args.out)
    for name in ("tokenizer.json", "training.json"):  # the export wants to know how long a text may be
        shutil.copyfile(args.add[0][0] / name, args.out / name)
    print(json.dumps({"base": str(args.base), "added": {str(folder): share for folder, share in args.add}}))


if __name__ == "__main__":
    main()
