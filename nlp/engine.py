"""Loads a model and runs it in batches: the shipped folder, another ONNX folder, or any Hugging Face one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from index.errors import ModelError
from nlp.encoder import Encoder
from nlp.heads import BINARY, CATEGORIES

LABELS = ("negative", "neutral", "positive")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SHIPPED = Path(__file__).parent / "weights"
ACCURATE = "accurate"  # the larger model, in a folder of that name inside SHIPPED
# The widest activations of a batch (tokens x 1,536 floats) should stay in a core's second-level cache:
# with 2 MiB of it, 256 tokens ran 1.3 times as fast as 1,024.
BATCH_TOKENS = 256
CARD = "earshot.json"  # what tells a folder of ours from any other ONNX folder

RUNTIME_ERRORS = (  # of ONNX Runtime, which gives them no base of their own
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)

Probabilities = npt.NDArray[np.float32]
Offsets = list[tuple[int, int]]
_OUTPUTS = ("logits", "aspects", "binary", "shares", "vector")


class Raw(NamedTuple):
    """What the network says, before temperatures. Without heads all but `sentiment` are None.

    sentiment [n, 3], aspects [n, categories, 4], binary [n, labels] as logits; `shares`: of each text [categories,
    tokens], how each aspect weighs the tokens; vector [n, hidden]: the sum of the token states.
    """

    sentiment: npt.NDArray[np.float32]
    aspects: npt.NDArray[np.float32] | None = None
    binary: npt.NDArray[np.float32] | None = None
    shares: list[npt.NDArray[np.float32]] | None = None
    vector: npt.NDArray[np.float32] | None = None


class Reading(NamedTuple):
    """What one text says: probabilities of sentiment [3], aspects [categories, 4] and binary labels [labels]; for
    each aspect the weight of each token [categories, tokens], and the tokens' places in the text for the model."""

    sentiment: Probabilities
    aspects: Probabilities
    binary: Probabilities
    shares: npt.NDArray[np.float32]
    places: Offsets


class SentimentModel(Protocol):
    """What every model offers. A member may be called from several threads.

    `version` changes whenever the same text could get other probabilities. `unsure_below` is the
    highest probability under which a label is not to be trusted.
    """

    name: str
    version: str
    unsure_below: float

    def predict(self, texts: Sequence[str]) -> Probabilities:
        """Probabilities [len(texts), 3] in the order of LABELS, each row summing to 1.

        Any str is accepted (empty, broken surrogates, a megabyte); none raises, none takes long.
        A text's row does not depend on the texts beside it.
        """


class Card(msgspec.Struct, frozen=True):
    """earshot.json of a model folder.

    Logits are divided by the temperatures, fitted on dev so that p means what it says. An aspect counts from
    `aspect_from` on, a binary label from its threshold. A model without heads leaves `categories` empty.
    """

    name: str
    max_tokens: int
    temperature: float
    unsure_below: float
    labels: tuple[str, ...] = LABELS
    categories: tuple[str, ...] = ()
    binary: tuple[str, ...] = ()
    aspect_temperature: float = 1.0
    aspect_from: float = 0.5
    thresholds: dict[str, float] = {}


