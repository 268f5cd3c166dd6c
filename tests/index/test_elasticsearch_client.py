"""The way to the cluster: addresses, who we are, and one sentence for what an operator can mend."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import elastic
import msgspec
import pytest
import servers
from elasticsearch import BadRequestError, NotFoundError

from index import settings as settings_module
from index.errors import SettingsError, StoreError
from index.settings import Elasticsearch, Settings, secret
from index.stores import open_store
from index.stores.elasticsearch_client import Address, Client, connect, parse

ONCE = Elasticsearch(retries=0, timeout=5)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "PASSWORD", "API_KEY"):
        for form in (name, f"{name}_FILE"):
            monkeypatch.delenv(f"EARSHOT_ES_{form}", raising=False)


@pytest.fixture
def client(elasticsearch_url: str, tmp_path: Path) -> Iterator[Client]:
    with connect(Settings(home=tmp_path, store=f"elasticsearch:{elasticsearch_url}")) as client:
        yield client


@pytest.mark.parametrize(
    ("address", "expected"),
    {
        "https://es1:9200": Address(("https://es1:9200",), "earshot"),
        "https://es1": Address(("https://es1:9200",), "earshot"),
        "https://es1:9200/tea": Address(("https://es1:9200",), "tea"),
        "https://es1,es2:9201/tea": Address(("https://es1:9200", "https://es2:9201"), "tea"),
        "https://es1:9200,https://es2:9200/": Address(("https://es1:9200", "https://es2:9200"), "earshot"),
        "http://[::1]:9200": Address(("http://[::1]:9200",), "earshot"),
    }.items(),
)
def test_an_address_names_nodes_and_the_prefix_of_indices(address: str, expected: Address) -> None:
    assert parse(f"elasticsearch:{address}") == expected


@pytest.mark.parametrize("address", ["", "es1:9200", "ftp://es1", "https://", "https://es1:x", "https://es1/Tea"])
def test_an_address_that_is_none_is_explained(address: str) -> None:
    with pytest.raises(SettingsError, match="store = "):
        parse(f"elasticsearch:{address}")


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="EARSHOT_ES_PASSWORD") as caught:
        parse("elasticsearch:https://elastic:hunter2@es1:9200")
    assert "hunter2" not in str(caught.value)


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    monkeypatch.setenv("EARSHOT_ES_PASSWORD_FILE", "password")
    assert secret("EARSHOT_ES_PASSWORD", tmp_path) == "hunter2"
    monkeypatch.setenv("EARSHOT_ES_PASSWORD", "first")
    assert secret("EARSHOT_ES_PASSWORD", tmp_path) == "first"
    monkeypatch.setenv("EARSHOT_ES_API_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="EARSHOT_ES_API_KEY_FILE"):
        secret("EARSHOT_ES_API_KEY", tmp_path)


def test_a_user_without_a_password_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_ES_USER", "earshot")
    with pytest.raises(SettingsError, match="EARSHOT_ES_PASSWORD is not"):
        connect(Settings(home=tmp_path, store="elasticsearch:http://es1:9200"))


def test_a_ca_file_that_is_not_there_is_explained(tmp_path: Path) -> None:
    options = Elasticsearch(ca_file="ca.pem")
    with pytest.raises(SettingsError, match=r"ca_file = 'ca.pem'"):
        connect(Settings(home=tmp_path, store="elasticsearch:https://es1:9200", elasticsearch=options))


def test_an_unreachable_cluster_is_explained(tmp_path: Path) -> None:
    address = f"elasticsearch:http://127.0.0.1:{servers.free_port()}"
    with (
        connect(Settings(home=tmp_path, store=address, elasticsearch=ONCE)) as client,
        pytest.raises(StoreError, match="cannot be reached"),
    ):
        client.cluster.health()


def test_a_cluster_that_does_not_answer_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"elasticsearch:http://127.0.0.1:{silent.getsockname()[1]}"
        quick = Elasticsearch(retries=0, timeout=0.2)
        with (
            connect(Settings(home=tmp_path, store=address, elasticsearch=quick)) as client,
            pytest.raises(StoreError, match="did not answer in time"),
        ):
            client.cluster.health()


def test_https_to_a_plain_port_is_explained(elasticsearch_url: str, tmp_path: Path) -> None:
    address = f"elasticsearch:{elasticsearch_url.replace('http:', 'https:')}"
    with (
        connect(Settings(home=tmp_path, store=address, elasticsearch=ONCE)) as client,
        pytest.raises(StoreError, match="write http://"),
    ):
        client.cluster.health()


def test_the_version_is_checked(client: Client) -> None:
    client.check_version()


def test_what_the_caller_decides_on_is_left_alone(client: Client) -> None:
    with pytest.raises(NotFoundError):
        client.get(index=f"none-{uuid4().hex}", id="1")
    with pytest.raises(BadRequestError):
        client.search(query={"nonsense": {}})
    assert client.refusal(400, {"type": "strict_dynamic_mapping_exception", "reason": "no"}) is None
    assert client.refusal(409, {"type": "version_conflict_engine_exception", "reason": "older"}) is None


def test_a_month_has_the_shards_of_the_settings(elasticsearch_url: str, tmp_path: Path) -> None:
    prefix = f"shards-{uuid4().hex}"
    address = f"elasticsearch:{elasticsearch_url}/{prefix}"
    open_store(Settings(home=tmp_path, store=address, elasticsearch=Elasticsearch(shards=2))).close()
    with connect(Settings(home=tmp_path, store=address)) as client:
        indices = client.indices.get_settings(index=f"{prefix}-mentions-*").body
        shards = [each["settings"]["index"]["number_of_shards"] for each in indices.values()]
        client.indices.delete(index=list(client.indices.get(index=f"{prefix}-*", features="aliases")))
        client.indices.delete_index_template(name=f"{prefix}-*")
    assert shards == ["2"]


def test_indices_have_the_analyzer_of_the_settings_or_it_is_said_why_not(
    elasticsearch_url: str, tmp_path: Path
) -> None:
    prefix = f"analyzer-{uuid4().hex}"
    settings = Settings(home=tmp_path, store=f"elasticsearch:{elasticsearch_url}/{prefix}")
    chinese = msgspec.structs.replace(settings, elasticsearch=Elasticsearch(analyzer="smartcn"))
    try:
        with pytest.raises(StoreError, match=r'no analyzer = "smartcn".*elasticsearch-plugin install'):
            open_store(chinese)
        open_store(settings).close()
        with connect(settings) as client:
            (mapping,) = client.indices.get_mapping(index=f"{prefix}-mentions").body.values()
        assert mapping["mappings"]["properties"]["text"]["analyzer"] == "standard"
    finally:
        elastic.remove(elasticsearch_url, prefix)


def test_settings_are_read_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text('[elasticsearch]\nca_file = "ca.pem"\nanalyzer = "smartcn"\n')
    assert settings_module.load(tmp_path).elasticsearch == Elasticsearch(ca_file="ca.pem", analyzer="smartcn")
