"""The records database by its address: `records` in earshot.toml. protocol.py says what it promises.

Its tables lie beside the code that uses them, in FRAGMENTS.
"""

from __future__ import annotations

import functools
from importlib import resources

from index.errors import SettingsError
from index.records.protocol import PASSWORD, Records
from index.settings import Settings, secret

FRAGMENTS = (
    ("index", "audit.sql"),
    ("index", "clusters.sql"),
    ("index", "sources.sql"),
    ("index.crm", "schema.sql"),
    ("index.alerts", "schema.sql"),
)


def open_records(settings: Settings) -> Records:
    """Open `settings.records`; its tables are made when absent. The caller closes it.

    Raises SettingsError for an address nobody knows, StoreError when the database cannot be used.
    """
    scheme = settings.records.partition(":")[0]
    if scheme == "sqlite":
        from index.records.sqlite import SQLiteRecords

        return SQLiteRecords(settings.path(settings.records), schema("sqlite.sql"))
    if scheme == "postgresql":
        try:
            from index.records.postgresql import PostgreSQLRecords
        except ImportError as error:
            raise SettingsError(f"records in PostgreSQL need: pip install 'earshot[cluster]' ({error})") from error
        password = secret(PASSWORD, settings.home)
        return PostgreSQLRecords(settings.records, password, schema("postgresql.sql"))
    raise SettingsError(
        f"records = {scheme!r}...: unknown kind of database. Write sqlite:records.sqlite or"
        " postgresql://user@host/database"
    )


@functools.cache
def schema(own: str) -> str:
    """The tables of all parts, and what the kind of database has of its `own`."""
    fragments = (*FRAGMENTS, (__name__, own))
    return "\n".join(
        resources.files(package).joinpath(name).read_text(encoding="utf-8") for package, name in fragments
    )
