"""`earshot cases`: what must be answered."""

from __future__ import annotations

from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer

from dashboard.commands.filters import one_of
from dashboard.commands.output import AsJson, all_fields, print_json, print_table


def cases(
    state: Annotated[
        str | None, typer.Option(help="new, assigned, replied or closed. Default: all that are open.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed cases too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List the cases of the desk, most urgent first.

    \b
    earshot cases --state new
    earshot cases --json
    """
    from dashboard.commands.parts import open_parts
    from index.alerts.cases import OPEN, Cases
    from index.documents import CaseState

    chosen: tuple[CaseState, ...] = (one_of("--state", state, get_args(CaseState)),) if state else ()
    with open_parts() as parts:
        states = chosen or (() if everything else OPEN)
        found = Cases(parts.settings, parts.records).list(states, limit=limit)
    if as_json:
        print_json([all_fields(case) for case in found])
        return
    print_table(
        ("due", "state", "brand", "topic", "author", "customer", "mentions", "why"),
        (_row(case, ZoneInfo(parts.settings.timezone)) for case in found),
    )


def _row(case: Any, zone: ZoneInfo) -> tuple[object, ...]:
    due = case.due_at.astimezone(zone).strftime("%m-%d %H:%M")
    author = (case.author.name or case.author.id) if case.author else None
    return due, case.state, case.brand, case.topic, author, case.customer_id, len(case.mention_ids), case.reason


def add_to(app: typer.Typer) -> None:
    app.command()(cases)
