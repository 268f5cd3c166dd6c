"""What the model's heads answer, in the order of its outputs; and which category a data set's own name means."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

from index.categories import SHIPPED
from index.documents import INTENTS

CATEGORIES: tuple[str, ...] = tuple(SHIPPED)
POLARITIES = ("negative", "neutral", "positive")
ABSENT = 0  # of an aspect's four classes the first; then POLARITIES
SARCASM = "sarcasm"
BINARY: tuple[str, ...] = (*INTENTS, SARCASM)


@functools.cache
def category_of(name: str) -> str | None:
    """Our category for a data set's own `name` of one, or for a name of ours; None when it has none.

    An exact name wins over a thing (SERVICE#*), a thing over a property (*#QUALITY).
    """
    thing, _, quality = name.partition("#")
    group = name.partition("_")[0]
    wanted = (name, f"{thing}#*", f"*#{quality}", f"{group}_*")
    return next((_sources()[form] for form in wanted if form in _sources()), None)


@functools.cache
def _sources() -> dict[str, str]:
    file = resources.files("nlp").joinpath("categories.toml")
    listed = tomllib.loads(file.read_text(encoding="utf-8"))["categories"]
    found = {name: name for name in listed}
    for category, entry in listed.items():
        for name in entry["from"]:
            found.setdefault(name, category)
    return found
