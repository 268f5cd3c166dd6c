"""A cluster with TLS and users whose roles are those of the product, and a way to be one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import secure_cluster
from cluster import having

from dashboard.cli import run_command
from index.settings import Elasticsearch, Settings
from index.stores import elasticsearch_care as care
from index.stores.elasticsearch_client import connect


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure_cluster.SecureCluster]:
    roles = {name: care.role(name) for name in ("earshot", "earshot_setup", "analyst")}
    with having():
        started = secure_cluster.start(tmp_path_factory.mktemp("secure"), roles)
    yield started
    started.server.stop()


@pytest.fixture(autouse=True)
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """become("analyst") sets who we are; without it, nobody."""
    for name in ("USER", "PASSWORD", "API_KEY", "USER_FILE", "PASSWORD_FILE", "API_KEY_FILE"):
        monkeypatch.delenv(f"EARSHOT_ES_{name}", raising=False)

    def as_user(name: str) -> None:
        monkeypatch.setenv("EARSHOT_ES_USER", name)
        monkeypatch.setenv("EARSHOT_ES_PASSWORD", secure_cluster.PASSWORDS[name])

    return as_user


@pytest.fixture
def settings(
    secure: secure_cluster.SecureCluster,
    redis_url: str,
    postgres_address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    monkeypatch.setenv("EARSHOT_KEY", "the same on every machine")
    return Settings(
        home=tmp_path,
        store=f"elasticsearch:{secure.server.url}",
        inbox=f"{redis_url}?prefix={uuid4().hex}",
        records=postgres_address,
        elasticsearch=Elasticsearch(ca_file=str(secure.ca), retries=1, timeout=30),
    )


@pytest.fixture
def earshot(
    settings: Settings,
    become: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[..., Any]]:
    """earshot("index", "status", "--json") is what the command says; it must end with `code`. The home and its
    earshot.toml are those of `settings`. Leaves an empty cluster."""
    monkeypatch.setenv("EARSHOT_HOME", str(settings.home))
    lines = [f'{name} = "{getattr(settings, name)}"' for name in ("store", "inbox", "records")]
    lines += ["[elasticsearch]", f'ca_file = "{settings.elasticsearch.ca_file}"', "retries = 1"]
    (settings.home / "earshot.toml").write_text("\n".join(lines), encoding="utf-8")

    def call(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        ended = run_command(list(words))
        said = capsys.readouterr()
        assert ended == code, said.out + said.err
        return msgspec.json.decode(said.out)

    yield call
    become("root")
    with connect(settings) as client:
        if client.indices.exists(index="earshot-state"):
            client.indices.delete(index=list(client.indices.get(index="earshot-*", features="aliases").body))
            client.indices.delete_index_template(name="earshot-*")
