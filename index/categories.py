"""What mentions speak of, as people read it: the names of the shipped categories and of a brand's own.

The list is data of the models (nlp/categories.toml holds it beside how they are trained for it). It is read
here, because the reason of a case names a category too, and one list cannot disagree with itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from index.settings import Settings

OVERALL = "overall"  # an opinion on the whole: no subject to open a case about or to compare with others


class Name(NamedTuple):
    zh: str
    en: str


def _shipped() -> dict[str, Name]:
    file = Path(__file__).parents[1] / "nlp" / "categories.toml"
    listed = tomllib.loads(file.read_text(encoding="utf-8"))["categories"]
    return {name: Name(entry["zh"], entry["en"]) for name, entry in listed.items()}


SHIPPED: Mapping[str, Name] = _shipped()
RETIRED: Mapping[str, Name] = {"service": Name("服务", "Service")}  # in mentions scored by earlier versions
_NOW_CALLED = {"service": ("staff", "after_sales")}


def kin(listed: Iterable[str]) -> tuple[str, ...]:
    """The categories and what other versions call them, so that a rule written for one hears the other."""
    found = dict.fromkeys(listed)
    for old, new in _NOW_CALLED.items():
        if old in found:
            found |= dict.fromkeys(new)
        elif not found.keys().isdisjoint(new):
            found[old] = None
    return tuple(found)


def names(settings: Settings | None = None) -> dict[str, Name]:
    """Every category a mention may carry: the shipped ones in the order of the list, then the brand's own."""
    own = settings.categories if settings else ()
    return {**SHIPPED, **RETIRED, **{c.name: Name(c.zh or c.en or c.name, c.en or c.zh or c.name) for c in own}}
