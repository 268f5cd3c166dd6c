"""From a shipped model folder back to a network that training goes on with.

    python -m nlp.training.restore --weights nlp/weights/accurate --out FOLDER

The int8 weights are multiplied out; what rounding took (under 0.3 points of accuracy) a few steps give back. So a
machine without the training sets, or a later day, starts where the shipped model stands.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from nlp.training.network import Network, config_of, save
from nlp.training.rowq import HEAD_NAMES

GELU_MINIMUM = -0.17  # of x * Phi(x): -0.16997
Tensors = dict[str, npt.NDArray[np.float32]]


def restore(folder: Path, heads: int = 12) -> Network:
    """The network of a folder written by nlp.training.export, heads included as far as it has them.

    `heads`: of attention; a graph does not tell how many.
    """
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(folder / "model.onnx")).graph.initializer}
    words = tensors["words.int8"].astype(np.float32) * tensors["words.scale"]
    layers = 1 + max(int(name.split(".")[3]) for name in tensors if name.startswith("bert.encoder.layer."))
    network = Network(
        config_of(
            {
                "vocab_size": len(words),
                "hidden_size": words.shape[1],
                "num_hidden_layers": layers,
                "num_attention_heads": heads,
                "intermediate_size": tensors["bert.encoder.layer.0.intermediate.dense.bias"].shape[0],
                "max_position_embeddings": tensors["positions"].shape[0],
                "type_vocab_size": 1,
                "pad_token_id": 1,
                "layer_norm_eps": 1e-12,
            }
        )
    )
    state: Tensors = {
        "bert.embeddings.word_embeddings.weight": words,
        "bert.embeddings.position_embeddings.weight": tensors["positions"],
        "bert.embeddings.token_type_embeddings.weight": np.zeros((1, words.shape[1]), np.float32),
    }
    for number in range(layers):
        state.update(_layer(tensors, f"bert.encoder.layer.{number}"))
    state["bert.pooler.dense.weight"] = _matrix(tensors, "bert.pooler.dense") + np.eye(
        words.shape[1], dtype=np.float32
    )
    kept = ("LayerNorm.weight", "LayerNorm.bias", "pooler.dense.bias", "classifier.weight", "classifier.bias")
    state.update({name: value for name, value in tensors.items() if name.endswith(kept) or name in HEAD_NAMES})
    with_heads = "queries.T" in tensors
    if with_heads:
        state["queries"] = tensors["queries.T"].T
    ready = {name: torch.from_numpy(np.array(value, np.float32)) for name, value in state.items()}
    missing, unknown = network.load_state_dict(ready, strict=False)
    absent = [name for name in missing if "position_ids" not in name and (with_heads or "bert." in name)]
    if unknown or absent:
        raise ValueError(f"{folder} was not written by nlp.training.export: {(unknown or absent)[:3]}")
    return network


def _layer(tensors: Tensors, prefix: str) -> Tensors:
    found: Tensors = {}
    joined, biases = _matrix(tensors, f"{prefix}.qkv"), tensors[f"{prefix}.qkv.bias"]
    for name, weight, bias in zip(("query", "key", "value"), np.split(joined, 3), np.split(biases, 3), strict=True):
        found[f"{prefix}.attention.self.{name}.weight"] = weight
        found[f"{prefix}.attention.self.{name}.bias"] = bias
    for name in ("attention.output.dense", "intermediate.dense", "output.dense"):
        found[f"{prefix}.{name}.weight"] = _matrix(tensors, f"{prefix}.{name}")
        if f"{prefix}.{name}.bias" in tensors:
            found[f"{prefix}.{name}.bias"] = tensors[f"{prefix}.{name}.bias"]
    # A graph from before rowq.GELU_ZERO, as earshot-6l's, took the minimum off and gave it to the bias.
    if f"{prefix}.output.bias" in tensors:
        taken = GELU_MINIMUM * found[f"{prefix}.output.dense.weight"].sum(axis=1)
        found[f"{prefix}.output.dense.bias"] = tensors[f"{prefix}.output.bias"] - taken
    return found


def _matrix(tensors: Tensors, name: str) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = (
        tensors[f"{name}.int8"].T.astype(np.float32) * tensors[f"{name}.scale"][:, None]
    )
    return values * tensors.get(f"{name}.evened", np.float32(1))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="folder with model.onnx and tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)
    save(restore(args.weights), args.out)
    shutil.copyfile(args.weights / "tokenizer.json", args.out / "tokenizer.json")
    print(json.dumps({"from": str(args.weights), "to": str(args.out)}))


if __name__ == "__main__":
    main()
