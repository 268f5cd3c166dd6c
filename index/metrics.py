"""Numbers for Prometheus: what this process does, and what all processes of a home share.

The ends of mentions and the standing of sources are kept in the inbox and the records, which every process
shares, so they are read from there at each scrape instead of being counted a second time here.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry

from index.errors import InboxError, SettingsError, StoreError
from index.inbox.protocol import Inbox
from index.settings import Settings
from index.sources import SourceHealth, Sources

QUEUED = ("waiting", "leased")

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
DELIVERIES = Counter("earshot_deliveries", "Alerts sent, by channel and result", ["channel", "result"])


class HomeCollector(Collector):
    """The inbox and the sources of a home, read when asked. `earshot_up` is 0 while they cannot be read."""

    def __init__(self, settings: Settings, inbox: Inbox, sources: Sources) -> None:
        self._settings = settings
        self._inbox = inbox
        self._sources = sources

    def describe(self) -> list[Metric]:
        """Nothing known in advance; without this the registry would read everything when it is told of us."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = 1
        try:
            yield from _of_inbox(self._inbox.counts())
            yield from _of_sources(self._sources.health(self._settings))
        except (InboxError, StoreError):
            up = 0
        yield GaugeMetricFamily("earshot_up", "Whether inbox and records can be read", up)


def _of_inbox(counted: dict[str, dict[str, int]]) -> Iterator[Metric]:
    ends = CounterMetricFamily("earshot_mentions", "Items by source and end", labels=["source", "end"])
    queue = GaugeMetricFamily("earshot_inbox_items", "Items in the inbox now", labels=["source", "state"])
    for source, counts in counted.items():
        for name, n in counts.items():
            (queue if name in QUEUED else ends).add_metric([source, name], n)
    yield ends
    yield queue


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


def serve(port: int, collector: Collector, *, registry: CollectorRegistry = REGISTRY) -> int:
    """Offer the numbers at http://127.0.0.1:`port`/metrics from a thread of this process; returns the port (0
    takes a free one). Raises SettingsError when the port is taken."""
    registry.register(collector)
    try:
        server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise SettingsError(f"Port {port} for the numbers cannot be used: {error}. Choose another.") from error
    return int(server.server_address[1])
