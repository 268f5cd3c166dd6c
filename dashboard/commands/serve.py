"""`earshot serve`: the desk in a browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: desk_host of earshot.toml.")]
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="Default: desk_port of earshot.toml.")]
OpenBrowser = Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")]


def serve(host: Host = None, port: Port = None, open_browser: OpenBrowser = True) -> None:
    """Show the desk, on this machine only unless --host says otherwise.

    \b
    earshot serve
    earshot serve --port 8600 --no-open
    """
    from index.settings import load

    settings = load()
    host, port = host or settings.desk_host, port or settings.desk_port
    command = desk_command(host, port, open_browser)
    tell_address(host, port)
    os.environ["EARSHOT_HOME"] = str(settings.home)  # the desk runs in another folder
    os.chdir(desk_folder())
    os.execv(command[0], command)  # noqa: S606 - our own interpreter; signals go straight to the desk


def desk_folder() -> Path:
    """Where the desk runs: its .streamlit/config.toml is read from there."""
    return Path(__file__).resolve().parents[1]


def desk_command(host: str, port: int, open_browser: bool) -> list[str]:
    app = desk_folder() / "streamlit_app.py"
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": str(not open_browser).lower(),
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags]


def tell_address(host: str, port: int) -> None:
    from dashboard.commands.output import progress_console

    progress_console().print(f"The desk: http://{host}:{port}   Ctrl-C ends.", markup=False)


def add_to(app: typer.Typer) -> None:
    app.command()(serve)
