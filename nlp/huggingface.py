"""Any Hugging Face text-classification model as a SentimentModel; needs the extra `torch`."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import ModelError
from nlp.normalise import MAX_CHARS

MAX_TOKENS = 512  # where a model names no limit of its own
BATCH_TEXTS = 32
UNSURE_BELOW = 0.5  # more likely wrong than right, if the model's probabilities can be believed

_NAMES = (
    re.compile(r"(very |strongly |extremely )?(neg|negative|bad)|负面|负向|消极|差评|(极度)?不满意?"),
    re.compile(r"neu|neut|neutral|mixed|中性|中立|中评"),
    re.compile(r"(very |strongly |extremely )?(pos|positive|good)|正面|正向|积极|好评|满意"),
)
_NUMBERED = {2: (0, 2), 3: (0, 1, 2), 5: (0, 0, 1, 2, 2)}  # places of LABEL_0, LABEL_1, ... or of stars


class HuggingFaceSentiment:
    """A folder or hub id that AutoModelForSequenceClassification can load, run on the CPU in fp32."""

    def __init__(self, ref: str, threads: int = 1) -> None:
        torch, transformers = _import_torch()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(ref)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(ref, dtype=torch.float32)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"no text-classification model can be loaded from {ref!r}: {reason}") from error
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
        cleaned = [_clean(text) for text in texts]
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


def sentiment_places(names: Mapping[int, str], problem_type: str | None, ref: str) -> list[int]:
    """For each output of a model its place in LABELS (0 negative, 1 neutral, 2 positive).

    Understands names (neg, Neutral, 正面, "very positive"), LABEL_0.. of two, three or five classes in
    rising order, and 1 to 5 stars. Raises ModelError when it would have to guess.
    """
    labels = [str(names[index]).strip().lower().replace("_", " ") for index in sorted(names)]
    if len(labels) < 2 or problem_type in ("regression", "multi_label_classification"):
        raise ModelError(f"{ref!r} is not a single-label classifier with two or more classes")
    places = [_place(label) for label in labels]
    known = [place for place in places if place is not None]
    if len(known) == len(labels) and {0, 2} <= set(known):
        return known
    if len(labels) in _NUMBERED and _rising_numbers(labels):
        return list(_NUMBERED[len(labels)])
    raise ModelError(
        f"the labels of {ref!r} ({', '.join(map(str, names.values()))}) are not negative, neutral, positive; "
        "name them so in id2label of its config.json"
    )


def _place(label: str) -> int | None:
    return next((place for place, pattern in enumerate(_NAMES) if pattern.fullmatch(label)), None)


def _rising_numbers(labels: list[str]) -> bool:
    matches = [re.fullmatch(r"(?:label )?(\d)(?: ?stars?)?|(\d)星", label) for label in labels]
    numbers = [int(match[1] or match[2]) for match in matches if match]
    first = numbers[0] if numbers else 0
    return first in (0, 1) and numbers == list(range(first, first + len(labels)))


def _clean(text: str) -> str:
    """What any tokenizer survives: valid Unicode, at most MAX_CHARS characters, otherwise as written."""
    return text[:MAX_CHARS].encode("utf-8", "replace").decode().replace("\x00", " ")


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
