"""Taking a platform's record apart: each field is asked for by the type it must have, the rest is accounted for.

Platforms rename fields without telling anyone; a silent default would become a wrong number on a page. A field
of the wrong type raises MapError (the item goes to quarantine); a field nobody knows is logged once.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from index import log
from index.errors import MapError

_log = log.get("records")
_COUNT = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([万亿wWkK千]?)\+?")
_SCALE = {"": 1, "k": 1_000, "千": 1_000, "w": 10_000, "万": 10_000, "亿": 100_000_000}
MAX_COUNT = 10**15
_unfamiliar: dict[str, set[str]] = {}


class Record:
    """One JSON object on its way to becoming a document. Missing, null and "" are all None."""

    def __init__(self, raw: Any, name: str = "item") -> None:
        """Raises MapError when `raw` is no object."""
        if not isinstance(raw, dict):
            raise MapError(f"{name} is {_kind(raw)}, not an object.")
        self._raw, self._name = raw, name
        self._left = set(raw)

    def text(self, field: str) -> str | None:
        """A string."""
        value = self._take(field)
        if value is None or isinstance(value, str):
            return value or None
        raise self._wrong(field, value, "text")

    def need(self, field: str) -> str:
        """A string that must be there."""
        value = self.text(field)
        if value is None:
            raise MapError(f"{self._name} has no {field!r}.")
        return value

    def key(self, field: str) -> str | None:
        """An id: digits as a number or any word; always a string here, as 64-bit ids break in floats."""
        value = self._take(field)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is None or (isinstance(value, str) and len(value) <= 200 and value.isprintable()):
            return value or None
        raise self._wrong(field, value, "an id")

    def need_key(self, *fields: str) -> str:
        """The first id of these that is there; one must be."""
        found = [value for field in fields if (value := self.key(field)) is not None]
        if not found:
            raise MapError(f"{self._name} has no {fields[0]!r}.")
        return found[0]

    def count(self, field: str) -> int | None:
        """A counter: a number, or words such as "1204", "1.2万", "100万+"."""
        value = self._take(field)
        if value is None or value == "":
            return None
        number = read_count(value)
        if number is None:
            raise self._wrong(field, value, "a count")
        return number

    def flag(self, field: str) -> bool | None:
        value = self._take(field)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(field, value, "true or false")

    def record(self, field: str) -> Record | None:
        """An object inside this one."""
        value = self._take(field)
        return None if value is None else Record(value, f"{self._name}.{field}")

    def records(self, field: str) -> list[Record]:
        """Objects inside this one."""
        return [Record(value, f"{self._name}.{field}[]") for value in self._list(field)]

    def texts(self, field: str) -> list[str]:
        """Strings inside this one; anything else in the list is MapError."""
        values = self._list(field)
        for value in values:
            if not isinstance(value, str):
                raise self._wrong(field, value, "text")
        return values

    def known(self, *fields: str) -> None:
        """Fields that we know of and do not use."""
        self._left.difference_update(fields)

    def rest(self, platform: str, *known: str) -> None:
        """End of the record: log, once per platform and field, what is left over besides `known`."""
        self._left.difference_update(known)
        if self._left:
            _note(platform, self._name, self._left)

    def _take(self, field: str) -> Any:
        self._left.discard(field)
        return self._raw.get(field)

    def _list(self, field: str) -> list[Any]:
        value = self._take(field)
        if value is None or isinstance(value, list):
            return value or []
        raise self._wrong(field, value, "a list")

    def _wrong(self, field: str, value: Any, wanted: str) -> MapError:
        return MapError(f"{self._name}.{field} is {_kind(value)}, not {wanted}.")


def read_count(value: Any) -> int | None:
    """A counter as platforms write it, or None when it is none. Fractions are of a unit: "1.2万" is 12,000."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= MAX_COUNT else None
    if isinstance(value, float):
        return int(value) if 0 <= value <= MAX_COUNT and value == int(value) else None
    match = _COUNT.fullmatch(value.strip().replace(",", "")) if isinstance(value, str) and len(value) < 40 else None
    if match is None:
        return None
    number = round(float(match.group(1)) * _SCALE[match.group(2).lower()])
    return number if number <= MAX_COUNT else None


def unfamiliar(platform: str) -> frozenset[str]:
    """The fields of a platform that were met in this process and are not known to its map."""
    return frozenset(_unfamiliar.get(platform, ()))


def _note(platform: str, name: str, fields: Collection[str]) -> None:
    seen = _unfamiliar.setdefault(platform, set())
    new = {f"{name}.{field[:60]}".encode("ascii", "backslashreplace").decode() for field in fields} - seen
    if new and len(seen) < 1000:  # a record whose keys are data must not fill the memory
        seen |= new
        _log.warning("unfamiliar fields", platform=platform, fields=sorted(new)[:20])


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "missing"}
    shown = repr(value)[:40] if isinstance(value, (str, int, float)) else ""
    return " ".join(part for part in (names.get(type(value), "a number"), shown) if part)
