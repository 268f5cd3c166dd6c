"""For the tests of files: a home of their own."""

from pathlib import Path

import pytest

from index.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")
