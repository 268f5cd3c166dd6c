"""What a text speaks of (taste, price, service ...) and how, clause by clause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from index.documents import Aspect

NAMES = ("taste", "price", "quality", "service", "delivery", "packaging", "appearance")


class AspectFinder(Protocol):
    """What finds aspects: the rules of this file now, a trained model later."""

    def find(self, text: str, sentiment: Mapping[str, float] | None = None) -> tuple[Aspect, ...]:
        """The aspects of `text`, in reading order. Total: any string has an answer."""
        ...


def find(text: str, sentiment: Mapping[str, float] | None = None) -> tuple[Aspect, ...]:
    """The aspects `text` speaks of; see RuleFinder.

    `sentiment` holds the mention's probabilities (negative, neutral, positive): used where a text of one
    clause names an aspect without an opinion word.
    """
    found = []
    for term, name in (("口味", "taste"), ("味道", "taste"), ("价格", "price"), ("质量", "quality"), ("服务", "service")):
        at = text.find(term)
        if at >= 0:
            found.append(Aspect(name=name, sentiment="neutral", span=(at, at + len(term)), evidence=term))
    return tuple(found)
