"""Writes the network as the "rowq" ONNX graph: int8 with one activation scale per token.

Stock dynamic quantisation has one activation scale per batch tensor, so a text's score depends on
its batch mates (measured: up to 0.29 in probability). Here the activation row of each token is
scaled by its own maximum, so a text's score depends on the text alone. Weights are int8 per output
channel, word embeddings int8 per row; attention itself, norms and biases stay float. How weights are
rounded: nlp.training.rounding.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from nlp.training.rounding import Inputs, evening, rounded

FUSED = "com.microsoft"  # ONNX Runtime's own operators
GELU_ZERO = 32  # of 255 steps: GELU's output goes down to -0.17 (x * Phi(x) at x = -0.7518) and far up
GELU_LEAST = 0.17 / GELU_ZERO  # the least step that still reaches down there
OPSET, IR_VERSION = 18, 9
HEAD_NAMES = ("queries", "aspect_weight", "aspect_bias", "binary_weight", "binary_bias")  # kept as floats

Floats = npt.NDArray[np.float32]


class BertShape:
    """The sizes a graph needs, from a Hugging Face BertConfig given as a mapping."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self.hidden = int(str(config["hidden_size"]))
        self.layers = int(str(config["num_hidden_layers"]))
        self.heads = int(str(config["num_attention_heads"]))
        self.epsilon = float(str(config["layer_norm_eps"]))


