"""`earshot export`: the mentions a query finds, as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands.filters import Filters, QueryText, build_query
from dashboard.commands.output import AsJson, print_json
from index.errors import SettingsError

FORMATS = (".csv", ".xlsx", ".parquet", ".jsonl")


def export(
    query: QueryText = "",
    to: Annotated[Path, typer.Option("--to", help="FILE.csv, .xlsx, .parquet or .jsonl.")] = Path("mentions.csv"),
    as_json: AsJson = False,
    since: Filters.Since = None,
    until: Filters.Until = None,
    brand: Filters.Brand = None,
    platform: Filters.Platform = None,
    sentiment: Filters.Sentiment = None,
) -> None:
    """Write what a query finds into a file. Cells cannot run formulas in a spreadsheet.

    \b
    earshot export '太甜' --since 30d --to sweet.xlsx
    """
    from dashboard.commands.parts import open_parts

    if to.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"--to {to}: the name must end in {', '.join(FORMATS)}.")
    os.environ.setdefault("STREAMLIT_LOGGER_LEVEL", "error")  # it warns when used outside a desk
    from dashboard.export import write_file

    with open_parts() as parts:
        question = build_query(
            query,
            parts.settings,
            sort="newest",
            since=since,
            until=until,
            brands=brand,
            platforms=platform,
            sentiments=sentiment,
        )
        try:
            written = write_file(parts.store.scan(question), to, parts.settings.timezone)
        except OSError as error:
            raise SettingsError(f"{to} cannot be written: {error.strerror}. Choose another place.") from error
    if as_json:
        print_json({"file": str(to), "mentions": written})
    else:
        typer.echo(f"Wrote {written} mentions to {to}")


def add_to(app: typer.Typer) -> None:
    app.command()(export)
