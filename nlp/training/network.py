"""The network: one BERT encoder, several heads, one forward pass.

Sentiment reads the first token through a pooler. Every aspect, every intent and sarcasm has a query of its own that
weighs the tokens (label-wise attention: Mullenbach et al. 2018, arXiv 1802.05695): what it reads is what it is
about, so the weights show the span of text behind an aspect.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from nlp.engine import LABELS
from nlp.heads import ABSENT, BINARY, CATEGORIES, POLARITIES

CLASSES = 1 + len(POLARITIES)  # of an aspect: absent, then the polarities


class Outputs(NamedTuple):
    """Logits: sentiment [texts, 3], aspects [texts, categories, 4], binary [texts, len(BINARY)]; and the encoder's
    first token [texts, hidden]."""

    sentiment: Tensor
    aspects: Tensor
    binary: Tensor
    first: Tensor


class Network(nn.Module):  # type: ignore[misc]  # torch is seen as Any: it is an extra
    """BERT with the heads; `config` is that of the encoder."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        hidden, queries = config.hidden_size, len(CATEGORIES) + len(BINARY)
        self.config = config
        self.bert = BertModel(config, add_pooling_layer=True)
        self.classifier = nn.Linear(hidden, len(LABELS))
        self.queries = nn.Parameter(torch.randn(queries, hidden) * hidden**-0.5 * 0.1)
        self.aspect_weight = nn.Parameter(torch.randn(len(CATEGORIES), CLASSES, hidden) * 0.02)
        self.aspect_bias = nn.Parameter(torch.zeros(len(CATEGORIES), CLASSES))
        self.binary_weight = nn.Parameter(torch.randn(len(BINARY), hidden) * 0.02)
        self.binary_bias = nn.Parameter(torch.full((len(BINARY),), -2.0))
        with torch.no_grad():  # most texts speak of few things
            self.aspect_bias[:, ABSENT] = 3.0
            self.bert.pooler.dense.weight.copy_(torch.eye(hidden))
            self.bert.pooler.dense.bias.zero_()

    def forward(self, tokens: Tensor, mask: Tensor, frozen: int = 0) -> Outputs:
        """`tokens`, `mask`: [texts, tokens]. With `frozen` the embeddings and so many layers get no gradient."""
        return self.read(self.encode(tokens, mask, frozen), mask)

    def read(self, states: Tensor, mask: Tensor) -> Outputs:
        """The heads on states [texts, tokens, hidden]."""
        scores = torch.einsum("btd,qd->bqt", states, self.queries)
        shares = scores.masked_fill(mask[:, None, :] == 0, -1e4).softmax(-1)
        read = shares @ states
        aspects = len(CATEGORIES)
        return Outputs(
            self.classifier(self.bert.pooler(states)),
            torch.einsum("bqd,qcd->bqc", read[:, :aspects], self.aspect_weight) + self.aspect_bias,
            (read[:, aspects:] * self.binary_weight).sum(-1) + self.binary_bias,
            states[:, 0],
        )

    def encode(self, tokens: Tensor, mask: Tensor, frozen: int) -> Tensor:
        wide = torch.zeros(mask.shape, dtype=torch.float32).masked_fill(mask == 0, -1e9)[:, None, None, :]
        with torch.set_grad_enabled(torch.is_grad_enabled() and frozen == 0):
            states = self.bert.embeddings(input_ids=tokens)
        for number, layer in enumerate(self.bert.encoder.layer):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= frozen):
                found = layer(states, wide)
                states = found[0] if isinstance(found, tuple) else found
        return states


def config_of(settings: dict[str, Any]) -> BertConfig:
    plain = {
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }  # cost 10-25 % of the time, gain nothing
    config = BertConfig(**(settings | plain))
    config._attn_implementation = "eager"  # noqa: SLF001 - the CPU's fused attention has a slow backward
    return config


def load(folder: Path) -> Network:
    """A network saved before, or a plain BERT folder with new heads. fp32."""
    config = config_of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    network = Network(config)
    weights = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    if not any(name.startswith("bert.") for name in weights):
        weights = {f"bert.{name}": value for name, value in weights.items()}
    missing, unknown = network.load_state_dict(weights, strict=False)
    encoder = [name for name in missing if "encoder" in name or ("embeddings" in name and "ids" not in name)]
    if encoder or unknown:
        raise ValueError(f"{folder} is no BERT encoder of ours: {(encoder or unknown)[:3]}")
    return network


def save(network: Network, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()}, folder / "model.safetensors"
    )
    network.config.save_pretrained(folder)


def shortened(network: Network, keep: list[int]) -> Network:
    """A student: the same network with these encoder layers only."""
    settings = network.config.to_dict() | {"num_hidden_layers": len(keep)}
    student = Network(config_of(settings))
    weights = {}
    for name, value in network.state_dict().items():
        if not name.startswith("bert.encoder.layer."):
            weights[name] = value
            continue
        number, _, rest = name.removeprefix("bert.encoder.layer.").partition(".")
        if int(number) in keep:
            weights[f"bert.encoder.layer.{keep.index(int(number))}.{rest}"] = value
    student.load_state_dict(weights)
    return student
