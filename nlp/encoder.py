"""Texts to token ids: shared by training and serving, so that both read the same pieces."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from tokenizers import Tokenizer

from index.errors import ModelError
from nlp.normalise import for_model

T = TypeVar("T")
_TAIL_SHARE = 4  # of a text over the limit, the last quarter of the room holds its end


class Encoder:
    """The tokenizer of a model folder with the model's token limit.

    Ids are those of `tokenizer.json`, between its start and end pieces; a longer text keeps
    its beginning and its end. Threads may share one Encoder.
    Raises ModelError when the file is missing or damaged.
    """

    def __init__(self, tokenizer_file: Path, max_tokens: int) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        except Exception as error:  # tokenizers raises nothing narrower
            raise ModelError(f"{tokenizer_file} cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._max_tokens = max_tokens
        pad = self._tokenizer.token_to_id("<pad>")
        self.pad_id: int = 0 if pad is None else pad

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, at least 2 (start, end) and at most `max_tokens` long."""
        # one by one: encode_batch would start threads of its own, beside those of the workers
        return [self._cut(self._tokenizer.encode(for_model(text)).ids) for text in texts]

    def with_places(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of one text, and where each token stands in `for_model(text)`: (start, end) in characters."""
        found = self._tokenizer.encode(for_model(text))
        return self._cut(found.ids), self._cut(found.offsets)

    def _cut(self, tokens: list[T]) -> list[T]:
        if len(tokens) <= self._max_tokens:
            return tokens
        tail = self._max_tokens // _TAIL_SHARE
        return tokens[: self._max_tokens - tail] + tokens[-tail:]
