"""`earshot demo`: a filled desk from nothing, with invented brands, customers and mentions."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import AsJson, print_json, progress_console
from dashboard.commands.run import Child, keep_running, own_command
from dashboard.commands.serve import OpenBrowser, Port, desk_command, desk_folder
from index.errors import SettingsError

if TYPE_CHECKING:
    from dashboard.demo.filling import Filling

WORKERS = 2
PORTS = range(8501, 8521)


def demo(
    home: Annotated[
        Path, typer.Option(help="Folder of the demo, apart from your own data.", show_default=True)
    ] = Path("earshot-demo"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Go on: something new is posted every few seconds.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Fill and stop, without the desk.")] = False,
    open_browser: OpenBrowser = True,
    port: Port = None,
    store: Annotated[
        str | None,
        typer.Option(help="Where mentions are kept: sqlite, elasticsearch (ELASTICSEARCH_URL), or an address."),
    ] = None,
    mentions: Annotated[int, typer.Option(min=100, hidden=True)] = 3_400,
    as_json: AsJson = False,
) -> None:
    """Fill a demo desk through the real pipeline and open it. A second run adds nothing twice.

    Over 3,000 invented mentions of three brands on ten platforms, 60 days, one crisis, 200 customers: read from
    files and from a local replica site, analysed, linked, alerted, shown. Takes about a minute.

    \b
    earshot demo
    earshot demo --serve          # and watch new mentions come in
    earshot demo --store elasticsearch --home demo-cluster
    earshot demo --once --json    # for scripts
    """
    from dashboard.commands.parts import configure_log
    from dashboard.demo.filling import Filling, findings, use_home

    configure_log()

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM stops the children too
    home = home.expanduser().resolve()
    use_home(home)
    filling = Filling(home, mentions, store)
    workers = [Child(f"work {n}", own_command("work")) for n in range(1, WORKERS + 1)]
    desk = None if once else _desk(port, open_browser)
    children = [*([desk] if desk else []), *workers]
    try:
        for child in children:
            child.start()
        _fill(filling, children)
        if not serve:
            _stop(workers)
        report = findings(filling)
        print_json(report) if as_json else _tell(report, desk)
        if desk:
            _go_on(filling, desk, workers if serve else [])
    finally:
        _stop(children)
        filling.close()


def _desk(port: int | None, open_browser: bool) -> Child:
    chosen = next((p for p in ([port] if port else PORTS) if _is_free(p)), None)
    if chosen is None:
        raise SettingsError(f"Port {port or PORTS[0]} is in use. Choose another: --port N")
    child = Child("desk", desk_command("127.0.0.1", chosen, open_browser), str(desk_folder()))
    child.address = f"http://127.0.0.1:{chosen}"
    progress_console().print(f"The desk: {child.address} (it fills while you look)", markup=False)
    return child


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _fill(filling: Filling, children: list[Child]) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = progress_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("Gathering and analysing", total=None)
        filling.run(
            lambda done, total: bars.update(task, completed=min(done, total), total=total), lambda: _check(children)
        )


def _check(children: list[Child]) -> None:
    """A part that dies while filling is told at once instead of waited for."""
    for child in children:
        if child.process and child.process.poll() not in (None, 0):
            raise SettingsError(f"{child.name} stopped with exit code {child.process.returncode}; see above.")


def _stop(children: list[Child]) -> None:
    for child in children:
        child.stop()
    for child in children:
        child.wait(20.0)


def _go_on(filling: Filling, desk: Child, workers: list[Child]) -> None:
    from dashboard.demo.site import LivePosts

    live = LivePosts(filling.replica, filling.world) if workers else None
    if live:
        live.start()
    crawl = [Child("crawl", own_command("crawl"))] if live else []
    try:
        keep_running([desk, *workers, *crawl])
    finally:
        if live:
            live.stop()


def _tell(report: dict[str, Any], desk: Child | None) -> None:
    brands = ", ".join(f"{name} {count:,}" for name, count in report["brands"].items())
    share = 100 * report["negative"] / max(report["mentions"], 1)
    lines = [
        f"{report['mentions']:,} mentions on {report['platforms']} platforms: {brands} (some name two brands)",
        f"{share:.0f} % negative; most in the hour from {_hour(report)}: {report['crisis_negative']}",
        f"{report['kocs']} KOCs, {report['links']} accounts linked to customers, {report['cases']} cases to answer",
        f"{report['unmatched']} posts spoke of no brand, {report['quarantined']} rows wait in quarantine",
    ]
    for line in lines:
        typer.echo(line)
    if desk:
        typer.echo(f"The desk: {desk.address}   Ctrl-C ends.")


def _hour(report: dict[str, Any]) -> str:
    return str(report["crisis_hour"]).replace("T", " ")


def add_to(app: typer.Typer) -> None:
    app.command()(demo)
