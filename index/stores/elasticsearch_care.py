"""What is wrong with the cluster: each finding a sentence that says what to do. For `earshot doctor`.

Needs no more rights than the role of the product itself (roles/earshot.json).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib import resources
from typing import Any

from elasticsearch import ApiError

from index.clocks import skewed
from index.settings import Settings
from index.stores.elasticsearch_client import Client, parse
from index.stores.elasticsearch_layout import Layout

PLUGINS = {"smartcn": "analysis-smartcn", "ik_max_word": "analysis-ik"}
IN_USE = ("mentions", "people", "state")  # generations before the present one are closed on purpose
FULL = 0.85  # of a disk: from there on Elasticsearch puts no new shard on the node (low watermark)


def role(name: str = "earshot", prefix: str = "earshot") -> dict[str, Any]:
    """roles/NAME.json, as for PUT _security/role, for indices that begin with `prefix`."""
    text = resources.files("index.stores").joinpath(f"roles/{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    for part in found["indices"]:
        part["names"] = [prefix + each.removeprefix("earshot") for each in part["names"]]
    return found


def problems(client: Client, settings: Settings) -> list[str]:
    """Everything found, worst first. Raises StoreError when the cluster cannot be asked at all."""
    prefix = parse(settings.store).prefix
    client.check_version()
    missing = list(_rights(client, prefix))
    if any("monitor" in each or "view_index_metadata" in each for each in missing):
        return missing  # nothing further may be asked
    return [
        *_red(client, prefix),
        *_blocks(client, prefix),
        *missing,
        *_analyzer(client, prefix, settings.elasticsearch.analyzer),
        *_nodes(client),
    ]


def analyzers(client: Client) -> str:
    """Which analyzers every node of the cluster has: standard, and those of plug-ins."""
    nodes = client.nodes.info(metric="plugins", filter_path="nodes.*.plugins.name")
    everywhere = _everywhere(nodes.body.get("nodes", {}))
    return ", ".join(["standard", *(name for name, plugin in PLUGINS.items() if plugin in everywhere)])


def _rights(client: Client, prefix: str) -> Iterator[str]:
    wanted = role(prefix=prefix)
    try:
        answer = client.security.has_privileges(cluster=wanted["cluster"], index=wanted["indices"])
    except ApiError as error:
        if error.meta.status in (400, 404, 405, 500):  # security is switched off: everybody may do everything
            return
        raise
    lacking = [name for name, granted in answer["cluster"].items() if not granted]
    for index, privileges in answer["index"].items():
        lacking += [f"{name} on {index}" for name, granted in privileges.items() if not granted]
    if lacking:
        yield (
            f"The user {answer['username']!r} lacks the privilege {', '.join(lacking)}. Give it the role of"
            " index/stores/roles/earshot.json."
        )


def _red(client: Client, prefix: str) -> Iterator[str]:
    health = client.cluster.health(index=f"{prefix}-*", level="indices")
    red = sorted(name for name, each in health["indices"].items() if each["status"] == "red")
    if red:
        yield (
            f"{', '.join(red)} is red: shards of it are on no node, so answers are refused. Start the missing node;"
            " GET _cluster/allocation/explain says why."
        )
    if health["number_of_nodes"] > 1 and not red and health["status"] == "yellow":
        yield (
            f"{health['unassigned_shards']} copies of shards are on no node: one more failure loses data. Start the"
            " missing node; GET _cluster/allocation/explain says why."
        )


def _blocks(client: Client, prefix: str) -> Iterator[str]:
    found = client.indices.get_settings(
        index=[f"{prefix}-{name}" for name in IN_USE],
        name="index.blocks.*",
        flat_settings=True,
        ignore_unavailable=True,
    )
    for name, each in sorted(found.body.items()):
        blocks = sorted(key for key, value in each["settings"].items() if value == "true")
        if "index.blocks.read_only_allow_delete" in blocks:
            yield (
                f"{name} is read-only because a disk is full (flood stage). Make room or add a node; Elasticsearch"
                " opens it again by itself."
            )
        elif blocks:
            yield f"{name} is blocked ({', '.join(blocks)}). Set it to null: PUT {name}/_settings"


def _analyzer(client: Client, prefix: str, analyzer: str) -> Iterator[str]:
    plugin = PLUGINS.get(analyzer)
    info = client.nodes.info(metric="plugins", filter_path="nodes.*.name,nodes.*.plugins.name")["nodes"]
    without = sorted(node["name"] for node in info.values() if plugin and plugin not in _plugins(node))
    if without:
        yield (
            f'analyzer = "{analyzer}" needs the plug-in {plugin}, which {", ".join(without)} lacks. Install it on'
            ' every node (bin/elasticsearch-plugin install), or set analyzer = "standard".'
        )
        return
    made = Layout(client, prefix).current()
    if made and made.analyzer != analyzer:
        yield (
            f'The indices were made with analyzer = "{made.analyzer}", earshot.toml says "{analyzer}". Write the'
            " former there, or make them anew: earshot index migrate"
        )


def _nodes(client: Client) -> Iterator[str]:
    before = time.time()
    stats = client.nodes.stats(metric="fs", filter_path="nodes.*.name,nodes.*.timestamp,nodes.*.fs.total")["nodes"]
    after = time.time()
    for node in sorted(stats.values(), key=lambda node: str(node["name"])):
        yield from _disk(node)
        if sentence := skewed(f"node {node['name']}", node["timestamp"] / 1000, before, after):
            yield sentence


def _disk(node: dict[str, Any]) -> Iterator[str]:
    total = node["fs"]["total"]
    used = 1 - total["available_in_bytes"] / total["total_in_bytes"]
    if used > FULL:
        yield f"The disk of node {node['name']} is {used:.0%} full. Make room or add a node, before writes stop."


def _everywhere(nodes: dict[str, Any]) -> set[str]:
    each = [_plugins(node) for node in nodes.values()]
    return set.intersection(*each) if each else set()


def _plugins(node: dict[str, Any]) -> set[str]:
    return {plugin["name"] for plugin in node.get("plugins", [])}
