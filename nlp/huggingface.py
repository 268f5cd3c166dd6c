"""Any Hugging Face text-classification model as a SentimentModel; needs the extra `torch`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import ModelError
from nlp.labels import MAX_TOKENS, UNSURE_BELOW, as_written, sentiment_places

BATCH_TEXTS = 32


class HuggingFaceSentiment:
    """A folder or hub id that AutoModelForSequenceClassification can load, run on the CPU in fp32."""

    def __init__(self, ref: str, threads: int = 1) -> None:
        torch, transformers = _import_torch()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(ref)
            model, told = transformers.AutoModelForSequenceClassification.from_pretrained(
                ref, dtype=torch.float32, output_loading_info=True
            )
        except Exception as error:  # of a damaged folder every part of transformers raises errors of its own
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(f"no text-classification model can be loaded from {ref!r}: {reason}") from error
        if told["missing_keys"]:  # transformers would answer with random numbers in their place
            missing = ", ".join(sorted(told["missing_keys"])[:3])
            raise ModelError(f"{ref!r} is no trained text-classification model: it has no weights {missing}")
        if len(self._tokenizer) <= len(self._tokenizer.all_special_ids):
            raise ModelError(f"{ref!r} has no tokenizer: every word would be unknown to it")
        _agree_on_padding(self._tokenizer, model.config)
        self._places = sentiment_places(model.config.id2label, getattr(model.config, "problem_type", None), ref)
        self._torch, self._model = torch, model.eval()
        self._max_tokens = _token_limit(self._tokenizer, model.config)
        # torch keeps its thread count for the whole process; a lock keeps to it when calls overlap.
        torch.set_num_threads(max(1, threads))
        self._lock = threading.Lock()
        self.name = Path(ref).name if Path(ref).exists() else ref
        self.version = _digest(model)
        self.unsure_below = UNSURE_BELOW

    def predict(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        result = np.zeros((len(texts), 3), np.float32)
        cleaned = [as_written(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(cleaned[row]))
        for start in range(0, len(order), BATCH_TEXTS):
            rows = order[start : start + BATCH_TEXTS]
            shares = self._shares([cleaned[row] for row in rows])
            for column, place in enumerate(self._places):
                result[rows, place] += shares[:, column]
        return result

    def _shares(self, texts: list[str]) -> npt.NDArray[np.float32]:
        inputs = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        )
        with self._lock, self._torch.inference_mode():
            shares: npt.NDArray[np.float32] = self._model(**inputs).logits.softmax(-1).numpy()
        return shares


def _agree_on_padding(tokenizer: Any, config: Any) -> None:
    """Models that only ever wrote text name no padding, which a batch of texts needs."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = tokenizer.pad_token_id


def _token_limit(tokenizer: Any, config: Any) -> int:
    places = getattr(config, "max_position_embeddings", None) or MAX_TOKENS
    # RoBERTa's positions start after the padding id: two of them are never used for text
    return int(min(tokenizer.model_max_length, places - 2 if places > 2 else places, MAX_TOKENS))


def _digest(model: Any) -> str:
    """12 hex digits of all weights and the label names."""
    total = hashlib.sha256(repr(sorted(model.config.id2label.items())).encode())
    for name, weight in sorted(model.state_dict().items()):
        total.update(name.encode())
        total.update(weight.contiguous().numpy().tobytes())
    return total.hexdigest()[:12]


def _import_torch() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ModelError(
            "a Hugging Face model needs torch and transformers: pip install 'earshot[torch]', "
            "or leave EARSHOT_MODEL empty to use the shipped model"
        ) from error
    return torch, transformers