class _Graph:
    """Nodes and initializers under construction; methods return the name of their output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._count = 0

    def tensor(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def many(self, outputs: int, kind: str, inputs: list[str], domain: str = "", **attributes: object) -> list[str]:
        self._count += 1
        names = [f"{kind}_{self._count}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def one(self, kind: str, inputs: list[str], domain: str = "", **attributes: object) -> str:
        return self.many(1, kind, inputs, domain, **attributes)[0]


class Quantised(NamedTuple):
    """Names of uint8 activations, of the factor a row that undoes their scaling, of their zero point."""

    values: str
    factor: str
    zero_point: str


class _Writer:
    def __init__(self, weights: Mapping[str, Floats], shape: BertShape, seen: Mapping[str, Inputs]) -> None:
        self.weights, self.shape, self.seen, self.graph = weights, shape, seen, _Graph()
        constants = {
            "least": np.float32(1e-12),
            "unit": np.float32(1),
            "1/127": np.float32(1 / 127),
            "middle": np.uint8(128),
            "1/gelu": np.float32(1 / (255 - GELU_ZERO)),
            "gelu_zero": np.uint8(GELU_ZERO),
            "gelu_least": np.float32(GELU_LEAST),
            "first": np.array([0], np.int64),
            "second": np.array([1], np.int64),
            "last_axis": np.array([-1], np.int64),
            "hidden": np.array([shape.hidden], np.int64),
            "by_token": np.array([-1, shape.hidden], np.int64),
        }
        for name, value in constants.items():
            self.graph.tensor(name, np.asarray(value))
        sizes = [self.graph.one("Shape", ["input_ids"]), "hidden"]
        self.by_text = self.graph.one("Concat", sizes, axis=0)  # [batch, tokens, hidden]

    def quantised(self, rows: str) -> Quantised:
        """Symmetric: from -peak to peak of each row."""
        g = self.graph
        highest = g.one("ReduceMax", [rows, "last_axis"], keepdims=0)
        lowest = g.one("ReduceMin", [rows, "last_axis"], keepdims=0)
        peak = g.one("Max", [highest, g.one("Neg", [lowest]), "least"])
        return self.by_rows(rows, g.one("Mul", [peak, "1/127"]), "middle")

    def quantised_gelu(self, rows: str) -> Quantised:
        """From GELU's minimum to the peak of each row."""
        g = self.graph
        peak = g.one("Mul", [g.one("ReduceMax", [rows, "last_axis"], keepdims=0), "1/gelu"])
        return self.by_rows(rows, g.one("Max", [peak, "gelu_least"]), "gelu_zero")

    def by_rows(self, rows: str, scale: str, zero_point: str) -> Quantised:
        """Each row [rows, columns] by its own scale [rows]."""
        g = self.graph
        zero_points = g.one("Expand", [zero_point, g.one("Shape", [scale])])
        values = g.one("QuantizeLinear", [rows, scale, zero_points], axis=0)
        return Quantised(values, g.one("Unsqueeze", [scale, "second"]), zero_point)

    def product(self, rows: Quantised, name: str, weights: Floats, seen: Inputs | None) -> str:
        """rows x weights.T (weights as torch keeps them: [out, in]), bias not added."""
        g = self.graph
        values, scale = rounded(weights, seen.moments if seen else None)
        constants = [g.tensor(f"{name}.int8", values.T), "unit", g.tensor(f"{name}.scale", scale), rows.zero_point]
        return g.one("Mul", [g.one("MatMulIntegerToFloat", [rows.values, *constants], FUSED), rows.factor])

    def evened(self, states: str, name: str, weights: Floats) -> str:
        """states x weights.T, with columns evened first where it was seen what the states are like."""
        seen = self.seen.get(name)
        if seen:
            even = evening(seen.peaks, weights)
            states = self.graph.one("Mul", [states, self.graph.tensor(f"{name}.evened", 1 / even)])
            weights, seen = weights * even, seen.divided(even)
        return self.product(self.quantised(states), name, weights, seen)

    def vector(self, name: str) -> str:
        return self.graph.tensor(name, self.weights[name])

    def joined(self, prefix: str, parts: tuple[str, ...], kind: str) -> Floats:
        return np.concatenate([self.weights[f"{prefix}.attention.self.{part}.{kind}"] for part in parts])

    def embeddings(self) -> str:
        g, prefix = self.graph, "bert.embeddings"
        values, scale = rounded(self.weights[f"{prefix}.word_embeddings.weight"])
        words = g.one("Gather", [g.tensor("words.int8", values), "input_ids"])
        scales = g.one("Gather", [g.tensor("words.scale", scale[:, None]), "input_ids"])
        words = g.one("Mul", [g.one("Cast", [words], to=TensorProto.FLOAT), scales])
        fixed = self.weights[f"{prefix}.position_embeddings.weight"]
        fixed = fixed + self.weights[f"{prefix}.token_type_embeddings.weight"][0]
        length = g.one("Shape", ["input_ids"], start=1, end=2)
        places = g.one("Slice", [g.tensor("positions", fixed), "first", length])
        norm = [self.vector(f"{prefix}.LayerNorm.{kind}") for kind in ("weight", "bias")]
        summed = g.one("Add", [words, places])
        normal = g.one("LayerNormalization", [summed, *norm], axis=-1, epsilon=self.shape.epsilon)
        return g.one("Reshape", [normal, "by_token"])

    def attention(self, states: str, prefix: str) -> str:
        """Attention's output before its last product."""
        g, hidden = self.graph, self.shape.hidden
        bias = g.tensor(f"{prefix}.qkv.bias", self.joined(prefix, ("query", "key", "value"), "bias"))
        weights = self.joined(prefix, ("query", "key", "value"), "weight")
        every = self.evened(states, f"{prefix}.qkv", weights)
        sizes = g.tensor(f"{prefix}.sizes", np.array([hidden] * 3, np.int64))
        parts = g.many(3, "Split", [every, sizes], axis=-1)
        texts = [g.one("Reshape", [part, self.by_text]) for part in parts]
        mixed = g.one("MultiHeadAttention", [*texts, bias, "attention_mask"], FUSED, num_heads=self.shape.heads)
        return g.one("Reshape", [mixed, "by_token"])

    def added(self, product: str, states: str, name: str, bias: str) -> str:
        """LayerNorm(states + product + bias). Not as ONNX Runtime's SkipLayerNormalization, which goes through the
        numbers one by one and took a fifth of all time (1.32)."""
        g, norm = self.graph, [self.vector(f"{name}.LayerNorm.{kind}") for kind in ("weight", "bias")]
        summed = g.one("Add", [g.one("Add", [product, bias]), states])
        return g.one("LayerNormalization", [summed, *norm], axis=-1, epsilon=self.shape.epsilon)

    def dense(self, rows: Quantised, name: str) -> str:
        return self.product(rows, name, self.weights[f"{name}.weight"], self.seen.get(name))

    def layer(self, states: str, number: int) -> str:
        prefix = f"bert.encoder.layer.{number}"
        context, name = self.attention(states, prefix), f"{prefix}.attention.output"
        mixed = self.dense(self.quantised(context), f"{name}.dense")
        states = self.added(mixed, states, name, self.vector(f"{name}.dense.bias"))
        name = f"{prefix}.intermediate.dense"
        inner = self.evened(states, name, self.weights[f"{name}.weight"])
        inner = self.graph.one("BiasGelu", [inner, self.vector(f"{name}.bias")], FUSED)
        name = f"{prefix}.output"
        found = self.dense(self.quantised_gelu(inner), f"{name}.dense")
        return self.added(found, states, name, self.vector(f"{name}.dense.bias"))

    def sentiment(self, states: str) -> str:
        """Pooler and classifier; the last product as multiply and sum, which no batch size changes."""
        g, name = self.graph, "bert.pooler.dense"
        first = g.one("Gather", [states, g.tensor("zero", np.array([0], np.int64))], axis=1)
        # Training starts the pooler at the identity; int8 beside those ones would round all it learnt away.
        learnt = self.weights[f"{name}.weight"] - np.eye(self.shape.hidden, dtype=np.float32)
        rows = self.quantised(g.one("Reshape", [first, "by_token"]))
        pooled = g.one(
            "Add", [first, g.one("Unsqueeze", [self.product(rows, name, learnt, self.seen.get(name)), "second"])]
        )
        pooled = g.one("Tanh", [g.one("Add", [pooled, self.vector(f"{name}.bias")])])
        return self.weighed(pooled, "classifier.weight", "classifier.bias")

    def weighed(self, rows: str, weight: str, bias: str) -> str:
        """Sum over the last axis of rows x weight, plus bias."""
        g = self.graph
        product = g.one("Mul", [rows, self.vector(weight)])
        return g.one("Add", [g.one("ReduceSum", [product, "last_axis"], keepdims=0), self.vector(bias)])

    def shares(self, states: str) -> str:
        """How each query weighs the tokens: [batch, queries, tokens], summing to 1 over the real ones."""
        g = self.graph
        scores = g.one("MatMul", [states, g.tensor("queries.T", self.weights["queries"].T)])
        real = g.one("Unsqueeze", [g.one("Cast", ["attention_mask"], to=TensorProto.FLOAT), "second"])
        hidden = g.one("Mul", [g.one("Sub", ["unit", real]), g.tensor("hide", np.array(-1e4, np.float32))])
        return g.one("Softmax", [g.one("Add", [g.one("Transpose", [scores], perm=[0, 2, 1]), hidden])], axis=-1)

    def heads(self, states: str) -> dict[str, str]:
        """Names of the outputs by what they are."""
        g, aspects = self.graph, self.weights["aspect_weight"].shape[0]
        shares = self.shares(states)
        sizes = g.tensor("heads", np.array([aspects, self.weights["binary_weight"].shape[0]], np.int64))
        read = g.many(2, "Split", [g.one("MatMul", [shares, states]), sizes], axis=1)
        each = g.one("Unsqueeze", [read[0], g.tensor("third", np.array([2], np.int64))])
        real = g.one("Unsqueeze", [g.one("Cast", ["attention_mask"], to=TensorProto.FLOAT), "second"])
        total = g.one(
            "Squeeze", [g.one("MatMul", [real, states]), "second"]
        )  # ReduceSum here differs by batch size
        return {
            "logits": self.sentiment(states),
            "aspects": self.weighed(each, "aspect_weight", "aspect_bias"),
            "binary": self.weighed(read[1], "binary_weight", "binary_bias"),
            "shares": g.many(2, "Split", [shares, sizes], axis=1)[0],
            "vector": total,
        }


