"""`earshot replay`: try again what is in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.output import AsJson, one_line, print_json, print_table

if TYPE_CHECKING:
    from crawlers.intake import Map
    from dashboard.commands.parts import Parts
    from index.settings import Settings, Source


def replay(
    source: Annotated[str | None, typer.Option(help="Everything of this source.")] = None,
    ids: Annotated[list[int] | None, typer.Option("--id", help="One entry; repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything in quarantine.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines when only listing.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what is in quarantine, or try it again (after correcting a mapping or updating Earshot).

    What fails again stays where it is. Replayed items wait in the inbox for: earshot work

    \b
    earshot replay                                # what is there, and why
    earshot replay --source file:export.csv
    earshot replay --all --json
    """
    from dashboard.commands.parts import open_parts

    if sum((source is not None and not everything, bool(ids), everything)) > 1 or (source and everything):
        raise typer.BadParameter("Choose one of --source, --id and --all.")
    with open_parts() as parts:
        if not (source or ids or everything):
            _list(parts, limit, as_json)
            return
        result = parts.intake.replay(lambda name: map_of(parts, name), ids or None, source=source)
    if as_json:
        print_json({"replayed": result.again, "kept": result.kept})
    else:
        typer.echo(f"{result.again} back in the inbox, {result.kept} still in quarantine.")


def map_of(parts: Parts, source: str) -> Map | None:
    """The map of an imported file or of a configured source; None when it is known no more."""
    from crawlers.imports import mapping_of_source

    if source.startswith("file:"):
        return mapping_of_source(parts.settings, source)
    configured = next((one for one in parts.settings.sources if one.name == source), None)
    return connector_map(configured, parts.settings) if configured else None


def connector_map(source: Source, settings: Settings) -> Map:
    """Maps are pure: the connector is built for it and never asks the network. Raises SettingsError."""
    from crawlers.http import Pace
    from crawlers.schedule import Reader
    from index.settings import secret

    token = secret(source.token_env, settings.home)
    return Reader(source, Pace(), token or "not needed to map").connector.map


def _list(parts: Parts, limit: int, as_json: bool) -> None:
    entries = parts.inbox.quarantined(limit=limit)
    if as_json:
        print_json(
            [
                {
                    "id": entry.id,
                    "source": entry.source,
                    "place": entry.place,
                    "reason": entry.reason,
                    "at": entry.at,
                    "given_up": entry.given_up,
                    "raw": entry.raw.decode("utf-8", "replace"),
                }
                for entry in entries
            ]
        )
        return
    if not entries:
        typer.echo("Nothing is in quarantine.")
        return
    rows = ((e.id, e.source, e.place, e.reason, one_line(e.raw.decode("utf-8", "replace"))[:60]) for e in entries)
    print_table(("id", "source", "place", "reason", "what"), rows)


def add_to(app: typer.Typer) -> None:
    app.command()(replay)
