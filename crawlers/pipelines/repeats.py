"""Leave out what is known already: the same mention with the same content, or an older state of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from index.inbox.protocol import End, Item


class DropRepeats:
    """`digests` is the store's: id -> (version, digest). Within one call the highest version of an id stays
    (of equal versions the later one), so that an edit wins over what it replaced."""

    drops: End | None = "duplicate"

    def __init__(self, digests: Callable[[Sequence[str]], Mapping[str, tuple[int, str]]]) -> None:
        self._digests = digests

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        newest: dict[str, Item] = {}
        for item in items:
            known = newest.get(item.mention.id)
            if known is None or item.mention.version >= known.mention.version:
                newest[item.mention.id] = item
        stored = self._digests(list(newest))
        return [item for key, item in newest.items() if is_news(item, stored.get(key))]


def is_news(item: Item, stored: tuple[int, str] | None) -> bool:
    """Whether saving the item would change the store."""
    if stored is None:
        return True
    version, digest = stored
    return item.mention.version >= version and item.mention.digest() != digest
