"""What a cluster refuses: more than it can do at once, which is tried again, and documents, which are set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import msgspec
import naive_store as naive
import pytest

from index.inbox import open_inbox
from index.inbox.protocol import Item
from index.query import MentionQuery
from index.records import open_records
from index.settings import Elasticsearch, Settings
from index.stores import open_store
from index.stores.elasticsearch_client import Client, connect
from nlp.analyse import Analyser
from nlp.engine import load_model
from nlp.worker import Worker, open_desk

record, NOW = naive.record, naive.NOW
WRITERS, MONTHS, EACH = 4, 4, 60


@pytest.fixture
def patient(settings: Settings) -> Settings:
    """The retries that are set by default."""
    ca = settings.elasticsearch.ca_file
    return msgspec.structs.replace(settings, elasticsearch=Elasticsearch(ca_file=ca))


@pytest.fixture
def root(earshot: Callable[..., Any], become: Callable[[str], None], settings: Settings) -> Iterator[Client]:
    """The operator's client; the indices are made and from then on we are the product's user."""
    become("earshot_setup")
    earshot("index", "init", "--json")
    become("root")
    with connect(settings) as client:
        become("earshot")
        yield client


def refused(root: Client) -> int:
    """Writes that the nodes had no room for in their queues."""
    stats = root.nodes.stats(metric="thread_pool", filter_path="nodes.*.thread_pool.write.rejected")
    return sum(node["thread_pool"]["write"]["rejected"] for node in stats["nodes"].values())


def test_a_cluster_with_too_much_to_do_is_asked_again_until_everything_is_kept(
    root: Client, patient: Settings
) -> None:
    """Its queue holds two writes (secure_cluster.SETTINGS), and each of some writers writes to some months."""
    with closing(open_store(patient)) as store:  # the months are there: making them is another kind of work
        store.save([record(10_000 + n, at=NOW - n * timedelta(days=31)) for n in range(MONTHS)])
    before = refused(root)

    def write(writer: int) -> set[str]:
        numbers = range(writer * EACH, (writer + 1) * EACH)
        with closing(open_store(patient)) as store:
            return set(store.save([record(n, at=NOW - n % MONTHS * timedelta(days=31)) for n in numbers]))

    with ThreadPoolExecutor(WRITERS) as writers:
        ends = list(writers.map(write, range(WRITERS)))
    assert refused(root) > before, "the cluster was never too busy"
    assert ends == [{"inserted"}] * WRITERS
    with closing(open_store(patient)) as store:
        assert store.count(MentionQuery()) == WRITERS * EACH + MONTHS


def test_a_refused_mention_is_kept_in_quarantine_with_the_reason_and_the_rest_is_saved(
    root: Client, patient: Settings
) -> None:
    inbox, store, records = open_inbox(patient), open_store(patient), open_records(patient)
    mentions = [record(n).mention for n in range(9)]
    mentions[4] = msgspec.structs.replace(mentions[4], brands=("长" * 20_000,))  # longer than a keyword may be
    inbox.put([Item(mention=mention, raw=b'{"mid": "4"}') for mention in mentions])
    analyser = Analyser(patient, load_model())
    Worker(patient, inbox, store, analyser, open_desk(patient, store, records)).run(until_idle=True)

    ends = inbox.counts()["weibo-api"]
    assert (ends["saved"], ends["quarantined"], ends["given_up"], inbox.depth()) == (8, 1, 0, 0)
    (kept,) = inbox.quarantined()
    assert "brands" in kept.reason
    assert (kept.raw, kept.mention and kept.mention.id) == (b'{"mid": "4"}', "weibo:4")
    assert store.count(MentionQuery()) == 8
    for part in (inbox, store, records):
        part.close()
