"""Stores by address: the scheme of `store` in earshot.toml names the file."""

from __future__ import annotations

from index.errors import SettingsError
from index.settings import Settings
from index.stores.protocol import Store


def open_store(settings: Settings) -> Store:
    """The store that `settings.store` names. Raises SettingsError for an address nobody knows."""
    scheme = settings.store.partition(":")[0]
    if scheme == "sqlite":
        from index.stores.sqlite import SQLiteStore

        return SQLiteStore(settings.path(settings.store), zone=settings.timezone)
    if scheme == "elasticsearch":
        try:
            from index.stores.elasticsearch import open_elasticsearch
        except ImportError as error:
            raise SettingsError(
                f"a store in Elasticsearch needs: pip install 'earshot[cluster]' ({error})"
            ) from error
        return open_elasticsearch(settings)
    raise SettingsError(
        f"store = {scheme!r}...: unknown kind of store. Write for example sqlite:mentions.sqlite "
        "or elasticsearch:http://localhost:9200"
    )
