"""What keeps the parts of `earshot run` up, and stops them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import servers
from waiting import until

from dashboard.commands.serve import desk_command

CHILD = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
PARENT = """
import sys
from dashboard.commands.run import Child, keep_running
keep_running([Child(name, [sys.executable, "-c", sys.argv[1], name]) for name in sys.argv[2:]])
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_part_that_dies_is_started_again_and_all_stop_together(tmp_path: Path) -> None:
    files = [tmp_path / "crawl", tmp_path / "work"]

    def pid(file: Path) -> int:
        return int(file.read_text() or 0) if file.exists() else 0

    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, *map(str, files)], stderr=subprocess.DEVNULL)
    try:
        first = [until(lambda file=file: pid(file)) for file in files]
        os.kill(first[1], signal.SIGKILL)
        again = until(lambda: pid(files[1]) != first[1] and pid(files[1]))
        assert alive(first[0]), "the others go on"
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(120) == 0
        until(lambda: not alive(first[0]) and not alive(again))
    finally:
        parent.kill()
        parent.wait()


def test_on_a_new_machine_the_desk_comes_up_without_a_question_or_an_advertisement(tmp_path: Path) -> None:
    """With the browser to be opened, as a person starts it: Streamlit has asked for an e-mail address there."""
    port = servers.free_port()
    environment = {**os.environ, "HOME": str(tmp_path), "EARSHOT_HOME": str(tmp_path), "BROWSER": "true"}
    said = tmp_path / "said"
    with said.open("wb") as file:
        desk = subprocess.Popen(
            desk_command("127.0.0.1", port, open_browser=True),
            env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health") or desk.poll() is not None)
        assert desk.poll() is None, said.read_text()
        assert "Streamlit" not in said.read_text()
    finally:
        desk.kill()
        desk.wait()


def test_that_a_part_died_is_told_on_stderr_and_stdout_stays_clean(tmp_path: Path) -> None:
    environment = {**os.environ, "EARSHOT_HOME": str(tmp_path), "EARSHOT_MODEL": str(tmp_path / "no-model")}
    command = [sys.executable, "-m", "dashboard.cli", "run", "--no-open", "--port", str(servers.free_port())]
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        parts = subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr)
    try:
        until(lambda: "a part died" in out.read_text() + err.read_text())
    finally:
        parts.send_signal(signal.SIGTERM)
        parts.wait(120)
    assert "a part died" not in out.read_text()


def test_serve_shows_the_home_of_the_folder_it_was_started_in(tmp_path: Path) -> None:
    port = servers.free_port()
    environment = {name: value for name, value in os.environ.items() if name != "EARSHOT_HOME"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "dashboard.cli", "serve", "--no-open", "--port", str(port)]
    desk = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health") or desk.poll() is not None)
        told = Path(f"/proc/{desk.pid}/environ").read_bytes().split(b"\0")
        assert f"EARSHOT_HOME={tmp_path / 'earshot-home'}".encode() in told, (
            "the desk itself runs in another folder"
        )
    finally:
        desk.kill()
        desk.wait()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True