class OnnxModel:
    """A folder with model.onnx (int32 input_ids, attention_mask -> logits and heads), tokenizer.json, earshot.json.

    One session with one thread of its own is called from `threads` Python threads at once: faster
    than threads inside the session, and several worker processes do not fight over cores.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.card = read_card(folder)
        self.name = self.card.name
        self.version = digest(folder / "model.onnx", folder / "tokenizer.json", folder / CARD)
        self.unsure_below = self.card.unsure_below
        self._encoder = Encoder(folder / "tokenizer.json", self.card.max_tokens)
        self._session = open_session(folder / "model.onnx")
        offered = {output.name for output in self._session.get_outputs()}
        self._outputs = [name for name in _OUTPUTS if name in offered]
        self._threads = max(1, threads)

    @property
    def has_heads(self) -> bool:
        """Whether it reads aspects, intents and sarcasm too; their names are those of this version of Earshot."""
        return self.card.categories == CATEGORIES and self.card.binary == BINARY

    def predict(self, texts: Sequence[str]) -> Probabilities:
        return softmax(self.raw(texts, ("logits",)).sentiment / np.float32(self.card.temperature))

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """What texts are about, as unit vectors [n, hidden]. Raises ModelError when the model has none."""
        vector = self.raw(texts, ("logits", "vector")).vector
        if vector is None:
            raise ModelError(f"{self.name} gives no vectors of texts: use the shipped model")
        shortened: npt.NDArray[np.float32] = vector / np.linalg.norm(vector, axis=1, keepdims=True)
        return shortened

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Every head's answer, text by text. Raises ModelError when the model has no heads."""
        encoded = [self._encoder.with_places(text) for text in texts]
        raw = self._run_all([ids for ids, _ in encoded], self._outputs)
        if not self.has_heads or raw.aspects is None or raw.binary is None or raw.shares is None:
            raise ModelError(f"{self.name} has a head for sentiment only")
        moods = softmax(raw.sentiment / np.float32(self.card.temperature))
        found = softmax(raw.aspects / np.float32(self.card.aspect_temperature))
        wants = 1 / (1 + np.exp(-raw.binary))
        places = [offsets for _, offsets in encoded]
        return [Reading(*one) for one in zip(moods, found, wants, raw.shares, places, strict=True)]

    def raw(self, texts: Sequence[str], outputs: Sequence[str] = _OUTPUTS) -> Raw:
        """The network's own numbers: calibration, distillation and checks read them."""
        ids = self._encoder.encode(texts)
        return self._run_all(ids, [name for name in outputs if name in self._outputs])

    def _run_all(self, ids: list[list[int]], outputs: Sequence[str]) -> Raw:
        rows: dict[str, list[npt.NDArray[np.float32]]] = {
            name: [np.empty(0, np.float32)] * len(ids) for name in outputs
        }
        work = list(plan([len(row) for row in ids]))
        with ThreadPoolExecutor(self._threads) as pool:
            answers = pool.map(lambda batch: self._run(ids, outputs, *batch), work)
            for (places, _), values in zip(work, answers, strict=True):
                for name, value in zip(outputs, values, strict=True):
                    for place, row in zip(places, value, strict=True):
                        rows[name][place] = row[:, : len(ids[place])] if name == "shares" else row
        stacked = {name: np.stack(rows[name]) if rows[name] else None for name in outputs if name != "shares"}
        logits = stacked.get("logits")
        return Raw(
            np.empty((0, len(LABELS)), np.float32) if logits is None else logits,
            stacked.get("aspects"),
            stacked.get("binary"),
            rows.get("shares"),
            stacked.get("vector"),
        )

    def _run(
        self, ids: list[list[int]], outputs: Sequence[str], rows: list[int], width: int
    ) -> list[npt.NDArray[np.float32]]:
        tokens = np.full((len(rows), width), self._encoder.pad_id, np.int32)
        mask = np.zeros((len(rows), width), np.int32)
        for place, row in enumerate(rows):
            tokens[place, : len(ids[row])] = ids[row]
            mask[place, : len(ids[row])] = 1
        values: list[npt.NDArray[np.float32]] = self._session.run(
            list(outputs), {"input_ids": tokens, "attention_mask": mask}
        )
        return values


def plan(lengths: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Batches (row numbers, padded width), widest first, of at most BATCH_TOKENS tokens.

    The width follows from a text's own length alone, so that its arithmetic, to the last bit, is
    the same alone and in any batch.
    """
    groups: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        groups.setdefault(padded_width(length), []).append(row)
    for width in sorted(groups, reverse=True):
        size = max(1, BATCH_TOKENS // width)
        for start in range(0, len(groups[width]), size):
            yield groups[width][start : start + size], width


def padded_width(length: int) -> int:
    step = 2 if length <= 64 else 4  # of 2,000 posts: 4 % faster than 4 and 8; of ten: 3 % slower
    return -(-length // step) * step


def softmax(logits: npt.NDArray[np.float32]) -> Probabilities:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def read_card(folder: Path) -> Card:
    """earshot.json, or ModelError when it is missing or unreadable."""
    try:
        return msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{folder / CARD} cannot be read ({error}); install Earshot again") from error


def digest(*files: Path) -> str:
    """12 hex digits of everything that decides a probability: weights, tokenizer, card."""
    total = hashlib.sha256()
    for path in files:
        try:
            with open(path, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error}); install Earshot again") from error
    return total.hexdigest()[:12]


def open_session(graph: Path | bytes) -> onnxruntime.InferenceSession:
    """A file or its bytes. One thread, no spinning; ModelError when ONNX Runtime cannot read the graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: what ONNX Runtime tidies up in a graph helps no user
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        source = graph if isinstance(graph, bytes) else str(graph)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"{'the graph' if isinstance(graph, bytes) else graph} cannot be loaded: {error}"
        ) from error


def load_model(ref: str | None = None, threads: int = 1) -> SentimentModel:
    """The shipped model, or the one `ref` names: "accurate", a model folder, a .onnx file or a Hugging Face hub id.

    `threads` is how many batches run at once. Raises ModelError with what to do about it.
    """
    if not ref or ref == ACCURATE:
        return OnnxModel(SHIPPED / ref if ref else SHIPPED, threads)
    from nlp.onnx_classifier import OnnxClassifier, graph_of

    folder = Path(ref).expanduser()
    ours = folder.parent if folder.name == "model.onnx" else folder
    if (ours / CARD).exists():
        return OnnxModel(ours, threads)
    if graph := graph_of(folder):
        return OnnxClassifier(graph)
    if not folder.exists() and not HUB_ID.fullmatch(ref):
        raise ModelError(f"{folder} is not there. Correct EARSHOT_MODEL, or `model` in earshot.toml.")
    from nlp.huggingface import HuggingFaceSentiment

    return HuggingFaceSentiment(ref, threads)
