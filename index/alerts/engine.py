"""Standing queries over what comes in: a mention that matches a rule becomes a case, or joins one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from index.database import Database
from index.documents import Case, Record
from index.settings import Settings
from index.stores.protocol import Store


class AlertEngine:
    def __init__(self, settings: Settings, store: Store, records: Database | None = None) -> None: ...

    def consider(self, records: Sequence[Record], now: datetime | None = None) -> list[Case]:
        """Open cases, or merge into open ones, for saved records; call after `Linker.observe`.

        One transaction; a mention that was considered before changes nothing. Returns the cases touched.
        """
        raise NotImplementedError
