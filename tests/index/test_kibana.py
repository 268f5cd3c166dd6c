"""What is imported into Kibana fits the mapping, refers to what is there, and is what the script makes today."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from index.stores import kibana

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/kibana.ndjson"
KNOWN = kibana.fields(kibana.read_mapping())
_KQL_FIELD = re.compile(r"([\w.]+)\s*(?::|>=|<=|>|<)")


@pytest.fixture(scope="module")
def saved() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def test_the_file_is_what_the_script_makes_today() -> None:
    made = subprocess.run([sys.executable, "-m", "index.stores.kibana"], check=True, capture_output=True, cwd=ROOT)
    assert made.stdout == FILE.read_bytes()


def test_there_is_a_data_view_some_searches_and_one_dashboard(saved: list[dict[str, Any]]) -> None:
    kinds = [one["type"] for one in saved]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "index-pattern": 1,
        "search": 4,
        "lens": 7,
        "dashboard": 1,
    }
    assert len({(one["type"], one["id"]) for one in saved}) == len(saved)
    view = saved[0]["attributes"]
    assert (view["title"], KNOWN[view["timeFieldName"]]["type"]) == ("earshot-mentions", "date")


def test_every_reference_resolves_to_an_object_before_it(saved: list[dict[str, Any]]) -> None:
    before: set[tuple[str, str]] = set()
    for one in saved:
        assert {(r["type"], r["id"]) for r in one["references"]} <= before
        before.add((one["type"], one["id"]))


def test_every_name_that_an_object_refers_by_is_among_its_references(saved: list[dict[str, Any]]) -> None:
    for one in saved:
        names = {reference["name"] for reference in one["references"]}
        assert names == set(wanted_names(one["attributes"])), one["id"]


def wanted_names(attributes: dict[str, Any]) -> Iterator[str]:
    source = json.loads(attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", "{}"))
    if "indexRefName" in source:
        yield source["indexRefName"]
    for panel in json.loads(attributes.get("panelsJSON", "[]")):
        yield f"{panel['panelIndex']}:{panel['panelRefName']}"
    for layer in layers(attributes):
        yield f"indexpattern-datasource-layer-{layer}"


def layers(attributes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (
        attributes.get("state", {}).get("datasourceStates", {}).get("formBased", {}).get("layers", {})
    )
    return found


def test_every_field_is_in_the_mapping(saved: list[dict[str, Any]]) -> None:
    used = [name for one in saved for name in fields_of(one["attributes"])]
    assert len(set(used)) > 12
    assert [name for name in used if name not in KNOWN] == []


def fields_of(attributes: dict[str, Any]) -> Iterator[str]:
    yield from attributes.get("columns", ())
    yield from (name for name, _ in attributes.get("sort", ()))
    yield from (hidden["value"] for hidden in json.loads(attributes.get("sourceFilters", "[]")))
    yield from json.loads(attributes.get("fieldFormatMap", "{}"))
    source = json.loads(attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", "{}"))
    for query in (source.get("query"), attributes.get("state", {}).get("query")):
        yield from _KQL_FIELD.findall(query["query"] if query else "")
    for layer in layers(attributes).values():
        yield from (c["sourceField"] for c in layer["columns"].values() if c["sourceField"] != "___records___")


def test_charts_count_by_fields_that_can_be_counted_by(saved: list[dict[str, Any]]) -> None:
    charts = [one["attributes"] for one in saved if one["type"] == "lens"]
    columns = [c for chart in charts for layer in layers(chart).values() for c in layer["columns"].values()]
    for column in columns:
        field = KNOWN.get(column["sourceField"], {})
        assert field.get("type") != "text"
        assert field.get("doc_values", True)
    wanted = {"terms": "string", "date_histogram": "date", "sum": "number", "count": "number"}
    assert all(column["dataType"] == wanted[column["operationType"]] for column in columns)


def test_charts_show_columns_that_they_have(saved: list[dict[str, Any]]) -> None:
    for one in saved:
        for layer in layers(one["attributes"]).values():
            assert layer["columnOrder"] == list(layer["columns"])
            shown = set(accessors(one["attributes"]["state"]["visualization"]))
            assert shown == set(layer["columns"]), one["id"]
            orders = [
                c["params"]["orderBy"]["columnId"] for c in layer["columns"].values() if "orderBy" in c["params"]
            ]
            assert set(orders) <= set(layer["columns"])


def accessors(look: Any) -> Iterator[str]:
    if isinstance(look, list):
        for each in look:
            yield from accessors(each)
    elif isinstance(look, dict):
        for name, value in look.items():
            if name == "accessors":
                yield from value
            elif name.endswith("Accessor") or name == "columnId":
                yield value
            else:
                yield from accessors(value)


def test_panels_fit_the_grid_and_do_not_lie_on_each_other(saved: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(saved[-1]["attributes"]["panelsJSON"]):
        grid = panel["gridData"]
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert max(x for x, _ in cells) < 48
        assert not cells & taken
        taken |= cells


def test_a_field_that_is_gone_from_the_mapping_is_no_empty_chart() -> None:
    mapping = kibana.read_mapping()
    del mapping["properties"]["brands"]
    with pytest.raises(KeyError, match="brands"):
        kibana.objects(mapping)
    mapping["properties"]["brands"] = {"type": "keyword", "doc_values": False}
    with pytest.raises(KeyError, match="columns"):
        kibana.objects(mapping)
