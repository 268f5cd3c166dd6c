"""What goes wrong with a cluster, made to happen on a real one with TLS and users: the sentence for each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import secure_cluster
import servers
from elasticsearch import helpers
from waiting import until

from dashboard.commands import doctor_cluster
from index import metrics
from index.errors import StoreError
from index.settings import Elasticsearch, Settings
from index.stores.elasticsearch_client import Client, connect

INDEX = "earshot-mentions-faults"
ALL = "earshot-mentions-*"
DISK = "cluster.routing.allocation.disk.watermark"
EVERYTHING = {f"{DISK}.{name}": "100000tb" for name in ("low", "high", "flood_stage")}  # no disk has that much free


@pytest.fixture
def root(settings: Settings, become: Callable[[str], None]) -> Iterator[Client]:
    """The operator's client; from then on we are the product's user."""
    become("root")
    with connect(settings) as client:
        become("earshot")
        client.options(ignore_status=400).indices.create(
            index=INDEX,
            aliases={"earshot-mentions": {}},  # in use: what is in no alias is not looked at
        )
        yield client
        client.indices.delete(index=INDEX)


def said(settings: Settings, do: Callable[[Client], Any] = lambda client: client.cluster.health()) -> str:
    """The sentence that `do` fails with."""
    with connect(settings) as client, pytest.raises(StoreError) as caught:
        do(client)
    return str(caught.value)


def found(settings: Settings) -> str:
    """What the doctor says about the cluster, every finding with its remedy."""
    return "\n".join(f"{each.level} {each.found} -> {each.do}" for each in doctor_cluster.checks(settings))


def write(client: Client) -> None:
    client.index(index=INDEX, id="1", document={"text": "好喝"}, refresh=True)


def test_the_product_s_user_may_do_its_work_and_no_more(settings: Settings, root: Client) -> None:
    with connect(settings) as client:
        write(client)
        assert client.count(index=INDEX)["count"] == 1
        assert client.delete(index=INDEX, id="1")["result"] == "deleted"
    sentence = said(settings, lambda client: client.indices.create(index="payroll"))
    assert "does not allow 'earshot' to do indices:admin/create on payroll" in sentence
    assert "roles/earshot.json" in sentence
    assert "problem" not in found(settings)
    assert "ok analyzer standard is set; every node has standard" in found(settings)


def test_an_analyst_reads_and_does_not_write(
    settings: Settings, root: Client, become: Callable[[str], None]
) -> None:
    write(root)
    become("analyst")
    with connect(settings) as client:
        assert client.count(index=INDEX)["count"] == 1
        with pytest.raises(StoreError, match="does not allow 'analyst'"):
            helpers.bulk(client, [{"_index": INDEX, "text": "x"}])
    assert "does not allow 'analyst' to do indices:data/write/index" in said(settings, write)
    beside = said(settings, lambda client: client.search(index="earshot-people"))
    assert "does not allow 'analyst' to do indices:data/read/search on earshot-people" in beside


def test_of_a_bulk_what_the_cluster_refuses_is_told_from_what_is_wrong_with_a_document(
    settings: Settings, root: Client
) -> None:
    actions = [{"index": {"_index": INDEX}}, {"at": "today?"}, {"index": {"_index": "payroll"}}, {"text": "x"}]
    root.indices.put_mapping(index=INDEX, properties={"at": {"type": "date"}})
    with connect(settings) as client:
        answers = [each["index"] for each in client.bulk(operations=actions)["items"]]
        assert client.refusal(answers[0]["status"], answers[0]["error"]) is None
        assert "on payroll" in str(client.refusal(answers[1]["status"], answers[1]["error"]))


def test_a_wrong_password_is_explained_and_not_repeated(
    settings: Settings, become: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    become("earshot")
    monkeypatch.setenv("EARSHOT_ES_PASSWORD", "hunter2")
    sentence = said(settings)
    assert "Correct EARSHOT_ES_USER and EARSHOT_ES_PASSWORD" in sentence
    assert "hunter2" not in sentence


def test_an_api_key_nobody_knows_is_explained(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_ES_API_KEY", "bm9ib2R5OmtleQ==")
    assert "Correct EARSHOT_ES_API_KEY" in said(settings)


def test_a_cluster_that_wants_a_user_says_so(settings: Settings) -> None:
    assert "Set EARSHOT_ES_USER" in said(settings)


def test_a_certificate_of_another_ca_is_explained(
    settings: Settings, secure: secure_cluster.SecureCluster, become: Callable[[str], None]
) -> None:
    become("earshot")
    other = Elasticsearch(ca_file=str(secure.other_ca), retries=1)
    assert "Set ca_file" in said(msgspec.structs.replace(settings, elasticsearch=other))
    assert "Set ca_file" in said(msgspec.structs.replace(settings, elasticsearch=Elasticsearch(retries=1)))


def test_a_certificate_for_another_name_is_explained(settings: Settings, become: Callable[[str], None]) -> None:
    become("earshot")
    address = settings.store.replace("127.0.0.1", "localhost")
    assert "certificate for another name" in said(msgspec.structs.replace(settings, store=address))


def test_http_to_a_cluster_with_tls_is_explained(settings: Settings, become: Callable[[str], None]) -> None:
    become("earshot")
    plain = msgspec.structs.replace(settings, store=settings.store.replace("https:", "http:"))
    assert "a cluster with TLS wants https://" in said(plain)


def test_an_unreachable_cluster_is_explained(settings: Settings, become: Callable[[str], None]) -> None:
    become("earshot")
    away = msgspec.structs.replace(settings, store=f"elasticsearch:https://127.0.0.1:{servers.free_port()}")
    assert "cannot be reached" in said(away)


def test_a_cluster_that_hangs_is_explained_and_recovers(
    settings: Settings, root: Client, secure: secure_cluster.SecureCluster
) -> None:
    hasty = Elasticsearch(ca_file=str(secure.ca), retries=0, timeout=1)
    with connect(msgspec.structs.replace(settings, elasticsearch=hasty)) as client:
        client.options(request_timeout=30).cluster.health()
        secure.server.pause()
        try:
            with pytest.raises(StoreError, match="did not answer in time"):
                client.cluster.health()
        finally:
            secure.server.go_on()
        client.options(request_timeout=60).cluster.health()


def test_full_disks_are_explained_and_writing_goes_on_when_there_is_room(settings: Settings, root: Client) -> None:
    """Elasticsearch itself finds the disk beyond the flood stage and blocks the index, and lifts it again."""
    root.cluster.put_settings(persistent=EVERYTHING)
    try:
        until(lambda: "flood stage" in found(settings))
        sentence = said(settings, write)
        assert f"keeps {INDEX} read-only because its disks are full (flood stage)" in sentence
        with connect(settings) as client:
            answer = client.bulk(operations=[{"index": {"_index": INDEX}}, {"text": "x"}])["items"][0]["index"]
            assert "flood stage" in str(client.refusal(answer["status"], answer["error"]))
    finally:
        root.cluster.put_settings(persistent=dict.fromkeys(EVERYTHING))
    until(lambda: "flood stage" not in found(settings))
    with connect(settings) as client:
        write(client)


def test_an_index_that_a_person_blocked_is_explained(settings: Settings, root: Client) -> None:
    root.indices.add_block(index=INDEX, block="write")
    assert f"keeps {INDEX} blocked" in said(settings, write)


@contextmanager
def red(root: Client, name: str) -> Iterator[None]:
    """An index whose only shard is on no node while the block runs, and on one after it."""
    root.cluster.put_settings(persistent={"cluster.routing.allocation.enable": "none"})
    try:
        root.indices.create(index=name, wait_for_active_shards=0)
        yield
    finally:
        root.cluster.put_settings(persistent={"cluster.routing.allocation.enable": None})


def test_a_red_index_is_explained_and_no_half_answer_is_given(settings: Settings, root: Client) -> None:
    name = "earshot-mentions-red"
    try:
        with red(root, name):
            for question in (Client.search, Client.count):
                assert "has a red index" in said(settings, lambda client, ask=question: ask(client, index=ALL))
            assert "red index" in said(settings, lambda client: client.mget(index=name, ids=["1"]))
    finally:
        root.indices.delete(index=name)


def test_a_document_on_a_shard_that_moves_is_waited_for(settings: Settings, root: Client) -> None:
    """mget says 200 for it, and no `found`: its complaint would open no case."""
    name, retries = "earshot-mentions-moving", metrics.CLUSTER_RETRIES.labels("200")._value
    before = retries.get()
    cluster = msgspec.structs.replace(settings.elasticsearch, retries=12)  # for as long as the shard may take
    with connect(msgspec.structs.replace(settings, elasticsearch=cluster)) as client, ThreadPoolExecutor() as pool:
        with red(root, name):
            answer = pool.submit(client.mget, index=name, ids=["1"])
            until(lambda: retries.get() > before)
        assert [document["found"] for document in answer.result()["docs"]] == [False]
    root.indices.delete(index=name)


def test_a_document_of_a_month_that_was_dropped_is_not_there(settings: Settings, root: Client) -> None:
    with connect(settings) as client:
        (document,) = client.mget(index="earshot-mentions-dropped", ids=["1"])["docs"]
    assert "found" not in document
