"""Numbers for Prometheus: what this process does, and what the shared inbox holds.

The five ends live in the inbox, which all processes share, so they are read from it at each scrape instead of
being counted a second time here.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry

from index.inbox.protocol import Inbox

QUEUED = ("waiting", "leased")

GATHERED = Counter("earshot_gathered_items", "Raw items fetched", ["source"])
GATHER_FAULTS = Counter("earshot_gather_faults", "Polls that failed, by error", ["source", "error"])
GATHER_SECONDS = Histogram("earshot_gather_seconds", "One poll of a source", ["source"])
LAST_SEEN = Gauge("earshot_source_last_mention_timestamp_seconds", "When a source last gave a mention", ["source"])

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


class InboxCollector(Collector):
    """The ends and the queue of an inbox, read when asked. Raises InboxError while scraping when it is unusable."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def collect(self) -> Iterator[Metric]:
        ends = CounterMetricFamily("earshot_mentions", "Items by source and end", labels=["source", "end"])
        queue = GaugeMetricFamily("earshot_inbox_items", "Items in the inbox now", labels=["source", "state"])
        for source, counts in self._inbox.counts().items():
            for name, n in counts.items():
                (queue if name in QUEUED else ends).add_metric([source, name], n)
        yield ends
        yield queue


def serve(port: int, inbox: Inbox, *, registry: CollectorRegistry = REGISTRY) -> None:
    """Offer the numbers at http://127.0.0.1:`port`/metrics from a thread of this process."""
    registry.register(InboxCollector(inbox))
    start_http_server(port, addr="127.0.0.1", registry=registry)
