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

    An exact name wins over a thing (SERVICE#*), a thing over a property (*#QUALITY). What is not found so is looked
    for in any case, and for a name of ours as a part (Food#Taste).
    """
    thing, _, quality = name.partition("#")
    group = name.partition("_")[0]
    wanted = (name, f"{thing}#*", f"*#{quality}", f"{group}_*")
    loose = [name]  # of a word alone the wildcards would be a guess
    loose += [f"{thing}#*", f"*#{quality}", quality, thing] if quality else []
    loose += [f"{group}_*"] if "_" in name else []
    exact = next((_sources()[form] for form in wanted if form in _sources()), None)
    return exact or next((_in_any_case()[form] for form in map(str.lower, loose) if form in _in_any_case()), None)


@functools.cache
def _in_any_case() -> dict[str, str]:
    return {name.lower(): category for name, category in reversed(_sources().items())}


@functools.cache
def _sources() -> dict[str, str]:
    file = resources.files("nlp").joinpath("categories.toml")
    listed = tomllib.loads(file.read_text(encoding="utf-8"))["categories"]
    found = {name: name for name in listed}
    for category, entry in listed.items():
        for name in entry["from"]:
            found.setdefault(name, category)
    return found
