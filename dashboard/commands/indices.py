"""`earshot index`: the indices of a store in Elasticsearch: make them, look at them, bring them up to date."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dashboard.commands.output import AsJson, print_json, print_table, progress_console

if TYPE_CHECKING:
    from index.settings import Settings
    from index.stores.elasticsearch_layout import Generation, Layout

indices = typer.Typer(
    help="The indices of a store in Elasticsearch: make them, look at them, bring them up to date.",
    rich_markup_mode=None,
)


@indices.command()
def init(as_json: AsJson = False) -> None:
    """Make the index templates and indices. Does nothing where they exist.

    Needs the right to manage index templates and aliases once; workers and desks need only to read and write.
    """
    settings, layout = _opened()
    layout.make(layout.current() or _wanted(settings))
    _tell(settings, layout, as_json)


@indices.command()
def status(as_json: AsJson = False) -> None:
    """Which generation is in use, with which mapping, and each month: mentions, size, first and last day."""
    _tell(*_opened(), as_json)


@indices.command()
def migrate(
    back: Annotated[
        bool, typer.Option("--back", help="Return to the generation before, with what was written since.")
    ] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Remove earlier generations. No way back then.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build the mapping of this Earshot beside the old one and switch to it, while mentions come in.

    Writers wait for the last moment of it, usually a second or two. The old indices stay until --finish.

    \b
    earshot index migrate
    earshot index migrate --back
    """
    from index.stores.elasticsearch_migrate import Migration

    settings, layout = _opened()
    console = progress_console()
    with console.status("Copying"):
        migration = Migration(layout)
        removed = migration.finish() if finish else []
        moved = None if finish else migration.back() if back else migration.forward(_wanted(settings))
    report = {
        "generation": layout.generation.number,
        "copied": moved.copied if moved else 0,
        "closed_seconds": round(moved.closed_seconds, 3) if moved else 0.0,
        "removed": removed,
    }
    if as_json:
        print_json(report)
    elif finish:
        typer.echo(f"Removed {len(removed)} indices of earlier generations.")
    elif moved is None:
        typer.echo("The indices have the mapping of this Earshot already.")
    else:
        typer.echo(
            f"Generation {moved.generation.number} is in use: {moved.copied:,} documents copied, writers waited "
            f"{moved.closed_seconds:.1f} s. When all is well: earshot index migrate --finish"
        )


@indices.command()
def drop(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Keep this day and what came after.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove mentions published before a day, for good: whole months at once, single mentions where a month stays.

    \b
    earshot index drop --before 2025-01-01
    """
    from index.stores.elasticsearch_retention import drop_before

    settings, layout = _opened()
    moment = before.replace(tzinfo=ZoneInfo(settings.timezone))
    if not yes:
        typer.confirm(f"Remove every mention published before {moment:%Y-%m-%d}?", abort=True, err=True)
    dropped = drop_before(layout, moment)
    if as_json:
        print_json({"indices": dropped.indices, "mentions": dropped.mentions})
    else:
        typer.echo(f"Removed {dropped.mentions:,} mentions, {len(dropped.indices)} whole months of them.")


def _opened() -> tuple[Settings, Layout]:
    from index.errors import SettingsError
    from index.settings import load
    from index.stores.elasticsearch_client import SCHEME, connect, parse
    from index.stores.elasticsearch_layout import Layout

    settings = load()
    if not settings.store.startswith(SCHEME):
        raise SettingsError(f"store = {settings.store!r} has no indices; this command is for elasticsearch:...")
    return settings, Layout(connect(settings), parse(settings.store).prefix, settings.elasticsearch.shards)


def _wanted(settings: Settings) -> Generation:
    from index.stores.elasticsearch import wanted_generation

    return wanted_generation(settings)


def _tell(settings: Settings, layout: Layout, as_json: bool) -> None:
    report = _report(settings, layout)
    if as_json:
        print_json(report)
        return
    typer.echo(
        f"{settings.store}: generation {report['generation']}, mapping {report['mapping']} "
        f"(this Earshot: {report['mapping_wanted']}), analyzer {report['analyzer']}"
    )
    if not report["up_to_date"]:
        typer.echo("The mapping is not that of this Earshot: earshot index migrate")
    columns = ("index", "in_use", "mentions", "megabytes", "first", "last")
    print_table(columns, ([row[name] for name in columns] for row in report["months"]))


def _report(settings: Settings, layout: Layout) -> dict[str, Any]:
    from index.stores.elasticsearch_retention import months

    found, wanted = layout.generation, _wanted(settings)
    return {
        "address": settings.store,
        "generation": found.number,
        "mapping": found.version,
        "mapping_wanted": wanted.version,
        "analyzer": found.analyzer,
        "up_to_date": found[1:] == wanted[1:],
        "months": months(layout),
    }


def add_to(app: typer.Typer) -> None:
    app.add_typer(indices, name="index")
