"""The records database: customers, links, cases, what is to be sent, and the audit trail, in one SQLite file.

One file, so that a step and its entry in the audit trail stand or fall together.
"""

from __future__ import annotations

import functools
from importlib import resources

from index.database import Database
from index.settings import Settings

FRAGMENTS = (
    ("index", "audit.sql"),
    ("index", "clusters.sql"),
    ("index.crm", "schema.sql"),
    ("index.alerts", "schema.sql"),
)


def open_records(settings: Settings) -> Database:
    """Open `settings.records`, made when absent. The caller closes it. Raises StoreError."""
    return Database(settings.path(settings.records), _schema())


@functools.cache
def _schema() -> str:
    return "\n".join(
        resources.files(package).joinpath(name).read_text(encoding="utf-8") for package, name in FRAGMENTS
    )
