"""One finding of `earshot doctor`, and how findings are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from index.errors import EarshotError

Level = Literal["ok", "hint", "problem"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`do` says what helps when it is not "ok"."""

    name: str
    level: Level
    found: str
    do: str | None = None


def problem(name: str, sentences: str) -> Check:
    """Of text like our errors have: what is wrong, and in the last sentence what to do."""
    found, divided, do = sentences.rpartition(". ")
    return Check(name=name, level="problem", found=found or do, do=do if divided else "see the message")


def guarded(name: str, checks: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The checks of a part; what stops them is a problem of that part."""
    try:
        yield from checks()
    except (EarshotError, OSError) as error:
        yield problem(name, str(error))


def of_health(name: str, ask: Callable[[], dict[str, Any]]) -> Iterator[Check]:
    """The facts of store, inbox or records; each sentence among its "problems" is a check of its own."""

    def checks() -> Iterator[Check]:
        health = dict(ask())
        for sentence in health.pop("problems", ()):
            yield problem(name, sentence)
        facts = ", ".join(f"{fact} {value}" for fact, value in health.items() if value not in (None, []))
        yield Check(name=name, level="ok", found=facts)

    return guarded(name, checks)
