"""The contract of an API poller: two methods, one of them pure.

A connector is one file in crawlers/platforms. It declares `platform` and implements `fetch` (talks to the
network) and `map` (does not). The runner does the rest: schedule, cursors, back-off, cleaning, brand
matching, dropping repeats, quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from crawlers.http import Client
from index.documents import Mention
from index.settings import Source

Raw = dict[str, Any]


class FetchPage(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a platform. `cursor` is what to ask with next time (JSON-able, kept durably once the
    items are in the inbox). `more`: ask again at once, there is another page. `wait`: the platform's own
    wish for the next poll, in seconds."""

    items: Sequence[Raw]
    cursor: Raw
    more: bool = False
    wait: float | None = None


class Connector(Protocol):
    """Built once per configured source."""

    platform: ClassVar[str]

    def __init__(self, source: Source, http: Client, secret: str | None) -> None:
        """Raises SettingsError when an option is missing or wrong."""

    async def fetch(self, cursor: Raw) -> FetchPage:
        """The next page after `cursor` ({} the first time). Raises SourceError subclasses only."""

    def map(self, raw: Raw) -> Sequence[Mention]:
        """What one raw item says: usually one mention; [] when it says nothing (an advert card, an empty
        repost). Pure: same input, same output, no clock, no network. Raises MapError."""
