"""A home folder with a small real store, built once a run, and a way to open a page of the desk on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import desk_home
import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
DESK = ROOT / "dashboard" / "desk.py"
Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk_home.build(tmp_path_factory.mktemp("filled") / "home", mentions=400)


@pytest.fixture
def home(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may write to."""
    shutil.copytree(filled, tmp_path / "home")
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "empty"))
    return tmp_path / "empty"


@pytest.fixture
def open_page() -> Open:
    """open_page("mentions", sentiment=["negative"]) opens the page as a link with these parameters would."""

    def opened(page: str, /, **parameters: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(DESK), default_timeout=60)
        for name, value in parameters.items():
            app.query_params[name] = value
        if page != "overview":
            app.switch_page(f"app_pages/{page}.py")
        return app.run()

    return opened


@pytest.fixture
def open_drawer() -> Open:
    """open_drawer("correct_form", id) opens the inside of a drawer. A dialog itself is a fragment, which
    AppTest does not keep open from one run to the next; the browser tests go through the real one."""

    def opened(form: str, mention_id: str) -> AppTest:
        script = f"""
from dashboard import address, drawers
address.read("mentions")
drawers.{form}({mention_id!r})
"""
        return AppTest.from_string(script, default_timeout=60).run()

    return opened


@pytest.fixture
def text_of() -> Callable[[AppTest], str]:
    """All that a page shows, HTML bodies included."""

    def text(app: AppTest) -> str:
        shown = [element.proto.body for element in app.get("html")]
        for kind in ("markdown", "caption", "text", "error", "warning", "info", "button", "metric"):
            shown += [str(getattr(e, "value", "")) + str(getattr(e, "label", "")) for e in app.get(kind)]
        return "\n".join(shown)

    return text
