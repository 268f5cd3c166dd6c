"""The contract of a channel: one method. A channel is one file in this folder with one class whose `type` is
the file's name; `[[channels]] type = ...` in earshot.toml finds it. tests/contracts/test_channels*.py holds it.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from index.documents import Case, Record
from index.settings import Channel as ChannelSettings
from index.settings import Settings


class Channel(Protocol):
    """Built once per configured channel and process; used by one thread."""

    type: ClassVar[str]

    def __init__(self, channel: ChannelSettings, secret: str | None) -> None:
        """`secret` is what `secret_env` names. Raises SettingsError when something is missing or wrong."""

    def send(self, case: Case, record: Record, settings: Settings) -> None:
        """Deliver a case and the mention that opened it, once; returns when the receiver has said yes.

        The same case may come again after a crash: `case.id` tells the receiver. Raises SourceError
        subclasses only: Retry (passing), Throttled (wait), AuthFailed or Blocked (a person must act).
        """
