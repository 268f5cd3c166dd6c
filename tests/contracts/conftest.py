"""Each test that asks for a store runs with every one. A receiver of alerts, and a desk that sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import elastic
import pytest
from every_store import STORES
from receivers import RECEIVERS, Desk, Receiver, complaint

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
