"""Any ONNX text classifier with a Hugging Face tokenizer beside it as a SentimentModel; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from index.errors import ModelError
from nlp.engine import RUNTIME_ERRORS, digest, open_session, softmax
from nlp.labels import MAX_TOKENS, UNSURE_BELOW, as_written, sentiment_places


class _Config(msgspec.Struct):
    """The parts of config.json that are read."""

    id2label: dict[int, str] = {}
    max_position_embeddings: int | None = None


def graph_of(ref: Path) -> Path | None:
    """The .onnx file that `ref` is, or has as model.onnx or onnx/model.onnx; None where torch has to read it."""
    if ref.suffix == ".onnx":
        return ref
    for_torch = any(ref.glob("*.safetensors")) or any(ref.glob("pytorch_model*.bin"))
    graph, of_optimum = ref / "model.onnx", ref / "onnx" / "model.onnx"
    if graph.exists() and ((ref / "tokenizer.json").exists() or not for_torch):
        return graph
    return of_optimum if of_optimum.exists() and not for_torch else None


class OnnxClassifier:
    """An .onnx file; tokenizer.json and config.json (id2label) are beside it or, as of Optimum, a folder higher.

    Texts run one by one: stock quantised graphs let a text's batch mates change its probabilities.
    """

    def __init__(self, file: Path) -> None:
        tokenizer, labels = _near(file, "tokenizer.json"), _near(file, "config.json")
        config = _read_config(labels)
        self._places = sentiment_places(config.id2label, None, str(file))
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # tokenizers raises nothing narrower
            raise ModelError(f"{tokenizer} cannot be read: {error}") from error
        self._tokenizer.no_padding()
        # RoBERTa's positions start after the padding id: two of them are never used for text
        places = config.max_position_embeddings or MAX_TOKENS
        self._tokenizer.enable_truncation(max(2, min(places - 2, MAX_TOKENS)))
        self._session = open_session(file)
        self._inputs = {
            node.name: np.int32 if "int32" in node.type else np.int64 for node in self._session.get_inputs()
        }
        self._check(file)
        self.name = labels.parent.name
        self.version = digest(file, tokenizer, labels)
        self.unsure_below = UNSURE_BELOW

    def _check(self, file: Path) -> None:
        """Raises ModelError when the graph wants other inputs or its answer is not one logit a label."""
        try:
            shape = self._shares("").shape
        except (*RUNTIME_ERRORS, ValueError) as error:  # ValueError: an input that is not given
            raise ModelError(f"{file} cannot be run with its tokenizer: {error}") from error
        if shape != (len(self._places),):
            raise ModelError(
                f"config.json names {len(self._places)} labels, but {file} answers {list(shape)} numbers"
            )

    def predict(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        result = np.zeros((len(texts), 3), np.float32)
        for row, text in enumerate(texts):
            for share, place in zip(self._shares(text), self._places, strict=True):
                result[row, place] += share
        return result

    def _shares(self, text: str) -> npt.NDArray[np.float32]:
        found = self._tokenizer.encode(as_written(text))
        values = {"input_ids": found.ids, "attention_mask": found.attention_mask, "token_type_ids": found.type_ids}
        inputs = {name: np.array([values[name]], kind) for name, kind in self._inputs.items() if name in values}
        logits: npt.NDArray[np.float32] = self._session.run(None, inputs)[0]
        shares: npt.NDArray[np.float32] = softmax(logits.astype(np.float32))[0]
        return shares


def _near(graph: Path, name: str) -> Path:
    """The file of that name beside the graph, or else a folder higher."""
    beside, higher = graph.with_name(name), graph.absolute().parent.parent / name
    return higher if higher.exists() and not beside.exists() else beside


def _read_config(file: Path) -> _Config:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Config)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{file} cannot be read ({error}): it names the labels in id2label") from error
