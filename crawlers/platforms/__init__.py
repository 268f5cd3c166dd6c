"""Every platform Earshot can read, found by scanning: one file here (an API) or in crawlers/spiders (a site).

A file belongs to the platform of its name and holds one class whose `platform` says the same. Files are
imported when asked for, so that a process without spiders never loads Scrapy.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from crawlers.connector import Connector
from index.errors import SettingsError

_FOLDERS = {
    "crawlers.platforms": Path(__file__).parent,
    "crawlers.spiders": Path(__file__).parent.parent / "spiders",
}
_SHARED = {"base", "presets", "process", "robots", "run"}  # files of crawlers/spiders that are no platform


@cache
def platforms() -> dict[str, str]:
    """Platform name -> module that reads it."""
    return {
        found.name: f"{package}.{found.name}"
        for package, folder in _FOLDERS.items()
        for found in pkgutil.iter_modules([str(folder)])
        if found.name not in _SHARED and not found.name.startswith("_")
    }


def connector_for(platform: str) -> type[Connector]:
    """The connector of a platform. Raises SettingsError for one that does not exist."""
    module_name = platforms().get(platform)
    if module_name is None:
        known = ", ".join(sorted(platforms()))
        raise SettingsError(f"There is no platform {platform!r}. Known: {known}. Files: `earshot import`.")
    module = importlib.import_module(module_name)
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module_name and _platform_of(value) == platform:
            return value
    raise SettingsError(f"{module_name} holds no class whose platform is {platform!r}.")


def _platform_of(candidate: type) -> str | None:
    name = getattr(candidate, "platform", None)
    return name if isinstance(name, str) and hasattr(candidate, "fetch") else None
