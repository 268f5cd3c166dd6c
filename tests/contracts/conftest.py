"""Each test that asks for a store runs with every one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import elastic
import pytest
from every_store import STORES

from index.settings import Settings
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
