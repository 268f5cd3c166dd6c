"""`earshot evaluate`: how right a model is, on labelled texts of anybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from dashboard.commands.output import one_line, print_json, print_table, progress_console
from index.errors import EarshotError

if TYPE_CHECKING:
    from nlp.engine import SentimentModel
    from nlp.evaluation.sets import LabelledSet

Entry = dict[str, Any]
T = TypeVar("T")


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
    from nlp.evaluation import saving, sets

    for path in paths:
        sets.must_exist(path)
    to_stdout = str(out) == "-"
    file = saving.ReportFile(out) if out and not to_stdout else None
    found = [_or_entry(sets.name_of(path), sets.read, path) for path in paths]
    found += _corrected() if corrections else []
    loaded = load_model(model, threads)
    entries: list[Entry] = []
    result = {"model": f"{loaded.name} {loaded.version}", "sets": entries}
    for one in found:
        entries.append(one if isinstance(one, dict) else _score(loaded, one))
        if not to_stdout:
            _print(entries[-1])
        if file:
            file.save(result)
    if to_stdout:
        print_json(result)
    if file:
        file.save(result, last=True)
    if any("error" in entry for entry in entries):
        raise typer.Exit(1)


def _score(model: SentimentModel, labelled: LabelledSet) -> Entry:
    from nlp.evaluation import report

    with progress_console().status(f"{labelled.name}: {len(labelled.examples)} texts"):
        return _or_entry(labelled.name, report.evaluate, model, labelled)


def _or_entry(name: str, work: Callable[..., T], *given: Any) -> T | Entry:
    """What `work` gives, or the entry of a set at which it failed: one set must not cost the others."""
    from nlp.evaluation import report

    try:
        return work(*given)
    except EarshotError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - logged in full; the other sets are scored
        from dashboard.commands.parts import configure_log
        from index import log

        configure_log()
        log.get("cli").error("evaluation failed", set=name, exc_info=True)
        reason = f"{type(error).__name__}: {error}. This is a bug; the log above has the place."
    typer.echo(f"earshot: {one_line(reason)}", err=True)
    return report.failed(name, reason)


def _corrected() -> list[LabelledSet]:
    """What people set on the desk, a set for each kind of label: of mentions drawn for a check, which tell how good
    a model is, and of others, which people corrected because they were wrong."""
    import msgspec

    from dashboard.commands.parts import open_parts
    from index.labels.rows import DRAWN, FIELDS, SET, training_rows
    from nlp.evaluation.sets import Example, LabelledSet

    sets: dict[str, list[Example]] = {}
    with open_parts() as parts:
        for field in FIELDS:
            for row in training_rows(parts.store, [field]):
                name = f"{DRAWN if row['drawn'] else SET}:{row.get('task') or field}"
                sets.setdefault(name, []).append(msgspec.convert(row, Example))
    return [LabelledSet(name, examples, every_label=True) for name, examples in sets.items()]


def _print(one: dict[str, Any]) -> None:
    if "error" in one:
        return  # told on stderr
    if "skipped" in one:
        typer.echo(f"{one['name']}: skipped, {one['skipped']}")
        return
    names = ("macro_f1", "mention_f1", "micro_f1", "f1", "auc", "accuracy", "ece")
    shown = {name: one[name] for name in names if one.get(name) is not None}
    print_table(("set", "n", *shown), [(one["name"], one["n"], *(f"{value:.4f}" for value in shown.values()))])
    if "sentiment" in one:
        _print({"name": f"{one['name']} (sentiment)"} | one["sentiment"])


def add_to(app: typer.Typer) -> None:
    app.command()(evaluate)
