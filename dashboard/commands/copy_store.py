"""`earshot copy`: everything one store holds into another, and the proof that it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from dashboard.commands.output import AsJson, print_json, progress_console

if TYPE_CHECKING:
    from index.settings import Settings
    from index.stores.moving import Tell
    from index.stores.protocol import Store

STEPS = {"copy": "copying", "check": "checking"}


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Address of a store, as in earshot.toml.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Address of an empty store, or an unfinished copy.")],
    as_json: AsJson = False,
) -> None:
    """Move house: copy a whole store into another, then compare them day by day.

    Mentions, analyses, corrections, customers, KOC scores, and what was deleted or erased, so that it stays away.
    Stop `earshot work` first; gathering may go on, its finds wait in the inbox. When the copy was interrupted, give
    the same command again. At the end write the new address into earshot.toml.

    \b
    earshot copy sqlite:mentions.sqlite elasticsearch:https://host:9200
    """
    from index.settings import load
    from index.stores.moving import move

    settings = load()
    with opened(settings, source, must_exist=True) as here, opened(settings, target) as there, progress() as tell:
        report = msgspec.to_builtins(move(here, there, tell))
    differences = [{"what": d["what"], "from": d["source"], "to": d["target"]} for d in report["differences"]]
    if as_json:
        print_json({"from": source, "to": target, **report, "differences": differences})
    else:
        _tell(report, target)
    if differences:
        raise typer.Exit(1)


@contextmanager
def opened(settings: Settings, address: str, *, must_exist: bool = False) -> Iterator[Store]:
    """Raises SettingsError for an address that names no store, or a file that is not there."""
    from index.errors import SettingsError
    from index.stores import open_store

    if must_exist and address.startswith("sqlite:") and not settings.path(address).exists():
        raise SettingsError(f"There is no store {address}: {settings.path(address)} does not exist.")
    store = open_store(msgspec.structs.replace(settings, store=address))
    try:
        yield store
    finally:
        store.close()


@contextmanager
def progress() -> Iterator[Tell]:
    """A bar for each step, on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress_console()) as bars:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(STEPS[step])
            bars.update(tasks[step], completed=done, total=total)

        yield tell


def _tell(report: dict[str, Any], target: str) -> None:
    kinds = ", ".join(f"{report[name]} {name}" for name in ("corrections", "customers", "influences", "traces"))
    typer.echo(f"{report['mentions']} mentions of {report['days']} days ({report['copied']} copied now), {kinds}.")
    for one in report["differences"]:
        here, there = one["source"], one["target"]
        typer.echo(f"{one['what']}: {here['count']} here, {there['count']} there, digests {_differ(here, there)}.")
    if report["differences"]:
        typer.echo("Something was written meanwhile. Stop `earshot work`, then give the same command again.")
    else:
        typer.echo(f'The stores are the same. Write store = "{target}" into earshot.toml.')


def _differ(here: dict[str, Any], there: dict[str, Any]) -> str:
    return "differ" if here["digest"] != there["digest"] else "agree"


def add_to(app: typer.Typer) -> None:
    app.command()(copy)
