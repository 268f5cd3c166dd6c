"""`earshot doctor` finds every fault of the table in docs/deployment.md, each planted on servers that are well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import redis
import secure_cluster
import servers
from cluster import having
from mappings import newer

from index.crm.customers import Customers
from index.documents import Customer
from index.records import open_records
from index.settings import Settings
from index.stores.elasticsearch_client import Client, connect

PAGE = (Path(__file__).parents[2] / "docs/deployment.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("\n## What `earshot doctor` finds") :].split("\n## ")[1]
ROWS = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in SECTION.splitlines() if "|" in line]
MONTH = "earshot-mentions-1-older"


class World(NamedTuple):
    """Servers that are well; `root` is the operator's client, everything else is done as the product's user."""

    settings: Settings
    secure: secure_cluster.SecureCluster
    become: Callable[[str], None]
    root: Client
    redis: redis.Redis


@pytest.fixture(scope="module")
def careful_redis() -> Iterator[str]:
    with having():
        server = servers.start_redis("--appendfsync", "always")
    yield server.url
    server.stop()


@pytest.fixture
def settings(settings: Settings, careful_redis: str) -> Settings:
    return msgspec.structs.replace(settings, inbox=careful_redis)


@pytest.fixture
def world(
    earshot: Callable[..., Any],
    settings: Settings,
    secure: secure_cluster.SecureCluster,
    become: Callable[[str], None],
) -> Iterator[World]:
    with closing(open_records(settings)) as records:
        Customers(settings, records).upsert([Customer(id="C1")])
    become("root")
    with connect(settings) as root, redis.Redis.from_url(settings.inbox) as client:
        become("earshot_setup")
        earshot("index", "init", "--json")
        become("earshot")
        yield World(settings, secure, become, root, client)


def environment(**values: str) -> Callable[..., None]:
    """A plant: other values in the environment, which win over earshot.toml."""

    def plant(world: World, patch: pytest.MonkeyPatch) -> None:
        for name, value in values.items():
            patch.setenv(f"EARSHOT_{name}", value.format(port=servers.free_port(), other=world.secure.other_ca))

    return plant


def in_redis(name: str, value: str) -> Callable[..., Iterator[None]]:
    """A plant: another setting of Redis, then the old one."""

    def plant(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
        before = world.redis.config_get(name)[name]
        world.redis.config_set(name, value)
        yield
        world.redis.config_set(name, before)

    return plant


def reader_only(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
    world.become("analyst")
    yield
    world.become("earshot")


def no_indices(world: World, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("EARSHOT_STORE", f"{world.settings.store}/earshot-none")


def older_mapping(_: World, patch: pytest.MonkeyPatch) -> None:
    newer(patch)


@contextmanager
def also_set(world: World, line: str) -> Iterator[None]:
    """One more line under [elasticsearch]."""
    file = world.settings.home / "earshot.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}\n{line}\n", encoding="utf-8")
    yield
    file.write_text(before, encoding="utf-8")


def lacking_analyzer(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
    with also_set(world, 'analyzer = "smartcn"'):
        yield


def other_analyzer(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the indices had been made when the setting was another."""
    meta = world.root.indices.get_mapping(index=MONTH)[MONTH]["mappings"]["_meta"]
    world.root.indices.put_mapping(index=MONTH, meta={**meta, "analyzer": "smartcn"})
    yield
    world.root.indices.put_mapping(index=MONTH, meta=meta)


def person_blocked(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
    with block(world, "write"):
        yield


def full_disk(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
    """The block that Elasticsearch itself sets when a disk is full (test_cluster_faults.py waits for it). It would
    lift it again at its next look, at most 30 s later, if it did not find the disk beyond the high watermark."""
    disk = "cluster.routing.allocation.disk.watermark"
    nearly_full = {f"{disk}.low": "100000tb", f"{disk}.high": "100000tb", f"{disk}.flood_stage": "1b"}
    world.root.cluster.put_settings(persistent=nearly_full)
    with block(world, "read_only_allow_delete"):
        yield
    world.root.cluster.put_settings(persistent=dict.fromkeys(nearly_full))


@contextmanager
def block(world: World, name: str) -> Iterator[None]:
    """A block on an index."""
    world.root.indices.put_settings(index=MONTH, settings={f"index.blocks.{name}": True})
    yield
    world.root.indices.put_settings(index=MONTH, settings={f"index.blocks.{name}": None})


def red_index(world: World, _: pytest.MonkeyPatch) -> Iterator[None]:
    name = "cluster.routing.allocation.enable"
    world.root.cluster.put_settings(persistent={name: "none"})
    world.root.indices.create(index="earshot-mentions-1-203001", wait_for_active_shards=0)
    with also_set(world, "timeout = 6"):  # seconds that a red month is waited for; all else must answer in them
        yield
    world.root.cluster.put_settings(persistent={name: None})
    world.root.indices.delete(index="earshot-mentions-1-203001")


def wrong_clock(_: World, patch: pytest.MonkeyPatch) -> None:
    now = time.time
    patch.setattr(time, "time", lambda: now() + 60)


def no_key(_: World, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("EARSHOT_KEY")


PLANTS: dict[str, Callable[..., Any]] = {
    "a wrong password": environment(ES_PASSWORD="hunter2"),
    "the certificate of another CA": environment(ES_CA_FILE="{other}"),
    "a user who lacks rights": reader_only,
    "indices that nobody made": no_indices,
    "indices of an older Earshot": older_mapping,
    "an analyzer that a node lacks": lacking_analyzer,
    "indices made with another analyzer": other_analyzer,
    "a disk that is full": full_disk,
    "an index that a person blocked": person_blocked,
    "a red index": red_index,
    "a cluster that is away": environment(STORE="elasticsearch:https://127.0.0.1:{port}"),
    "Redis away": environment(INBOX="redis://127.0.0.1:{port}/0"),
    "PostgreSQL away": environment(RECORDS="postgresql://earshot@127.0.0.1:{port}/earshot"),
    "a Redis that may drop what waits": in_redis("maxmemory-policy", "volatile-lru"),
    "a Redis that forgets at a restart": in_redis("appendonly", "no"),
    "a Redis that forgets the last second": in_redis("appendfsync", "everysec"),
    "a queue of this machine alone": environment(INBOX="sqlite:inbox.sqlite"),
    "a clock that is wrong": wrong_clock,
    "a machine without `EARSHOT_KEY`": no_key,
    "a machine with another `EARSHOT_KEY`": environment(KEY="not the same on every machine"),
    "a model that is not there": environment(MODEL="/no/model"),
}


@contextmanager
def planted(plant: Callable[..., Any], world: World) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        growing = plant(world, patch) or iter(())
        next(growing, None)
        try:
            yield
        finally:
            next(growing, None)  # pulled up, also when nobody found it


def test_the_page_lists_the_faults_that_are_planted() -> None:
    assert [fault for fault, *_ in ROWS[2:]] == list(PLANTS)


def test_each_planted_fault_is_found(world: World, earshot: Callable[..., Any], subtests: pytest.Subtests) -> None:
    assert earshot("doctor", "--json")["ok"]
    for fault, check, says in ROWS[2:]:
        with subtests.test(fault), planted(PLANTS[fault], world):
            checks = earshot("doctor", "--json", code=1)["checks"]
            problems = [each for each in checks if each["level"] == "problem" and each["name"] == check]
            assert any(says.strip("`") in f"{each['found']}. {each['do']}" for each in problems), checks
            assert all(each["do"] for each in problems)
    assert earshot("doctor", "--json")["ok"]
