"""`earshot run`: gathering, analysing and the desk, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from dashboard.commands.serve import Host, OpenBrowser, Port, desk_command, desk_folder, tell_address

SHORTEST_LIFE = 5.0  # seconds; a child that dies sooner is started again more and more slowly
LONGEST_PAUSE = 60.0
STOP_WITHIN = 20.0  # seconds to finish the batch in hand before a child is killed


class Child:
    """One process that is started again when it dies."""

    address: str | None = None

    def __init__(self, name: str, command: Sequence[str], folder: str | None = None) -> None:
        self.name, self._command, self._folder = name, list(command), folder
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0

    def start(self) -> None:
        # Its own session: Ctrl-C reaches us alone, and we stop the children in order.
        self.process = subprocess.Popen(self._command, cwd=self._folder, start_new_session=True)  # noqa: S603
        self._started = time.monotonic()

    def revive(self) -> float:
        """Seconds to wait before the next start; 0 while the child lives."""
        if self.process is None or self.process.poll() is None:
            return 0.0
        lived = time.monotonic() - self._started
        self._pause = 1.0 if lived > SHORTEST_LIFE else min(LONGEST_PAUSE, max(1.0, self._pause * 2))
        return self._pause

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(
    host: Host = None,
    port: Port = None,
    open_browser: OpenBrowser = True,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Analysing processes.")] = 1,
) -> None:
    """Gather, analyse and show the desk until Ctrl-C. A part that dies is started again.

    \b
    earshot run
    earshot run --workers 2 --no-open
    """
    from dashboard.commands.parts import configure_log
    from index.settings import load

    configure_log()
    settings = load()
    host, port = host or settings.desk_host, port or settings.desk_port
    desk = desk_command(host, port, open_browser)
    children = [Child("crawl", own_command("crawl"))] if any(s.enabled for s in settings.sources) else []
    children += [Child(f"work {n}", own_command("work")) for n in range(1, workers + 1)]
    children += [Child("pictures", own_command("pictures"))] if settings.pictures else []
    children.append(Child("desk", desk, str(desk_folder())))
    os.environ["EARSHOT_HOME"] = str(settings.home)  # the desk runs in another folder
    tell_address(host, port)
    keep_running(children)


def own_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "dashboard.cli", *words]


def keep_running(children: Sequence[Child]) -> None:
    """Until SIGINT or SIGTERM."""
    from index import log

    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    due: dict[Child, float] = dict.fromkeys(children, 0.0)
    try:
        while not stop.is_set():
            for child in children:
                _tend(child, due, log.get("run"))
            stop.wait(0.2)
    finally:
        for child in children:
            child.stop()
        end = time.monotonic() + STOP_WITHIN
        for child in children:
            child.wait(end - time.monotonic())


def _tend(child: Child, due: dict[Child, float], logger: Any) -> None:
    if child.process is None:
        if time.monotonic() >= due[child]:
            child.start()
        return
    if pause := child.revive():
        code = child.process.returncode
        logger.error("a part died and is started again", part=child.name, exit_code=code, in_seconds=pause)
        child.process = None
        due[child] = time.monotonic() + pause


def add_to(app: typer.Typer) -> None:
    app.command()(run)