def write_graph(
    weights: Mapping[str, Floats], shape: BertShape, seen: Mapping[str, Inputs], with_states: bool = False
) -> onnx.ModelProto:
    """The graph from input_ids and attention_mask (int32 [batch, tokens], 1 = real) to

    logits [batch, 3], aspects [batch, categories, 4], binary [batch, labels], shares [batch, categories, tokens]
    (how each aspect weighs the tokens), vector [batch, hidden] (the sum of the token states).
    `weights` are those of nlp.training.network.Network under their own names, `seen` is what the products are given
    (nlp.training.rounding.inputs_of); one that is absent is rounded without. `with_states` adds the last states
    [batch, tokens, hidden].
    """
    writer = _Writer(weights, shape, seen)
    states = writer.embeddings()
    for number in range(shape.layers):
        states = writer.layer(states, number)
    states = writer.graph.one("Reshape", [states, writer.by_text])
    outputs = writer.heads(states) | ({"states": states} if with_states else {})
    for name, value in outputs.items():
        writer.graph.nodes.append(helper.make_node("Identity", [value], [name]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    shapes = {
        "logits": ["batch", "labels"],
        "aspects": ["batch", "categories", "classes"],
        "binary": ["batch", "binary_labels"],
        "shares": ["batch", "categories", "tokens"],
        "vector": ["batch", "hidden"],
        "states": ["batch", "tokens", "hidden"],
    }
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in outputs]
    graph = helper.make_graph(writer.graph.nodes, "earshot", inputs, results, writer.graph.tensors)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="earshot")
