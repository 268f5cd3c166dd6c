"""The desk as `earshot serve` starts it, from another folder, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import desk_home
import pytest
import servers
from waiting import until

from dashboard.commands.serve import desk_command

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
# What a browser says on its own, not the page: Streamlit looks for its host at more than one place.
HARMLESS = ("404 (Not Found)", "ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk_home.build(tmp_path_factory.mktemp("browser") / "home", mentions=500)


@pytest.fixture(scope="session")
def address(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not Path(CHROMIUM).exists() and shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    port = servers.free_port()
    server = subprocess.Popen(
        desk_command("127.0.0.1", port, open_browser=False),
        env={**os.environ, "EARSHOT_HOME": str(home)},
        cwd=tmp_path_factory.mktemp("elsewhere"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/_stcore/health", server))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "the desk ended at once"
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True


# Per module, not per session: while it lives Playwright keeps an event loop running in this thread, and tests
# elsewhere start loops of their own.
@pytest.fixture(scope="module")
def browser(address):
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # a busy machine is no failure
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """visit("mentions?lang=en", width=390) opens a page; at the end nothing may have failed in the browser."""
    contexts, complaints = [], []

    def visited(path: str = "", *, width: int = 1440, locale: str = "zh-CN"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, locale=locale, timezone_id="Asia/Shanghai"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{address}/{path}")
        page.wait_for_selector("h1.page")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert [text for text in complaints if not any(known in text for known in HARMLESS)] == []
