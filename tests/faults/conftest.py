"""A cluster with TLS and users whose roles are those of the product, and a way to be one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import secure_cluster
from cluster import having

from index.settings import Elasticsearch, Settings
from index.stores import elasticsearch_care as care


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
    secure: secure_cluster.SecureCluster, redis_url: str, postgres_address: str, tmp_path: Path
) -> Settings:
    return Settings(
        home=tmp_path,
        store=f"elasticsearch:{secure.server.url}",
        inbox=f"{redis_url}?prefix={uuid4().hex}",
        records=postgres_address,
        elasticsearch=Elasticsearch(ca_file=str(secure.ca), retries=1, timeout=30),
    )
