"""What happens to every mention between a source and the inbox: one step a file, ordered here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from crawlers.pipelines.clean import Clean
from crawlers.pipelines.match import Match
from crawlers.pipelines.repeats import DropRepeats
from index.inbox.protocol import End, Item
from index.settings import Settings

Digests = Callable[[Sequence[str]], Mapping[str, tuple[int, str]]]


class Step(Protocol):
    """Takes items, gives items. What it leaves out is counted as `drops`; None: it leaves nothing out."""

    drops: End | None

    def __call__(self, items: Sequence[Item]) -> list[Item]: ...


def steps(settings: Settings, digests: Digests) -> tuple[Step, ...]:
    """The steps in their order: cheap ones that leave much out come before those that ask the store. Without
    any brand nothing is left out: who has not named one yet wants to see what there is."""
    match: tuple[Step, ...] = (Match(settings.brands),) if settings.brands else ()
    return (Clean(), *match, DropRepeats(digests))
