"""A worker of one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()
