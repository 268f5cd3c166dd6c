"""JSON as others write it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

# Whole escapes, in order: a pair of surrogates, half of one, any other.
_ESCAPES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.", re.DOTALL)
_HALF = len(rb"\ud83d")


def decode(text: bytes) -> Any:
    """The value. Half an emoji, which programs leave when they cut a text, becomes U+FFFD: it must not cost the
    page it is on. Raises what msgspec raises."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        whole = _ESCAPES.sub(lambda found: rb"\ufffd" if len(found[0]) == _HALF else found[0], text)
        if whole == text:
            raise
        return msgspec.json.decode(whole)
