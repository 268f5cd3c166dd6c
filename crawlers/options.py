"""Reading a source's options with the message a person needs when one is missing or wrong."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from crawlers.addresses import origin_of
from index.clocks import zone_of
from index.errors import SettingsError, SourceError
from index.settings import Source

COMMON = frozenset({"delay", "brand"})  # options that every platform understands

T = TypeVar("T")


class Options:
    """The options of one source, each asked for by name and type. Every method raises SettingsError."""

    def __init__(self, source: Source, known: Collection[str]) -> None:
        self._source = source
        unknown = sorted(set(source.options) - set(known) - COMMON)
        if unknown:
            listed = ", ".join(sorted({*known, *COMMON}))
            raise self.wrong(unknown[0], f"is not known to {source.platform}; known are: {listed}")

    def get(self, name: str, kind: type[T], default: T) -> T:
        value: Any = self._source.options.get(name, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(name, f"must be {kind.__name__}, not {value!r}")
        return value

    def need(self, name: str, kind: type[T]) -> T:
        if name not in self._source.options:
            raise self.wrong(name, "is missing")
        return self.get(name, kind, kind())

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of strings; one string alone counts as a list of one."""
        value = self._source.options.get(name, default)
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)) or not all(isinstance(each, str) for each in values):
            raise self.wrong(name, f"must be a list of texts, not {value!r}")
        return tuple(values)

    def address(self, name: str, default: str = "") -> str:
        """A web address without a slash at its end."""
        value = self.get(name, str, default) if default else self.need(name, str)
        try:
            origin_of(value)
        except SourceError as error:
            raise self.wrong(name, f"must be an address: {error}") from error
        return value.rstrip("/")

    def zone(self, name: str, default: str = "Asia/Shanghai") -> ZoneInfo:
        value = self.get(name, str, default)
        try:
            return zone_of(value)
        except ValueError as error:
            raise self.wrong(name, f"must be a time zone such as Asia/Shanghai, not {value!r}") from error

    def wrong(self, name: str, problem: str) -> SettingsError:
        return SettingsError(f"earshot.toml: source {self._source.name!r}: option {name!r} {problem}.")


def brand_of(source: Source) -> tuple[str, ...]:
    """The brand that everything of a source belongs to, from its option `brand`: comments under a brand's own
    posts seldom name it."""
    brand = source.options.get("brand")
    return (brand,) if isinstance(brand, str) and brand else ()
