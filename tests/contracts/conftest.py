"""Each test that asks for a store or an inbox runs with every one. And a receiver of alerts, with its desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import elastic
import pytest
from every_store import STORES
from inboxes import INBOXES, MAX_TRIES, address_of
from receivers import RECEIVERS, Desk, Receiver, complaint

from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.settings import Channel, Settings
from index.stores import open_store
from index.stores.protocol import Store


@pytest.fixture(params=STORES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    address = "sqlite:mentions.sqlite"
    if request.param == "elasticsearch":
        address = elastic.empty(request.getfixturevalue("elasticsearch_address"))
    return Settings(home=tmp_path, store=address)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    opened: list[Desk] = []

    def start(*channels: Channel) -> Desk:
        opened.append(Desk(tmp_path, *channels))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def hook(desk, receiver):
    home = desk(RECEIVERS["webhook"][0](receiver))
    home.hear(complaint("1"))
    return home


@pytest.fixture(params=INBOXES)
def inbox_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, inbox=address_of(request.param, request), max_tries=MAX_TRIES)


@pytest.fixture
def inbox(inbox_settings: Settings) -> Iterator[Inbox]:
    opened = open_inbox(inbox_settings)
    yield opened
    opened.close()
