"""Texts to token ids: shared by training and serving, so that both read the same pieces."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from nlp.normalise import for_model

_TAIL_SHARE = 4  # of a text over the limit, the last quarter of the room holds its end


class Encoder:
    """The tokenizer of a model folder with the model's token limit.

    Ids are those of `tokenizer.json`, between its start and end pieces; a longer text keeps
    its beginning and its end. The tokenizer releases the GIL, so threads may share one Encoder.
    """

    def __init__(self, tokenizer_file: Path, max_tokens: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._max_tokens = max_tokens
        pad = self._tokenizer.token_to_id("<pad>")
        self.pad_id: int = 0 if pad is None else pad

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, at least 2 (start, end) and at most `max_tokens` long."""
        encodings = self._tokenizer.encode_batch_fast([for_model(text) for text in texts])
        return [self._cut(encoding.ids) for encoding in encodings]

    def _cut(self, ids: list[int]) -> list[int]:
        if len(ids) <= self._max_tokens:
            return ids
        tail = self._max_tokens // _TAIL_SHARE
        return ids[: self._max_tokens - tail] + ids[-tail:]
