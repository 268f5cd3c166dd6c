"""The desk itself: rings its bell. The case is on the desk from the moment it exists; this tells who watches."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import ClassVar

from index.documents import Case, Record
from index.errors import Retry, StoreError
from index.records import open_records
from index.settings import Channel as ChannelSettings
from index.settings import Settings


class Desk:
    """Every case rings once, whatever the rule's channels are. See `Cases.notices`."""

    type: ClassVar[str] = "desk"

    def __init__(self, channel: ChannelSettings, secret: str | None) -> None:
        """Needs nothing."""

    def send(self, case: Case, record: Record, settings: Settings) -> None:  # noqa: ARG002
        """Raises Retry when the records database cannot be used now."""
        try:
            with closing(open_records(settings)) as records:
                records.run(
                    "INSERT INTO notices (case_id, at) SELECT id, ? FROM cases WHERE id = ? ON CONFLICT DO NOTHING",
                    (datetime.now(UTC).isoformat(), case.id),
                )
        except StoreError as error:
            raise Retry(str(error)) from error
