"""Servers of one test, and inboxes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import servers
from cluster import having
from redis_inbox import Start

from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.settings import Settings


@pytest.fixture
def start() -> Iterator[Start]:
    """Servers of one test."""
    started: list[servers.Server] = []

    def run(*options: str, **more: Any) -> servers.Server:
        with having():
            started.append(servers.start_redis(*options, **more))
        return started[-1]

    yield run
    for server in started:
        server.stop()


@pytest.fixture
def inbox_at(tmp_path: Path) -> Iterator[Callable[..., Inbox]]:
    opened: list[Inbox] = []

    def connect(address: str, **settings: Any) -> Inbox:
        opened.append(open_inbox(Settings(home=tmp_path, inbox=address, **settings)))
        return opened[-1]

    yield connect
    for inbox in opened:
        inbox.close()


@pytest.fixture
def address(redis_url: str) -> str:
    return f"{redis_url}?prefix={uuid4().hex}"


@pytest.fixture
def inbox(inbox_at: Callable[..., Inbox], address: str) -> Inbox:
    return inbox_at(address)
