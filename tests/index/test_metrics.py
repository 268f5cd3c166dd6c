"""The numbers that Prometheus reads, over HTTP as it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import servers
from prometheus_client.registry import CollectorRegistry

from crawlers.replica import Author, Post, Replica
from index import metrics
from index.errors import SettingsError
from index.inbox import open_inbox
from index.settings import Elasticsearch, Settings, Source
from index.sources import Sources
from index.stores import open_store
from index.stores.elasticsearch_client import connect

ROOT = Path(__file__).parents[2]


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


@contextmanager
def collecting(settings: Settings) -> Iterator[tuple[metrics.HomeCollector, Sources]]:
    inbox, sources, store = open_inbox(settings), Sources(settings), open_store(settings)
    yield metrics.HomeCollector(settings, inbox, sources, store), sources
    for part in (inbox, sources, store):
        part.close()


def test_ends_sources_and_store_are_read_at_each_scrape(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, sources=(Source(name="新闻", platform="rss_news"),))
    with collecting(settings) as (collector, sources):
        port = metrics.serve("0", collector, registry=CollectorRegistry())
        assert 'earshot_source_state{source="新闻",state="never"} 1.0' in scraped(port)
        inbox = open_inbox(settings)
        inbox.quarantine_raw("新闻", b"?", "no date")
        inbox.close()
        sources.save("新闻", {}, 3, datetime(2026, 11, 1, tzinfo=UTC))
        text = scraped(port)
    for line in (
        'earshot_mentions_total{end="quarantined",source="新闻"} 1.0',
        'earshot_inbox_items{source="新闻",state="waiting"} 0.0',
        'earshot_source_polls_total{source="新闻"} 1.0',
        'earshot_source_last_mention_timestamp_seconds{source="新闻"} 1.7934',
        "earshot_inbox_bytes ",
        "earshot_store_mentions 0.0",
        "earshot_store_bytes ",
        "earshot_up 1.0",
        "earshot_store_up 1.0",
    ):
        assert line in text


def test_a_port_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    with collecting(Settings(home=tmp_path)) as (collector, _):
        taken = str(metrics.serve("127.0.0.1:0", collector, registry=CollectorRegistry()))
        for address in (taken, "99999", "here:now"):
            with pytest.raises(SettingsError, match=address):
                metrics.serve(address, collector, registry=CollectorRegistry())


def test_gatherer_and_worker_tell_what_they_do(tmp_path: Path) -> None:
    """Both as processes, started as an operator starts them, on a site that really answers."""
    author, now = Author(id="1", name="小鹿"), datetime.now(UTC)
    posts = [
        Post(platform="rss_news", id=str(n), title=f"T{n}", text=f"tea {n}", author=author, at=now)
        for n in range(3)
    ]
    replica = Replica(posts).start()
    (options,) = (source.options for source in replica.sources() if source.platform == "rss_news")
    facts = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    source = f'[[sources]]\nname = "news"\nplatform = "rss_news"\noptions = {{ {facts} }}\n'
    (tmp_path / "earshot.toml").write_text(source, encoding="utf-8")
    script = (
        f"from pathlib import Path; from word_list_model import build; build(Path({str(tmp_path / 'model')!r}))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "benchmarks", check=True)
    environment = {**os.environ, "EARSHOT_HOME": str(tmp_path), "EARSHOT_MODEL": str(tmp_path / "model")}
    ports = {"crawl": servers.free_port(), "work": servers.free_port()}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "dashboard.cli", command, "--metrics", str(port)], env=environment, cwd=ROOT
        )
        for command, port in ports.items()
    ]
    try:
        until_scraped(ports["crawl"], 'earshot_gathered_items_total{result="queued",source="news"} 3.0')
        until_scraped(ports["crawl"], 'earshot_poll_seconds_count{source="news"}')
        until_scraped(ports["work"], 'earshot_worker_items_total{end="saved"} 3.0')
        until_scraped(ports["work"], 'earshot_store_saves_total{outcome="inserted"} 3.0')
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(timeout=300) for process in processes] == [0, 0]
        replica.stop()


def until_scraped(port: int, line: str) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            text = scraped(port)
        except OSError:
            text = "no answer"
        if line in text:
            return
        assert time.monotonic() < deadline, text
        time.sleep(0.2)


def test_requests_to_the_cluster_and_what_was_tried_again_are_counted(
    elasticsearch_url: str, tmp_path: Path
) -> None:
    before = (
        value("earshot_cluster_request_seconds_count"),
        value("earshot_cluster_retries_total", reason="connection"),
    )
    with connect(Settings(home=tmp_path, store=f"elasticsearch:{elasticsearch_url}")) as client:
        client.cluster.health()
    address = f"elasticsearch:http://127.0.0.1:{servers.free_port()}"
    once_more = Settings(home=tmp_path, store=address, elasticsearch=Elasticsearch(retries=1))
    with connect(once_more) as client, pytest.raises(Exception, match="cannot be reached"):
        client.cluster.health()
    after = (
        value("earshot_cluster_request_seconds_count"),
        value("earshot_cluster_retries_total", reason="connection"),
    )
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0
