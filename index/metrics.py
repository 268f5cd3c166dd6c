"""Numbers for Prometheus: what this process does, and what all processes of a home share.

The ends of mentions, the standing of sources and the size of the store are kept where every process shares them,
so they are read from there at each scrape instead of being counted a second time here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry

from index.errors import InboxError, SettingsError, StoreError
from index.inbox.protocol import Inbox
from index.settings import Settings
from index.sources import SourceHealth, Sources
from index.stores.protocol import Store

QUEUED = ("waiting", "leased")
STORE_EVERY = 60.0  # seconds that the size of the store is remembered: Prometheus asks each process every 15

WORKER_ITEMS = Counter("earshot_worker_items", "Items a worker finished, by end", ["end"])
WORKER_SECONDS = Histogram(
    "earshot_worker_step_seconds",
    "One batch in one step: mask, model, save, act",
    ["step"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15),
)
WORKER_FAULTS = Counter("earshot_worker_faults", "Batches that failed, by error", ["error"])
CASE_SECONDS = Histogram(
    "earshot_arrival_to_case_seconds",
    "From arrival in the inbox to the case on the desk",
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300),
)
SAVED = Counter("earshot_store_saves", "Records handed to the store, by outcome", ["outcome"])
GATHERED = Counter("earshot_gathered_items", "Items a gatherer read, by what became of them", ["source", "result"])
POLL_SECONDS = Histogram(
    "earshot_poll_seconds",
    "One poll of a source, all its pages",
    ["source"],
    buckets=(0.1, 0.5, 1, 2, 5, 15, 60, 300),
)
CLUSTER_SECONDS = Histogram(
    "earshot_cluster_request_seconds",
    "One request to Elasticsearch, its retries included",
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15),
)
CLUSTER_RETRIES = Counter(
    "earshot_cluster_retries", "Requests to Elasticsearch tried again, by the status or the fault", ["reason"]
)
DELIVERIES = Counter("earshot_deliveries", "Alerts sent, by channel and result", ["channel", "result"])


class HomeCollector(Collector):
    """What the processes of a home share, read when asked. `earshot_up` and `earshot_store_up` are 0 while inbox
    and records, or the store, cannot be read."""

    def __init__(self, settings: Settings, inbox: Inbox, sources: Sources, store: Store) -> None:
        self._settings = settings
        self._inbox = inbox
        self._sources = sources
        self._store = store
        self._known: tuple[float, dict[str, Any]] | None = None

    def describe(self) -> list[Metric]:
        """Nothing known in advance; without this the registry would read everything when it is told of us."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = store_up = 1
        try:
            yield from _of_inbox(self._inbox.counts(), self._inbox.health())
            yield from _of_sources(self._sources.health(self._settings))
        except (InboxError, StoreError):
            up = 0
        try:
            yield from _of_store(self._health())
        except StoreError:
            store_up = 0
        yield GaugeMetricFamily("earshot_up", "Whether inbox and records can be read", up)
        yield GaugeMetricFamily("earshot_store_up", "Whether the store can be read", store_up)

    def _health(self) -> dict[str, Any]:
        """Of the store, at most STORE_EVERY old: it counts every mention."""
        if self._known is None or time.monotonic() - self._known[0] > STORE_EVERY:
            self._known = (time.monotonic(), self._store.health())
        return self._known[1]


def _of_store(health: dict[str, Any]) -> Iterator[Metric]:
    yield GaugeMetricFamily("earshot_store_mentions", "Mentions in the store", health["mentions"])
    yield GaugeMetricFamily("earshot_store_bytes", "Size of the store on disk", health["bytes"])
    if newest := health["newest"]:
        said = "When the newest mention in the store was published"
        yield GaugeMetricFamily("earshot_store_newest_timestamp_seconds", said, newest.timestamp())


def _of_inbox(counted: dict[str, dict[str, int]], health: dict[str, Any]) -> Iterator[Metric]:
    ends = CounterMetricFamily("earshot_mentions", "Items by source and end", labels=["source", "end"])
    queue = GaugeMetricFamily("earshot_inbox_items", "Items in the inbox now", labels=["source", "state"])
    for source, counts in counted.items():
        for name, n in counts.items():
            (queue if name in QUEUED else ends).add_metric([source, name], n)
    yield ends
    yield queue
    yield GaugeMetricFamily("earshot_inbox_bytes", "Size of the inbox", health["bytes"])
    if limit := health.get("limit"):
        yield GaugeMetricFamily("earshot_inbox_limit_bytes", "Size at which gathering waits", limit)
    if oldest := health.get("oldest_waiting"):
        said = "When the item came that has waited longest"
        yield GaugeMetricFamily("earshot_inbox_oldest_timestamp_seconds", said, oldest.timestamp())


def _of_sources(sources: list[SourceHealth]) -> Iterator[Metric]:
    polls = CounterMetricFamily("earshot_source_polls", "Times a source was asked", labels=["source"])
    failures = GaugeMetricFamily("earshot_source_failures", "Failed polls in a row", labels=["source"])
    seen = GaugeMetricFamily(
        "earshot_source_last_mention_timestamp_seconds", "When a source last gave a mention", labels=["source"]
    )
    state = GaugeMetricFamily("earshot_source_state", "1 for the state a source is in", labels=["source", "state"])
    for source in sources:
        polls.add_metric([source.name], source.polls)
        failures.add_metric([source.name], source.failures)
        state.add_metric([source.name, source.state], 1)
        if source.last_seen_at:
            seen.add_metric([source.name], source.last_seen_at.timestamp())
    yield from (polls, failures, seen, state)


def serve(address: str, collector: Collector, *, registry: CollectorRegistry = REGISTRY) -> int:
    """Offer the numbers at http://`address`/metrics from a thread of this process; returns the port. `address` is
    "PORT" (of this machine alone; 0 takes a free one) or "HOST:PORT". Raises SettingsError when that cannot be."""
    host, _, port = address.rpartition(":")
    try:
        server, _thread = start_http_server(int(port), addr=host or "127.0.0.1", registry=registry)
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsError(
            f"{address} for the numbers cannot be used: {error}. Write PORT or HOST:PORT."
        ) from error
    registry.register(collector)
    return int(server.server_address[1])
