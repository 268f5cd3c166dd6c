"""`earshot evaluate`: how right a model is, on labelled texts of anybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import print_json, print_table, progress_console

if TYPE_CHECKING:
    from nlp.evaluation.sets import LabelledSet


def evaluate(
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="A .jsonl or .csv file, plain or .gz, or a folder with one; repeatable."),
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]...", help="More of them.")] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help='Model folder, .onnx file, hub id or "accurate".'),
    ] = None,
    corrections: Annotated[bool, typer.Option("--corrections", help="Also on the labels set by people.")] = False,
    out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the report (- prints).")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Batches at once.")] = 1,
) -> None:
    """Score a model on labelled texts, one a line: {"text": ..., "label": ...} or {"text": ..., "aspects": {...}}.

    \b
    earshot evaluate --data golden.jsonl
    earshot evaluate --model accurate --data sets/hotel sets/weibo --json report.json
    earshot evaluate --corrections --json -
    """
    paths = [*(data or ()), *(more or ())]
    if not paths and not corrections:
        raise typer.BadParameter("Give --data PATH, or --corrections.")
    from nlp.engine import load_model
    from nlp.evaluation import report, sets

    found = [sets.read(path) for path in paths] + (_corrected() if corrections else [])
    loaded = load_model(model, threads)
    scored: list[dict[str, Any]] = []
    console = progress_console()
    for one in found:
        with console.status(f"{one.name}: {len(one.examples)} texts"):
            scored.append(report.evaluate(loaded, one))
        if str(out) != "-":
            _print(scored[-1])
    result = {"model": f"{loaded.name} {loaded.version}", "sets": scored}
    if out and str(out) == "-":
        print_json(result)
    elif out:
        _write(out, result)


def _corrected() -> list[LabelledSet]:
    """What people set on the desk: one set for each kind of label."""
    import msgspec

    from dashboard.commands.parts import open_parts
    from index.labels.rows import FIELDS, SET, training_rows
    from nlp.evaluation.sets import Example, LabelledSet

    found = []
    with open_parts() as parts:
        for field in FIELDS:
            tasks: dict[str, list[Example]] = {}
            for row in training_rows(parts.store, [field]):
                tasks.setdefault(row.get("task") or field, []).append(msgspec.convert(row, Example))
            found += [LabelledSet(f"{SET}:{task}", examples) for task, examples in tasks.items()]
    return found


def _print(one: dict[str, Any]) -> None:
    if "skipped" in one:
        typer.echo(f"{one['name']}: skipped, {one['skipped']}")
        return
    names = ("macro_f1", "mention_f1", "micro_f1", "f1", "auc", "accuracy", "ece")
    shown = {name: one[name] for name in names if one.get(name) is not None}
    print_table(("set", "n", *shown), [(one["name"], one["n"], *(f"{value:.4f}" for value in shown.values()))])


def _write(out: Path, result: dict[str, Any]) -> None:
    """Raises SettingsError when the file cannot be written."""
    import msgspec

    from index.errors import SettingsError

    try:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}. Choose another place.") from error


def add_to(app: typer.Typer) -> None:
    app.command()(evaluate)
