"""`earshot work`: inbox -> understood -> stored. Any number of these may run."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from dashboard.commands.output import Metrics


def work(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop when the inbox is empty instead of waiting.")
    ] = False,
    metrics: Metrics = None,
) -> None:
    """Analyse what is in the inbox and save it, until stopped. Start several to use several cores.

    \b
    earshot work
    earshot work --until-idle
    earshot work --metrics 9108
    """
    from dashboard.commands.output import progress_console
    from dashboard.commands.parts import open_parts

    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more

    with open_parts() as parts:
        worker = parts.worker()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: worker.stop())
        if metrics is not None:
            parts.offer_metrics(metrics)
        with parts.delivering():
            worker.run(until_idle=until_idle, on_progress=count)
    progress_console().print(f"Finished {done} mentions.")


def add_to(app: typer.Typer) -> None:
    app.command()(work)
