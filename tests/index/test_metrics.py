"""The numbers that Prometheus reads, over HTTP as it does."""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.registry import CollectorRegistry

from index import metrics
from index.errors import SettingsError
from index.inbox import open_inbox
from index.settings import Settings, Source
from index.sources import Sources


def test_ends_and_sources_are_read_at_each_scrape(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, sources=(Source(name="新闻", platform="rss_news"),))
    inbox, sources = open_inbox(settings), Sources(settings)
    registry = CollectorRegistry()
    port = metrics.serve(0, metrics.HomeCollector(settings, inbox, sources), registry=registry)

    def scraped() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    assert 'earshot_source_state{source="新闻",state="never"} 1.0' in scraped()
    inbox.quarantine_raw("新闻", b"?", "no date")
    sources.save("新闻", {}, 3, datetime(2026, 11, 1, tzinfo=UTC))
    text = scraped()
    inbox.close()
    assert 'earshot_mentions_total{end="quarantined",source="新闻"} 1.0' in text
    assert 'earshot_inbox_items{source="新闻",state="waiting"} 0.0' in text
    assert 'earshot_source_polls_total{source="新闻"} 1.0' in text
    assert 'earshot_source_last_mention_timestamp_seconds{source="新闻"} 1.7934' in text
    assert "earshot_up 1.0" in text
    sources.close()


def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    inbox, sources = open_inbox(settings), Sources(settings)
    collector = metrics.HomeCollector(settings, inbox, sources)
    port = metrics.serve(0, collector, registry=CollectorRegistry())
    with pytest.raises(SettingsError, match=str(port)):
        metrics.serve(port, collector, registry=CollectorRegistry())
    inbox.close()
    sources.close()
