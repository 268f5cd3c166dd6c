"""`earshot corrections`: the labels people set, counted, and as rows to train or score a model on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from index.stores.protocol import Store


def corrections(
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl|FOLDER", help="Write them as labelled rows, or as sets to train on."),
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
    earshot corrections --export sets     # then: earshot train --sets sets --specs sets/sets.toml ...
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
    """One file, or a folder of sets. Raises SettingsError when it cannot be written."""
    from index.errors import SettingsError
    from index.labels.rows import training_rows

    rows = training_rows(store, fields)
    try:
        return _file(rows, path) if path.suffix == ".jsonl" else _sets(rows, path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}. Choose another place.") from error


def _file(rows: Iterable[dict[str, Any]], path: Path) -> int:
    import msgspec

    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
    return count


def _sets(rows: Iterable[dict[str, Any]], folder: Path) -> int:
    """A set for each kind of label, each with train.jsonl.gz and dev.jsonl.gz, and sets.toml that names them."""
    import gzip

    import msgspec

    from index.labels.rows import for_dev, set_of

    split: dict[str, dict[str, list[bytes]]] = {}
    for row in rows:
        part = split.setdefault(set_of(row), {"train": [], "dev": []})
        part["dev" if for_dev(row) else "train"].append(msgspec.json.encode(row) + b"\n")
    for name, parts in split.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for part_name, lines in parts.items():
            (folder / name / f"{part_name}.jsonl.gz").write_bytes(gzip.compress(b"".join(lines), mtime=0))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sets.toml").write_text(
        "".join(f"[{name}]\nevery_label = true\n" for name in split), encoding="utf-8"
    )
    return sum(len(lines) for parts in split.values() for lines in parts.values())


def add_to(app: typer.Typer) -> None:
    app.command()(corrections)
