"""Which indices a store has in the cluster, and how they are made.

    PREFIX-mentions            alias of all months, for every question and for Kibana
    PREFIX-mentions-1-202611   one month of generation 1; made by the first mention that falls into it
    PREFIX-people              customers and scores of authors
    PREFIX-state               what the writers must agree on: the salt of the hashes, erased authors, last change

A mapping that is new makes a new generation beside the old one (elasticsearch_migrate). A mention stays in the
index in which it was first written, also when an edit gives it another day: nothing has to be moved, and searches
find it there, because the cluster itself knows the earliest and latest day in each index and skips the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from index.errors import StoreError

FIRST_MONTH, OLDER = 202001, "older"  # a history import of ten years must not make 120 indices
FUTURE, LATER = timedelta(days=31), "later"  # nor a broken clock one for each month of the future
_MONTHS = re.compile(r"-mentions-(\d+)-(\w+)$")


@cache
def template(name: str) -> dict[str, Any]:
    """`mentions`, `people` or `state`: settings and mappings as in templates/NAME.json."""
    file = files("index.stores").joinpath(f"templates/{name}.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


class Generation(NamedTuple):
    """A set of month indices with one mapping. `version` is that mapping's, `analyzer` that of title and text."""

    number: int
    version: int
    tokeniser: str
    analyzer: str


class Layout:
    """The names of one store's indices. `shards`: of each month that is made from `make` or a migration on."""

    def __init__(self, client: Elasticsearch, prefix: str, shards: int = 1) -> None:
        self.client = client
        self.prefix = prefix
        self.shards = shards
        self.mentions = f"{prefix}-mentions"
        self.people = f"{prefix}-people"
        self.state = f"{prefix}-state"
        self._generation: Generation | None = None

    @property
    def generation(self) -> Generation:
        """The one that the alias names. Raises StoreError when the indices were never made."""
        if self._generation is None:
            self._generation = self.current()
        if self._generation is None:
            raise StoreError(f"There is no store {self.prefix!r} in this cluster. Run: earshot index init")
        return self._generation

    def forget(self) -> None:
        """Look again which generation is the current one: after a write that it refused."""
        self._generation = None

    def month(self, at: datetime) -> str:
        """The index for a new mention that was published then."""
        month = at.year * 100 + at.month
        name = str(month)
        if month < FIRST_MONTH:
            name = OLDER
        elif at > datetime.now(UTC) + FUTURE:
            name = LATER
        return self.index(self.generation.number, name)

    def index(self, generation: int, month: str) -> str:
        return f"{self.mentions}-{generation}-{month}"

    def current(self) -> Generation | None:
        """What the alias names now; None without a store."""
        try:
            found = self.client.indices.get_mapping(index=self.mentions, filter_path="*.mappings._meta")
        except NotFoundError:
            return None
        newest = max(found.body, key=generation_number, default=None)
        if newest is None:
            return None
        meta = found[newest]["mappings"]["_meta"]
        return Generation(generation_number(newest), meta["version"], meta["tokeniser"], meta["analyzer"])

    def all_months(self) -> dict[str, dict[str, Any]]:
        """Every month index of every generation, with its aliases."""
        found: dict[str, dict[str, Any]] = self.client.indices.get_alias(index=f"{self.mentions}-*").body
        return {name: each["aliases"] for name, each in sorted(found.items()) if _MONTHS.search(name)}

    def make(self, wanted: Generation) -> None:
        """Make what is missing. Safe to repeat, and from several processes at once."""
        for index, name in ((self.state, "state"), (self.people, "people")):
            body = template(name)
            self.make_index(index, settings=body["settings"], mappings=body["mappings"])
        self.put_template(wanted, aliases={self.mentions: {}})
        self.make_index(self.index(wanted.number, OLDER))
        self.forget()

    @contextmanager
    def opened(self, indices: Iterable[str]) -> Iterator[None]:
        """Let months of earlier generations, which are closed, be written to: for erasing. Those of the present
        one stay as they are: when they are closed, a migration is just switching."""
        self.forget()
        earlier = [i for i in indices if 0 < generation_number(i) < self.generation.number]
        self._block_writes(earlier, None)
        try:
            yield
        finally:
            self._block_writes(earlier, True)

    def _block_writes(self, indices: list[str], block: bool | None) -> None:
        """By settings alone: that is all that the role of the product may change of an index."""
        if indices:
            self.client.indices.put_settings(index=indices, settings={"index.blocks.write": block})

    def put_template(self, wanted: Generation, aliases: dict[str, Any]) -> None:
        """From now on, months of this generation are made like this when something is first written to them."""
        body = template("mentions")
        properties = dict(body["mappings"]["properties"])
        for field in ("title", "text"):
            properties[field] = {"type": "text", "analyzer": wanted.analyzer}
        meta = {"version": wanted.version, "tokeniser": wanted.tokeniser, "analyzer": wanted.analyzer}
        self._put_index_template(
            wanted.analyzer,
            name=f"{self.mentions}-{wanted.number}",
            index_patterns=[f"{self.mentions}-{wanted.number}-*"],
            priority=500,
            template={
                "settings": {"index": {**body["settings"], "number_of_shards": self.shards}},
                "mappings": {**body["mappings"], "_meta": meta, "properties": properties},
                "aliases": aliases,
            },
            meta=meta,
        )

    def _put_index_template(self, analyzer: str, **body: Any) -> None:
        try:
            self.client.indices.put_index_template(**body)
        except BadRequestError as error:
            if f"[{analyzer}]" not in str(error.body):
                raise
            raise StoreError(
                f'The cluster has no analyzer = "{analyzer}". Install its plug-in on every node'
                ' (bin/elasticsearch-plugin install), or set analyzer = "standard".'
            ) from error

    def change_template(self, number: int, *, in_use: bool, closed: bool) -> None:
        """Whether new months of a generation are found through the alias, and whether they can be written to."""
        name = f"{self.mentions}-{number}"
        found = self.client.indices.get_index_template(name=name)["index_templates"][0]["index_template"]
        found["template"]["aliases"] = {self.mentions: {}} if in_use else {}
        found["template"]["settings"]["index"]["blocks"] = {"write": closed}
        self.client.indices.put_index_template(
            name=name,
            index_patterns=found["index_patterns"],
            priority=found["priority"],
            template=found["template"],
            meta=found["_meta"],
        )

    def make_index(self, index: str, **body: Any) -> None:
        try:
            self.client.indices.create(index=index, **body)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise


def generation_number(index: str) -> int:
    """Of a month index; 0 for another."""
    match = _MONTHS.search(index)
    return int(match[1]) if match else 0
