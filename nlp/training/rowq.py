"""Writes a BERT classifier as the "rowq" ONNX graph: int8 with one activation scale per token.

Stock dynamic quantisation has one activation scale per batch tensor, so a text's score depends on
its batch mates (measured: up to 0.29 in probability). Here the activation row of each token is
scaled by its own maximum, so a text's score depends on the text alone. Weights are int8 per output
channel, word embeddings int8 per row; attention itself, norms and biases stay float.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

FUSED = "com.microsoft"  # ONNX Runtime's own operators
GELU_LEAST = -0.17  # the minimum of x * Phi(x) is -0.16997, at x = -0.7518
OPSET, IR_VERSION = 18, 9

Floats = npt.NDArray[np.float32]


class BertShape:
    """The sizes a graph needs, from a Hugging Face BertConfig given as a mapping."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self.hidden = int(str(config["hidden_size"]))
        self.layers = int(str(config["num_hidden_layers"]))
        self.heads = int(str(config["num_attention_heads"]))
        self.epsilon = float(str(config["layer_norm_eps"]))


def quantise_rows(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """int8 values [rows, columns] and one scale a row: weights ~ values * scale[:, None]."""
    scale = np.maximum(np.abs(weights).max(axis=1), 1e-12) / 127
    return np.rint(weights / scale[:, None]).astype(np.int8), scale.astype(np.float32)


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
    def __init__(self, weights: Mapping[str, Floats], shape: BertShape) -> None:
        self.weights, self.shape, self.graph = weights, shape, _Graph()
        constants = {
            "least": np.float32(1e-12),
            "unit": np.float32(1),
            "127": np.float32(127),
            "1/127": np.float32(1 / 127),
            "middle": np.uint8(128),
            "255": np.float32(255),
            "1/255": np.float32(1 / 255),
            "bottom": np.uint8(0),
            "gelu_least": np.float32(GELU_LEAST),
            "first": np.array([0], np.int64),
            "second": np.array([1], np.int64),
            "last_axis": np.array([-1], np.int64),
        }
        for name, value in constants.items():
            self.graph.tensor(name, np.asarray(value))

    def quantised(self, rows: str) -> Quantised:
        """Symmetric: from -peak to peak of each row."""
        g = self.graph
        highest = g.one("ReduceMax", [rows, "last_axis"], keepdims=1)
        lowest = g.one("ReduceMin", [rows, "last_axis"], keepdims=1)
        peak = g.one("Max", [highest, g.one("Neg", [lowest]), "least"])
        scaled = g.one("Mul", [rows, g.one("Div", ["127", peak])])
        values = g.one("QuantizeLinear", [scaled, "unit", "middle"])
        return Quantised(values, g.one("Mul", [peak, "1/127"]), "middle")

    def quantised_gelu(self, rows: str) -> Quantised:
        """GELU's output less its minimum: from 0 to the peak of each row, so no step is wasted below it."""
        g = self.graph
        above = g.one("Sub", [rows, "gelu_least"])
        peak = g.one("Max", [g.one("ReduceMax", [above, "last_axis"], keepdims=1), "least"])
        scaled = g.one("Mul", [above, g.one("Div", ["255", peak])])
        values = g.one("QuantizeLinear", [scaled, "unit", "bottom"])
        return Quantised(values, g.one("Mul", [peak, "1/255"]), "bottom")

    def product(self, rows: Quantised, name: str, weights: Floats) -> str:
        """rows x weights.T (weights as torch keeps them: [out, in]), bias not added."""
        g = self.graph
        values, scale = quantise_rows(weights)
        constants = [g.tensor(f"{name}.int8", values.T), "unit", g.tensor(f"{name}.scale", scale), rows.zero_point]
        return g.one("Mul", [g.one("MatMulIntegerToFloat", [rows.values, *constants], FUSED), rows.factor])

    def vector(self, name: str) -> str:
        return self.graph.tensor(name, self.weights[name])

    def joined(self, prefix: str, parts: tuple[str, ...], kind: str) -> Floats:
        return np.concatenate([self.weights[f"{prefix}.attention.self.{part}.{kind}"] for part in parts])

    def embeddings(self) -> str:
        g, prefix = self.graph, "bert.embeddings"
        values, scale = quantise_rows(self.weights[f"{prefix}.word_embeddings.weight"])
        words = g.one("Gather", [g.tensor("words.int8", values), "input_ids"])
        scales = g.one("Gather", [g.tensor("words.scale", scale[:, None]), "input_ids"])
        words = g.one("Mul", [g.one("Cast", [words], to=TensorProto.FLOAT), scales])
        fixed = self.weights[f"{prefix}.position_embeddings.weight"]
        fixed = fixed + self.weights[f"{prefix}.token_type_embeddings.weight"][0]
        length = g.one("Shape", ["input_ids"], start=1, end=2)
        places = g.one("Slice", [g.tensor("positions", fixed), "first", length])
        norm = [self.vector(f"{prefix}.LayerNorm.{kind}") for kind in ("weight", "bias")]
        summed = g.one("Add", [words, places])
        return g.one("LayerNormalization", [summed, *norm], axis=-1, epsilon=self.shape.epsilon)

    def attention(self, states: str, prefix: str, only_first: bool) -> tuple[str, str]:
        """Attention's output before its last product, and the states it is added to."""
        g, hidden = self.graph, self.shape.hidden
        rows = self.quantised(states)
        bias = g.tensor(f"{prefix}.qkv.bias", self.joined(prefix, ("query", "key", "value"), "bias"))
        if only_first:  # the head reads the first token alone
            states = g.one("Slice", [states, "first", "second", "second"])
            query = self.product(self.quantised(states), f"{prefix}.q", self.joined(prefix, ("query",), "weight"))
            both = self.product(rows, f"{prefix}.kv", self.joined(prefix, ("key", "value"), "weight"))
            sizes = g.tensor(f"{prefix}.sizes", np.array([hidden] * 2, np.int64))
            parts = [query, *g.many(2, "Split", [both, sizes], axis=-1)]
        else:
            every = self.product(rows, f"{prefix}.qkv", self.joined(prefix, ("query", "key", "value"), "weight"))
            sizes = g.tensor(f"{prefix}.sizes", np.array([hidden] * 3, np.int64))
            parts = g.many(3, "Split", [every, sizes], axis=-1)
        heads = self.shape.heads
        return g.one("MultiHeadAttention", [*parts, bias, "attention_mask"], FUSED, num_heads=heads), states

    def added(self, product: str, states: str, name: str, bias: str) -> str:
        """LayerNorm(states + product + bias)."""
        norm = [self.vector(f"{name}.LayerNorm.{kind}") for kind in ("weight", "bias")]
        inputs = [product, states, *norm, bias]
        return self.graph.one("SkipLayerNormalization", inputs, FUSED, epsilon=self.shape.epsilon)

    def dense(self, states: str, name: str) -> str:
        return self.product(self.quantised(states), name, self.weights[f"{name}.weight"])

    def layer(self, states: str, number: int) -> str:
        prefix = f"bert.encoder.layer.{number}"
        context, states = self.attention(states, prefix, only_first=number == self.shape.layers - 1)
        name = f"{prefix}.attention.output"
        states = self.added(self.dense(context, f"{name}.dense"), states, name, self.vector(f"{name}.dense.bias"))
        inner = self.dense(states, f"{prefix}.intermediate.dense")
        inner = self.graph.one("BiasGelu", [inner, self.vector(f"{prefix}.intermediate.dense.bias")], FUSED)
        return self.after_gelu(inner, states, f"{prefix}.output")

    def after_gelu(self, inner: str, states: str, name: str) -> str:
        """The second half of the feed-forward step; the bias puts back the minimum that was taken off."""
        weights = self.weights[f"{name}.dense.weight"]
        values, scale = quantise_rows(weights)
        taken = GELU_LEAST * (values.astype(np.float32) * scale[:, None]).sum(axis=1)
        bias = self.graph.tensor(f"{name}.bias", (self.weights[f"{name}.dense.bias"] + taken).astype(np.float32))
        return self.added(self.product(self.quantised_gelu(inner), f"{name}.dense", weights), states, name, bias)

    def head(self, first: str) -> str:
        """Pooler and classifier; the last product as multiply and sum, which no batch size changes."""
        g, name = self.graph, "bert.pooler.dense"
        # Training starts the pooler at the identity; int8 beside those ones would round all it learnt away.
        learnt = self.weights[f"{name}.weight"] - np.eye(self.shape.hidden, dtype=np.float32)
        pooled = g.one("Add", [first, self.product(self.quantised(first), name, learnt)])
        pooled = g.one("Add", [pooled, self.vector(f"{name}.bias")])
        product = g.one("Mul", [g.one("Tanh", [pooled]), self.vector("classifier.weight")])
        summed = g.one("ReduceSum", [product, "last_axis"], keepdims=0)
        return g.one("Add", [summed, self.vector("classifier.bias")])


def write_graph(weights: Mapping[str, Floats], shape: BertShape) -> onnx.ModelProto:
    """The graph input_ids, attention_mask (int32 [batch, tokens], 1 = real) -> logits [batch, labels].

    `weights` are those of a BertForSequenceClassification under their own names.
    """
    writer = _Writer(weights, shape)
    states = writer.embeddings()
    for number in range(shape.layers):
        states = writer.layer(states, number)
    logits = writer.head(states)
    writer.graph.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    )
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "labels"])
    graph = helper.make_graph(writer.graph.nodes, "earshot-sentiment", [ids, mask], [out], writer.graph.tensors)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="earshot")
