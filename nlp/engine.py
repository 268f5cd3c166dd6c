"""Loads a sentiment model and runs it in batches: the shipped folder, or any Hugging Face one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from index.errors import ModelError
from nlp.encoder import Encoder

LABELS = ("negative", "neutral", "positive")
SHIPPED = Path(__file__).parent / "weights"
# The widest activations of a batch (tokens x 1,536 floats) should stay in a core's second-level cache:
# with 2 MiB of it, 256 tokens ran 1.3 times as fast as 1,024.
BATCH_TOKENS = 256
CARD = "earshot.json"  # what tells a folder of ours from any other ONNX folder

_LOAD_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)

Probabilities = npt.NDArray[np.float32]


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
    """earshot.json of a model folder."""

    name: str
    max_tokens: int
    temperature: float  # logits are divided by it: fitted on dev so that p means what it says
    unsure_below: float
    labels: tuple[str, ...] = LABELS


class OnnxSentiment:
    """A folder with model.onnx (int32 input_ids, attention_mask -> logits), tokenizer.json, earshot.json.

    One session with one thread of its own is called from `threads` Python threads at once: faster
    than threads inside the session, and several worker processes do not fight over cores.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._card = read_card(folder)
        self.name = self._card.name
        self.version = digest(folder)
        self.unsure_below = self._card.unsure_below
        self._encoder = Encoder(folder / "tokenizer.json", self._card.max_tokens)
        self._session = open_session(folder / "model.onnx")
        self._threads = max(1, threads)

    def predict(self, texts: Sequence[str]) -> Probabilities:
        return softmax(self.logits(texts) / np.float32(self._card.temperature))

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """What the network says before the temperature: [len(texts), 3]. Calibration reads it."""
        ids = self._encoder.encode(texts)
        result = np.empty((len(ids), len(LABELS)), np.float32)
        work = list(plan([len(row) for row in ids]))
        with ThreadPoolExecutor(self._threads) as pool:
            outputs = pool.map(lambda batch: self._run(ids, *batch), work)
            for (rows, _), values in zip(work, outputs, strict=True):
                result[rows] = values
        return result

    def _run(self, ids: list[list[int]], rows: list[int], width: int) -> npt.NDArray[np.float32]:
        tokens = np.full((len(rows), width), self._encoder.pad_id, np.int32)
        mask = np.zeros((len(rows), width), np.int32)
        for place, row in enumerate(rows):
            tokens[place, : len(ids[row])] = ids[row]
            mask[place, : len(ids[row])] = 1
        values: npt.NDArray[np.float32] = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
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
    step = 8 if length <= 64 else 16
    return -(-length // step) * step


def softmax(logits: npt.NDArray[np.float32]) -> Probabilities:
    """Row by row, [n, classes]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return shares


def read_card(folder: Path) -> Card:
    """earshot.json, or ModelError when it is missing or unreadable."""
    try:
        return msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{folder / CARD} cannot be read ({error}); install Earshot again") from error


def digest(folder: Path) -> str:
    """12 hex digits of everything that decides a probability: weights, tokenizer, card."""
    total = hashlib.sha256()
    for name in ("model.onnx", "tokenizer.json", CARD):
        try:
            with open(folder / name, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise ModelError(f"{folder / name} cannot be read ({error}); install Earshot again") from error
    return total.hexdigest()[:12]


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """One thread, no spinning; ModelError when ONNX Runtime cannot read the graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: what ONNX Runtime tidies up in a graph helps no user
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS as error:
        raise ModelError(f"{path} cannot be loaded: {error}") from error


def load_model(ref: str | None = None, threads: int = 1) -> SentimentModel:
    """The shipped model, or the one `ref` names: a model folder or a Hugging Face hub id.

    `threads` is how many batches run at once. Raises ModelError with what to do about it.
    """
    if not ref:
        return OnnxSentiment(SHIPPED, threads)
    folder = Path(ref).expanduser()
    if (folder / CARD).exists():
        return OnnxSentiment(folder, threads)
    from nlp.huggingface import HuggingFaceSentiment

    return HuggingFaceSentiment(ref, threads)
