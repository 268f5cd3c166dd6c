"""What analysts import into Kibana: a data view, saved searches and one dashboard, made from the mapping.

    python -m index.stores.kibana > docs/kibana.ndjson
    python -m index.stores.kibana OTHER-PREFIX > other.ndjson

One saved object a line, first those that others refer to. A field that the mapping does not have, or that cannot be
counted, is a KeyError here and not an empty chart there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

Json = dict[str, Any]

TIME = "published_at"
HIDDEN = ("ts", "words", "fingerprint", "digest", "analysis_digest")  # for the machine: not shown in Discover
COLUMNS = [
    "brands",
    "sentiment",
    "text",
    "aspects",
    "intents",
    "platform",
    "author.name",
    "engagement_total",
    "url",
]
SEARCHES = {
    "negative": ("Negative mentions · 负面提及", 'sentiment : "negative" and spam : false'),
    "complaints": (
        "Complaints and questions · 投诉与提问",
        'intents : ("complaint" or "question") and spam : false',
    ),
    "reach": ("Said to many · 大号提及", "author.followers >= 10000 and spam : false"),
    "corrected": ("Labels set by people · 人工改标", "corrections.by : *"),
}
LAYER = "mentions"
_KINDS = {"keyword": "string", "date": "date", "long": "number", "double": "number", "boolean": "boolean"}


def fields(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Json]:
    """Every field by its full name, such as author.followers; objects that are only stored are left out."""
    found: dict[str, Json] = {}
    for name, field in mapping["properties"].items():
        if "properties" in field:
            found |= fields(field, f"{prefix}{name}.")
        elif field.get("enabled", True):
            found[prefix + name] = field
    return found


def read_mapping() -> Json:
    """The mapping of mentions, as in templates/mentions.json."""
    text = files("index.stores").joinpath("templates/mentions.json").read_text(encoding="utf-8")
    mapping: Json = json.loads(text)["mappings"]
    return mapping


def objects(mapping: Mapping[str, Any], prefix: str = "earshot") -> list[Json]:
    """The saved objects. Raises KeyError for a field that is not there."""
    return list(_Objects(fields(mapping), prefix).all())


class _Objects:
    def __init__(self, known: Mapping[str, Json], prefix: str) -> None:
        self._known = known
        self._prefix = prefix
        self._view = f"{prefix}-mentions"

    def all(self) -> Iterator[Json]:
        yield self._data_view()
        for name in SEARCHES:
            yield self._search(name)
        charts = self._charts()
        yield from charts
        yield self._dashboard(charts)

    def _data_view(self) -> Json:
        hidden = [{"value": name} for name in HIDDEN if self._known[name]]
        attributes = {
            "title": self._view,
            "name": "Earshot · 提及",
            "timeFieldName": TIME,
            "sourceFilters": _text(hidden),
            "fieldFormatMap": _text({"url": {"id": "url"}, "author.url": {"id": "url"}}),
        }
        return _saved("index-pattern", self._view, attributes, [], "8.0.0")

    def _search(self, name: str) -> Json:
        title, query = SEARCHES[name]
        attributes = {
            "title": f"Earshot: {title}",
            "description": "",
            "columns": [column for column in COLUMNS if self._known[column]],
            "sort": [[TIME, "desc"]],
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "timeRestore": False,
            "kibanaSavedObjectMeta": _source(query, indexRefName="kibanaSavedObjectMeta.searchSourceJSON.index"),
        }
        reference = self._reference("kibanaSavedObjectMeta.searchSourceJSON.index")
        return _saved("search", f"{self._prefix}-{name}", attributes, [reference], "10.5.0")

    def _charts(self) -> list[Json]:
        days, by = self._by_time(), self._by
        return [
            self._metric("count", "Mentions · 声量", ""),
            self._metric("count-negative", "Negative · 负面", 'sentiment : "negative"'),
            self._bars("days", "Mentions by time · 声量走势", days, split="sentiment", kind="bar_stacked"),
            self._bars("brands", "Brands · 品牌", by("brands", 10), split="sentiment"),
            self._bars("aspects", "What is praised and blamed · 方面", by("aspects", 15)),
            self._bars("platforms", "Platforms · 平台", by("platform", 10), split="sentiment"),
            self._table("authors", "Who moves others · 高互动作者"),
        ]

    def _metric(self, name: str, title: str, query: str) -> Json:
        return self._lens(name, title, "lnsMetric", {"n": _count()}, {"metricAccessor": "n"}, query)

    def _bars(
        self, name: str, title: str, across: Json, *, split: str = "", kind: str = "bar_horizontal_stacked"
    ) -> Json:
        columns = {"across": across, **({"split": self._by(split, 5)} if split else {}), "n": _count()}
        layer = {
            "layerId": LAYER, "layerType": "data", "seriesType": kind, "accessors": ["n"], "xAccessor": "across",
            **({"splitAccessor": "split"} if split else {}),
        }  # fmt: skip
        look = {
            "legend": {"isVisible": bool(split), "position": "top"}, "preferredSeriesType": kind,
            "valueLabels": "hide", "layers": [layer],
        }  # fmt: skip
        return self._lens(name, title, "lnsXY", columns, look)

    def _table(self, name: str, title: str) -> Json:
        columns = {"who": self._by("author.name", 20, "sum"), "sum": self._sum("engagement_total"), "n": _count()}
        look = {"columns": [{"columnId": column} for column in columns]}
        return self._lens(name, title, "lnsDatatable", columns, look)

    def _lens(
        self, name: str, title: str, kind: str, columns: Mapping[str, Json], look: Json, query: str = ""
    ) -> Json:
        layer = {"columnOrder": list(columns), "columns": dict(columns), "incompleteColumns": {}}
        where = " and ".join(part for part in (query, "spam : false") if part)
        state = {
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "visualization": look if "layers" in look else {"layerId": LAYER, "layerType": "data", **look},
            "query": {"query": where, "language": "kuery"},
            "filters": [],
            "internalReferences": [],
            "adHocDataViews": {},
        }
        attributes = {"title": f"Earshot: {title}", "description": "", "visualizationType": kind, "state": state}
        reference = self._reference(f"indexpattern-datasource-layer-{LAYER}")
        return _saved("lens", f"{self._prefix}-{name}", attributes, [reference], "8.9.0")

    def _dashboard(self, charts: list[Json]) -> Json:
        """A grid of 48 columns: two numbers and the course of time, rankings, authors, the newest negative ones."""
        places = [(0, 0, 8, 6), (0, 6, 8, 6), (8, 0, 40, 12), (0, 12, 16, 16), (16, 12, 16, 16), (32, 12, 16, 16)]
        places += [(0, 28, 16, 18), (16, 28, 32, 18)]
        shown = [*((c["type"], c["id"]) for c in charts), ("search", f"{self._prefix}-negative")]
        panels, references = [], []
        for number, ((kind, of), (x, y, w, h)) in enumerate(zip(shown, places, strict=True), start=1):
            index = str(number)
            grid = {"x": x, "y": y, "w": w, "h": h, "i": index}
            panels.append(
                {
                    "type": kind,
                    "gridData": grid,
                    "panelIndex": index,
                    "embeddableConfig": {},
                    "panelRefName": f"panel_{index}",
                }
            )
            references.append({"type": kind, "id": of, "name": f"{index}:panel_{index}"})
        attributes = {
            "title": "Earshot",
            "description": "What is said of the brands: how much, how, where, by whom · 声量、情感、平台与作者",
            "panelsJSON": _text(panels),
            "optionsJSON": _text({"useMargins": True, "hidePanelTitles": False, "syncColors": True}),
            "timeRestore": True,
            "timeFrom": "now-30d/d",
            "timeTo": "now",
            "kibanaSavedObjectMeta": _source(""),
        }
        return _saved("dashboard", f"{self._prefix}-overview", attributes, references, "8.9.0")

    def _by(self, name: str, size: int, order: str = "n") -> Json:
        params = {
            "size": size, "orderBy": {"type": "column", "columnId": order}, "orderDirection": "desc",
            "otherBucket": False, "missingBucket": False, "parentFormat": {"id": "terms"},
        }  # fmt: skip
        return _column(name, "terms", self._countable(name), bucketed=True, params=params)

    def _by_time(self) -> Json:
        params = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
        return _column(TIME, "date_histogram", self._countable(TIME), bucketed=True, params=params)

    def _sum(self, name: str) -> Json:
        return _column(name, "sum", self._countable(name), params={"emptyAsNull": True})

    def _countable(self, name: str) -> str:
        """The kind of values of a field that Elasticsearch keeps in columns. Raises KeyError for another."""
        field = self._known[name]
        if not field.get("doc_values", True):
            raise KeyError(f"{name} is not kept in columns")
        return _KINDS[field["type"]]

    def _reference(self, name: str) -> Json:
        return {"type": "index-pattern", "id": self._view, "name": name}


def _column(name: str, operation: str, kind: str, *, bucketed: bool = False, params: Json) -> Json:
    return {
        "label": name, "dataType": kind, "operationType": operation, "sourceField": name, "isBucketed": bucketed,
        "scale": {"date": "interval", "number": "ratio"}.get(kind, "ordinal"), "params": params,
    }  # fmt: skip


def _count() -> Json:
    return {
        "label": "mentions", "customLabel": True, "dataType": "number", "operationType": "count",
        "sourceField": "___records___", "isBucketed": False, "scale": "ratio", "params": {"emptyAsNull": False},
    }  # fmt: skip


def _saved(kind: str, name: str, attributes: Json, references: list[Json], version: str) -> Json:
    """`version` is that of the format of this kind: Kibana brings older ones up to date when it imports them."""
    return {
        "type": kind, "id": name, "attributes": attributes, "references": references, "managed": False,
        "coreMigrationVersion": "8.8.0", "typeMigrationVersion": version,
    }  # fmt: skip


def _source(query: str, **more: str) -> Json:
    return {"searchSourceJSON": _text({"query": {"query": query, "language": "kuery"}, "filter": [], **more})}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    prefix = sys.argv[1] if len(sys.argv) > 1 else "earshot"
    for saved in objects(read_mapping(), prefix):
        sys.stdout.buffer.write(_text(saved).encode() + b"\n")


if __name__ == "__main__":
    main()
