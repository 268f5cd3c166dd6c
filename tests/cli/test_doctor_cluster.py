"""`earshot doctor` on shared servers with planted faults; those of Elasticsearch: faults/test_cluster_faults.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from cluster import having

FORGETFUL = ("--appendonly", "no", "--maxmemory", "50mb", "--maxmemory-policy", "volatile-lru")


@pytest.fixture
def forgetful_redis() -> Iterator[str]:
    """A Redis that may drop what it holds and keeps nothing over a restart."""
    with having():
        server = servers.start_redis(*FORGETFUL)
    yield server.url
    server.stop()


def problems(earshot: Callable[..., Any]) -> dict[str, str]:
    """What doctor finds wrong: by part, everything it says and advises."""
    answer = earshot("doctor", "--json")
    assert answer.code == 1
    found: dict[str, str] = {}
    for check in answer.json["checks"]:
        if check["level"] == "problem":
            assert check["do"]
            found[check["name"]] = f"{found.get(check['name'], '')} {check['found']}. {check['do']}"
    return found


def test_doctor_finds_a_redis_that_would_lose_mentions(
    earshot: Callable[..., Any], home: Path, forgetful_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "earshot.toml").write_text(f'inbox = "{forgetful_redis}"\n', encoding="utf-8")
    monkeypatch.setenv("EARSHOT_MODEL", str(home / "no-model"))
    found = problems(earshot)
    assert "maxmemory-policy is volatile-lru" in found["inbox"]
    assert "Set noeviction" in found["inbox"]
    assert "appendonly is off" in found["inbox"]
    assert "no-model" in found["model"]
    assert "other machines do not see what is found here" in found["store"]
    assert 'set records = "postgresql:' in found["records"]


def test_doctor_goes_on_when_servers_are_away(
    earshot: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = [servers.free_port() for _ in range(3)]
    addresses = zip(
        ("store", "inbox", "records"),
        (
            "elasticsearch:http://127.0.0.1:{}",
            "redis://127.0.0.1:{}/0",
            "postgresql://earshot@127.0.0.1:{}/earshot",
        ),
        ports,
        strict=True,
    )
    lines = [f'{name} = "{address.format(port)}"' for name, address, port in addresses]
    (home / "earshot.toml").write_text("\n".join([*lines, "[elasticsearch]", "retries = 0"]), encoding="utf-8")
    monkeypatch.setenv("EARSHOT_MODEL", str(home / "no-model"))
    found = problems(earshot)
    for name, port in zip(("cluster", "inbox", "records"), ports, strict=True):
        assert str(port) in found[name]
