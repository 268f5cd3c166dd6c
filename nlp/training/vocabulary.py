"""Give a model more word pieces of the tokenizer its base was pruned from.

    python -m nlp.training.vocabulary --model FOLDER --full FOLDER --texts FILE... --out FOLDER

A language whose pieces were pruned is read letter by letter: slow, and hard to learn. --full is the
unpruned base (same pieces, same rows); --texts are files of JSON lines with "text". The pieces that
shorten these texts most are appended after the old ones, so no id changes, with the
embeddings of the unpruned base. Train on afterwards.
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from nlp.normalise import for_model
from nlp.training.data import read_labelled

ROWS = "embeddings.word_embeddings.weight"


def most_useful(full: Tokenizer, pruned: Tokenizer, texts: Iterable[str], limit: int) -> list[int]:
    """Ids of the full tokenizer's pieces that `pruned` lacks, the most tokens saved first."""
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(full.encode(for_model(text), add_special_tokens=False).ids)
    saved = {}
    for piece, count in counts.items():
        name = piece_name(full, piece)
        if pruned.token_to_id(name) is None:
            spelt = pruned.encode(name.replace("▁", " ").strip(), add_special_tokens=False).ids
            saved[piece] = count * (len(spelt) - 1)
    return sorted((piece for piece in saved if saved[piece] > 0), key=lambda piece: (-saved[piece], piece))[:limit]


def piece_name(tokenizer: Tokenizer, piece: int) -> str:
    return str(tokenizer.id_to_token(piece))


def extend(model: Path, full: Path, pieces: list[int], out: Path) -> None:
    """Write `model` with these pieces of `full` appended to vocabulary and embeddings."""
    left_out = shutil.ignore_patterns("tokenizer.json")  # written last: who finds it has a whole folder
    shutil.copytree(model, out, dirs_exist_ok=True, copy_function=shutil.copyfile, ignore=left_out)
    weights = load_file(model / "model.safetensors")
    name = next(key for key in weights if key.endswith(ROWS))
    source = load_file(full / "model.safetensors")
    added = source[next(key for key in source if key.endswith(ROWS))][pieces].astype(weights[name].dtype)
    weights[name] = np.concatenate([weights[name], added])
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    tokenizer, upstream = (json.loads((folder / "tokenizer.json").read_bytes()) for folder in (model, full))
    tokenizer["model"]["vocab"] += [upstream["model"]["vocab"][piece] for piece in pieces]
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["vocab_size"] = len(weights[name])
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="BERT folder with the pruned tokenizer")
    parser.add_argument("--full", type=Path, required=True, help="the unpruned base")
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="train.jsonl.gz files of the sets")
    parser.add_argument("--limit", type=int, default=5500, help="pieces to add: 388 bytes each in the shipped file")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)
    full, pruned = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (args.full, args.model))
    texts = [row.text for path in args.texts for row in read_labelled(path)]
    pieces = most_useful(full, pruned, texts, args.limit)
    extend(args.model, args.full, pieces, args.out)
    print(f"{len(pieces)} pieces added, the first: {' '.join(piece_name(full, piece) for piece in pieces[:20])}")


if __name__ == "__main__":
    main()
