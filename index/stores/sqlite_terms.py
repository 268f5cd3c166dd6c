"""Words of fixed sets as numbers: platforms, labels, and whole lists of brands, aspects and intents."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import apsw

from index.database import Database
from index.text import normalise

REMEMBERED = 50_000  # orders of lists kept in memory
LISTS = ("brands", "aspects", "intents")
ALL = 0  # stands for "every brand" in the tallies


class Terms:
    """The `term` table, cached. Numbers never change and are never reused, so the cache is always right."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._by_field: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._values: dict[int, tuple[str, str]] = {}  # number -> field, value
        self._members: dict[int, tuple[int, ...]] = {}  # list -> its values
        self._holding: defaultdict[tuple[str, int], list[int]] = defaultdict(list)  # field, value -> lists with it
        self._lists: dict[tuple[str, tuple[str, ...]], int] = {}  # as mentions have them, in any order
        self._last = 0

    def refresh(self) -> None:
        """Learn what other processes added."""
        with self._lock:
            rows = self._database.all("SELECT id, field, value FROM term WHERE id > ? ORDER BY id", (self._last,))
            for number, field, value in rows:
                self._learn(number, field, value)
                self._last = number

    def _learn(self, number: int, field: str, value: str) -> None:
        self._values[number] = field, value
        self._by_field[field][value] = number
        if field in LISTS and number not in self._members:
            members = tuple(self._by_field[field[:-1]][member] for member in json.loads(value))
            self._members[number] = members
            for member in members:
                self._holding[field, member].append(number)

    def find(self, field: str, value: str) -> int | None:
        """The number of a value, or None when the store has never seen it. Call refresh() first."""
        return self._by_field[field].get(value)

    def number(self, connection: apsw.Connection, field: str, value: str) -> int:
        """The number of a value, given out if need be: call inside a write transaction."""
        known = self._by_field[field].get(value)
        if known is not None:
            return known
        sql = "INSERT INTO term(field, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
        connection.execute(sql, (field, value))
        row: Any = connection.execute("SELECT id FROM term WHERE field=? AND value=?", (field, value)).fetchone()
        self._learn(int(row[0]), field, value)
        return int(row[0])

    def forget(self) -> None:
        """Drop the cache: after a transaction that gave out numbers was rolled back."""
        with self._lock:
            self._clear()

    def list_number(self, connection: apsw.Connection, field: str, values: tuple[str, ...]) -> int:
        """The number of a list of values (order and repeats do not matter). Its members get numbers too."""
        known = self._lists.get((field, values))
        if known is None:
            key = json.dumps(sorted(set(values)), ensure_ascii=False)
            for value in json.loads(key):
                self.number(connection, field[:-1], value)
            known = self.number(connection, field, key)
            if len(self._lists) >= REMEMBERED:
                self._lists.clear()
            self._lists[field, values] = known
        return known

    def value(self, number: int) -> str:
        return self._known(number)[1]

    def field(self, number: int) -> str:
        return self._known(number)[0]

    def members(self, number: int) -> tuple[int, ...]:
        """The numbers of the values in a list of brands, aspects or intents."""
        if number not in self._members:
            self.refresh()
        return self._members[number]

    def _known(self, number: int) -> tuple[str, str]:
        if number not in self._values:
            self.refresh()
        return self._values[number]

    def lists_with(self, field: str, wanted: Callable[[str], bool]) -> list[int]:
        """The lists of `field` (brands, aspects, intents) that hold a value for which `wanted` is true."""
        members = {number for value, number in list(self._by_field[field[:-1]].items()) if wanted(value)}
        return sorted({found for member in members for found in self._holding[field, member]})

    def values_like(self, field: str, value: str) -> list[int]:
        """The values of a single-valued field that are this one, compared without case, width or script."""
        form = normalise(value)
        return [number for text, number in list(self._by_field[field].items()) if normalise(text) == form]
