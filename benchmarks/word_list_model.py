"""A model folder made on the spot: sentiment from two lists of characters, thousands of texts a second.

For runs where the model must be real to the rest (a folder, ONNX Runtime, batches) but must not be the thing
that takes the time. It judges nothing well.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing

NEGATIVE = "差太贵烂坏退"
POSITIVE = "好喜爱赞棒"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


def build(folder: Path) -> Path:
    """Write model.onnx, tokenizer.json and earshot.json; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    words = SPECIAL + list(NEGATIVE + POSITIVE)
    weights = np.zeros((len(words), 3), np.float32)
    weights[SPECIAL.index("<s>")] = (0.0, 1.0, 0.0)
    for word in words[len(SPECIAL) :]:
        weights[words.index(word), 0 if word in NEGATIVE else 2] = 2.0
    _tokenizer(words).save(str(folder / "tokenizer.json"))
    onnx.save(_graph(weights), folder / "model.onnx")
    card = {"name": "word-list", "max_tokens": 128, "temperature": 1.0, "unsure_below": 0.4}
    (folder / "earshot.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def _tokenizer(words: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split(Regex("."), "isolated")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(word, words.index(word)) for word in ("<s>", "</s>")]
    )
    return tokenizer


def _graph(weights: np.ndarray) -> onnx.ModelProto:
    """logits = sum over the tokens, where the mask is 1, of the weights of each token."""
    tokens = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", 3])
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["looked_up"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide_mask"]),
        helper.make_node("Mul", ["looked_up", "wide_mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "second"], ["logits"], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([2], np.int64), "last"),
        numpy_helper.from_array(np.array([1], np.int64), "second"),
    ]
    graph = helper.make_graph(nodes, "word_list", tokens, [logits], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
