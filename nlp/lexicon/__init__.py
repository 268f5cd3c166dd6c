"""Word lists the rules of nlp/ read: TOML files beside this one, one subject a file."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any


@functools.cache
def load(subject: str) -> dict[str, Any]:
    """The word lists of `subject`, such as "aspects" for aspects.toml. The same object on every call."""
    return tomllib.loads(resources.files(__name__).joinpath(f"{subject}.toml").read_text(encoding="utf-8"))
