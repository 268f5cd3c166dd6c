"""`earshot corrections`: the labels people set, counted, and as rows to train or score a model on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from index.stores.protocol import Store


def corrections(
    export: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write them as rows of the training data's schemas.")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="sentiment, aspects or intents; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the labels set by people, or write them to a file.

    \b
    earshot corrections
    earshot corrections --export corrections.jsonl
    earshot corrections --field sentiment --export sentiment.jsonl
    """
    from dashboard.commands.parts import open_parts
    from index.labels.rows import FIELDS

    for name in field or ():
        if name not in FIELDS:
            raise typer.BadParameter(f"--field {name!r}: write one of {', '.join(FIELDS)}.")
    with open_parts() as parts:
        chosen = [name for name in FIELDS if not field or name in field]
        report = _counted(parts.store, chosen)
        if export:
            report |= {"file": str(export), "rows": _write(parts.store, export, chosen)}
    if as_json:
        print_json(report)
        return
    print_table(("field", "labels", "of them drawn for a check"), [tuple(row.values()) for row in report["fields"]])
    if export:
        typer.echo(f"Wrote {report['rows']} rows to {export}.")


def _counted(store: Store, fields: list[Any]) -> dict[str, Any]:
    kept, drawn = Counter[str](), Counter[str]()
    for correction in store.corrections():
        kept[correction.field] += 1
        drawn[correction.field] += correction.drawn
    return {"fields": [{"field": name, "labels": kept[name], "drawn": drawn[name]} for name in fields]}


def _write(store: Store, path: Path, fields: list[Any]) -> int:
    """Raises SettingsError when the file cannot be written."""
    import msgspec

    from index.errors import SettingsError
    from index.labels.rows import training_rows

    count = 0
    try:
        with path.open("wb") as file:
            for row in training_rows(store, fields):
                file.write(msgspec.json.encode(row) + b"\n")
                count += 1
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}. Choose another place.") from error
    return count


def add_to(app: typer.Typer) -> None:
    app.command()(corrections)
