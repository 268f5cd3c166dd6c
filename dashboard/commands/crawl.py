"""`earshot crawl`: gather from every configured source."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Container
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.output import AsJson, Metrics, one_line, print_json, progress_console
from index.errors import SettingsError

if TYPE_CHECKING:
    from crawlers.intake import Counts
    from crawlers.schedule import Progress
    from dashboard.commands.parts import Parts


def crawl(
    once: Annotated[bool, typer.Option("--once", help="Ask every source once, then stop.")] = False,
    metrics: Metrics = None,
    as_json: AsJson = False,
) -> None:
    """Gather from the [[sources]] of earshot.toml, each in its rhythm, until stopped.

    What is gathered waits in the inbox for: earshot work

    \b
    earshot crawl
    earshot crawl --once --json
    earshot crawl --metrics 9107
    """
    from dashboard.commands.parts import open_parts

    with open_parts() as parts:
        if not any(source.enabled for source in parts.settings.sources):
            raise SettingsError(
                f"No [[sources]] are enabled in {parts.settings.home / 'earshot.toml'}. Add one there "
                "(earshot init writes examples), or bring a file: earshot import FILE"
            )
        if metrics is not None:
            parts.offer_metrics(metrics)
        totals, errors = gather(parts, once)
    if once:
        _tell_left_out(parts, totals)
    if as_json:
        print_json({name: {**_facts(counts), "error": errors.get(name)} for name, counts in totals.items()})
    elif once:
        for name, counts in totals.items():
            facts = ", ".join(f"{n} {what}" for what, n in _facts(counts).items())
            typer.echo(f"{name}: {facts}" + (f" - {one_line(errors[name])}" if name in errors else ""))
    if once and errors and len(errors) == len(totals):
        raise SettingsError(f"No source answered. The first said: {next(iter(errors.values()))}")


def _tell_left_out(parts: Parts, asked: Container[str]) -> None:
    left_out = [one.name for one in parts.settings.sources if one.enabled and one.name not in asked]
    if left_out:
        names = ", ".join(one_line(name) for name in left_out)
        progress_console().print(
            f"Not asked, as they rest after trouble or are read by another process: {names}. See: earshot status",
            markup=False,
            soft_wrap=True,
        )


def gather(parts: Parts, once: bool) -> tuple[dict[str, Counts], dict[str, str]]:
    """What each source gave, and the last error of those that failed. SIGINT and SIGTERM end it."""
    from crawlers import schedule

    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    errors: dict[str, str] = {}
    console = progress_console()

    def told(progress: Progress) -> None:
        if progress.error:
            errors[progress.source] = progress.error
        if console.is_terminal and progress.counts.queued:
            console.print(f"{progress.source}: {progress.counts.queued} new", markup=False)

    return asyncio.run(schedule.run(parts.settings, parts.inbox, parts.store, stop, once, told)), errors


def _facts(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in counts.__struct_fields__}


def add_to(app: typer.Typer) -> None:
    app.command()(crawl)
