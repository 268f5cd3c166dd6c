"""What `earshot doctor` looks at when store, inbox or records are shared by many machines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from dashboard.commands.checks import Check, guarded, problem
from index.clocks import skewed
from index.errors import EarshotError, SettingsError
from index.records import open_records

if TYPE_CHECKING:
    from index.settings import Settings

SETTINGS = ("store", "inbox", "records")
WHAT = {
    "store": "other machines do not see what is found here",
    "inbox": "what waits there is worked on by this machine alone",
    "records": "other machines see other customers, links and cases",
}
SHARED = {
    "store": "elasticsearch:https://HOST:9200",
    "inbox": "redis://HOST:6379/0",
    "records": "postgresql://USER@HOST/NAME",
}


def checks(settings: Settings) -> Iterator[Check]:
    """Nothing when everything is on this machine."""
    shared = {name for name in SETTINGS if not getattr(settings, name).startswith("sqlite:")}
    if not shared:
        return
    yield from _left_behind(settings, shared)
    if "store" in shared:
        yield from guarded("cluster", lambda: _cluster(settings))
    if "records" in shared:
        yield from guarded("key", lambda: _key(settings))
    with suppress(EarshotError):  # where one cannot be asked, its own check says so
        for sentences in _clocks(settings, shared):
            yield problem("clock", sentences)


def _left_behind(settings: Settings, shared: set[str]) -> Iterator[Check]:
    for name in SETTINGS:
        if name not in shared:
            yield Check(
                name=name,
                level="problem",
                found=f"{getattr(settings, name)} is a file of this machine, while {' and '.join(sorted(shared))}"
                f" can be shared: {WHAT[name]}",
                do=f'set {name} = "{SHARED[name]}" in earshot.toml',
            )


def _key(settings: Settings) -> Iterator[Check]:
    """Whether this machine reads and matches the contact data that the others wrote."""
    from index.crm.contacts import KEY_NAME, open_contacts
    from index.settings import secret

    if not secret(KEY_NAME, settings.home):
        found = f"{KEY_NAME} is not set: this machine would make a key that no other has"
        yield Check(name="key", level="problem", found=found, do=f"write the {KEY_NAME} of the others into .env")
        return
    try:
        records = open_records(settings)
    except EarshotError:
        return  # the check of the records says so
    with closing(records):
        open_contacts(settings.home).check_key(records)
    yield Check(name="key", level="ok", found=f"{KEY_NAME} is the one the customers were stored with")


def _clocks(settings: Settings, shared: set[str]) -> Iterator[str]:
    """Of Redis and PostgreSQL; those of the cluster's nodes are among its own findings."""
    before = time.time()
    if "records" in shared:
        with closing(open_records(settings)) as records:
            ahead = records.health()["clock_ahead_seconds"]
        if sentence := skewed("PostgreSQL", before + ahead, before, before):
            yield sentence
    before = time.time()
    if "inbox" in shared:
        from index.inbox.redis_server import server_of

        with closing(server_of(settings)) as server:
            seconds, micro = server.use(lambda client: client.time())
        if sentence := skewed("Redis", seconds + micro / 1e6, before, time.time()):
            yield sentence


def _cluster(settings: Settings) -> Iterator[Check]:
    try:
        from index.stores import elasticsearch_care as care
        from index.stores.elasticsearch_client import connect
    except ImportError as error:
        raise SettingsError(
            f"Elasticsearch needs more packages ({error}). pip install 'earshot[cluster]'"
        ) from error
    with closing(connect(settings)) as client:
        found = care.problems(client, settings)
        for sentences in found:
            yield problem("cluster", sentences)
        if not found:
            facts = f"analyzer {settings.elasticsearch.analyzer} is set; every node has {care.analyzers(client)}"
            yield Check(name="cluster", level="ok", found=facts)
