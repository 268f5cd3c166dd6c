"""Confirmed mappings, kept for the next file with the same header; and what is needed to map a quarantined row
of an earlier file again. One readable file in the home folder: import_templates.json."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from index.errors import SettingsError
from index.settings import Settings

if TYPE_CHECKING:
    from crawlers.imports.files import Plan
    from crawlers.intake import Map

MOST_FILES = 500  # earlier files whose rows can be replayed


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """field -> header, for files with exactly these `headers`."""

    headers: tuple[str, ...]
    columns: dict[str, str]


class ImportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """How a file was read: enough to read one of its rows again."""

    templates: tuple[str, ...]
    platform: str | None
    guess: str
    exported_at: dt.datetime
    brand: str | None = None
    day_first: bool = False


class Memory(msgspec.Struct, kw_only=True):
    templates: dict[str, Template] = {}
    files: dict[str, ImportedFile] = {}


def _file(settings: Settings) -> Path:
    return settings.home / "import_templates.json"


def _load(settings: Settings) -> Memory:
    file = _file(settings)
    if not file.exists():
        return Memory()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Memory)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}. Correct it, or delete it to forget the templates.") from error


@contextmanager
def _changing(settings: Settings) -> Iterator[Memory]:
    """The memory, saved at the end; other imports wait, so that none forgets what another one has learnt."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / ".import_templates.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        memory = _load(settings)
        yield memory
        _save(settings, memory)


def _save(settings: Settings, memory: Memory) -> None:
    handle, name = tempfile.mkstemp(dir=settings.home, prefix=".templates")
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(memory), indent=2))
    Path(name).replace(_file(settings))  # whole or not at all, whatever else is running


def key_of(headers: Sequence[str]) -> str:
    return hashlib.blake2b("\x1f".join(headers).encode("utf-8", "replace"), digest_size=8).hexdigest()


def find(settings: Settings, headers: Sequence[str]) -> Template | None:
    """The mapping that was confirmed for this header."""
    return _load(settings).templates.get(key_of(headers))


def remember(settings: Settings, plan: Plan) -> None:
    """Keep the mapping of a confirmed plan and how its file was read."""
    with _changing(settings) as memory:
        _learn(memory, plan)


def _learn(memory: Memory, plan: Plan) -> None:
    keys = []
    for sheet in plan.sheets:
        key = key_of(sheet.header.cells)
        keys.append(key)
        memory.templates[key] = Template(
            headers=sheet.header.cells,
            columns={c.field: sheet.header.cells[c.position] for c in sheet.header.columns},
        )
    memory.files.pop(plan.source, None)
    memory.files[plan.source] = ImportedFile(
        templates=tuple(keys),
        platform=plan.platform,
        guess=plan.guess,
        exported_at=plan.exported_at,
        brand=plan.brand,
        day_first=any(sheet.clock.day_first for sheet in plan.sheets),
    )
    for oldest in list(memory.files)[:-MOST_FILES]:
        del memory.files[oldest]


def mapping_of_source(settings: Settings, source: str) -> Map | None:
    """The map for quarantined rows of an earlier file; None when the file is not known any more."""
    from crawlers.imports.files import replay_map

    memory = _load(settings)
    file = memory.files.get(source)
    return replay_map(settings, source, file, memory.templates) if file else None
