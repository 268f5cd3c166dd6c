"""`earshot import`: a file of mentions, from a look at its columns to saved and analysed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import AsJson, one_line, print_json, progress_console

if TYPE_CHECKING:
    from crawlers.imports import Plan, Sheet
    from dashboard.commands.parts import Parts
    from index.errors import InboxFull

ROOM_WAIT = 0.2  # seconds until a full inbox is asked again, when other workers have all of it
ENDS = ("saved", "duplicate", "unmatched", "quarantined")


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or JSONL; Chinese or English headers.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the guessed columns without asking.")] = False,
    platform: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where all rows come from, such as weibo or 小红书.", show_default=False),
    ] = None,
    brand: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What all rows are about (a shop's own reviews).", show_default=False),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="F=H", help="FIELD=HEADER, such as text=留言; 'FIELD=' leaves it out. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import mentions from a file: guess the columns, ask, then analyse and save.

    The confirmed columns are remembered for files with the same header. Rows that cannot be used go to
    quarantine with row number and reason (see: earshot replay); importing the same file again adds nothing.

    \b
    earshot import vendor-export.xlsx
    earshot import notes.csv --platform 小红书 --column text=笔记描述
    earshot import reviews.csv --brand 星野茶
    earshot import posts.jsonl --yes --json
    """
    from crawlers.imports import inspect, remember
    from dashboard.commands.parts import open_parts
    from index.errors import ImportFileError

    chosen = dict(_pair(text) for text in column or ())
    with open_parts() as parts:
        look = partial(inspect, file, parts.settings, platform=platform, brand=brand)
        plan = look(columns=chosen)
        if not (yes and as_json):
            _show(plan)
        while not yes and not _accepted(answer := _ask()):
            try:
                plan = look(columns={**chosen, answer[0]: answer[1]})
            except ImportFileError as error:  # mistyped: what was right so far stays
                progress_console().print(one_line(str(error)), markup=False)
                continue
            chosen[answer[0]] = answer[1]
            _show(plan)
        if not parts.settings.brands:
            _hint_no_brands(parts)
        remember(parts.settings, plan)
        report = import_mentions(parts, plan)
    if as_json:
        print_json(report)
    else:
        typer.echo(f"{report['read']} rows read: " + ", ".join(f"{report[end]} {end}" for end in ENDS) + ".")
        if report["unmatched"] and not brand:
            typer.echo(
                "Unmatched: no brand of earshot.toml is named there; --brand NAME says what all rows are about."
            )


def _pair(text: str) -> tuple[str, str]:
    field, equals, header = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"--column {text!r}: write FIELD=HEADER, such as text=留言.")
    return field.strip(), header.strip()


def _ask() -> tuple[str, str]:
    """("", "") for yes, else a field and its header. Raises typer.Abort for no."""
    answer = typer.prompt("Import like this? [Y]es, [n]o, or FIELD=HEADER to correct it", default="y", err=True)
    if "=" in answer:
        return _pair(answer)
    if answer.strip().lower() in ("y", "yes", "是"):
        return "", ""
    raise typer.Abort


def _accepted(answer: tuple[str, str]) -> bool:
    return answer == ("", "")


def import_mentions(parts: Parts, plan: Plan) -> dict[str, int]:
    """Gather, analyse, save; returns when every row has come to its end. read = the sum of the others."""
    from datetime import UTC, datetime

    from crawlers.imports import mapping, raws
    from crawlers.intake import Intake

    worker = cache(parts.worker)

    def make_room(_: InboxFull) -> None:
        """By working: nobody else may be there to do it."""
        if not worker().step():
            time.sleep(ROOM_WAIT)

    intake = Intake(parts.settings, parts.inbox, parts.store, when_full=make_room)
    batch = f"import-{uuid.uuid4().hex[:12]}"
    with _progress() as bars:
        reading = bars.add_task("Reading", total=None)
        counts = intake.take(plan.source, _counted(raws(plan), bars, reading), mapping(plan), batch=batch)
        bars.update(reading, total=max(counts.read, 1), completed=max(counts.read, 1))
        if counts.queued:
            parts.sources.seen(plan.source, datetime.now(UTC), counts.queued)
            analysing = bars.add_task("Analysing", total=counts.queued)
            worker().run_until(batch, lambda done: bars.advance(analysing, done))
            bars.update(analysing, completed=counts.queued)
    return report_of(parts.inbox.counts(batch=batch))


def report_of(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The ends of one batch as import reports them: given-up rows are in quarantine, and what an erased author
    said is not taken in, like what speaks of no brand."""
    ends = {end: sum(source.get(end, 0) for source in counts.values()) for end in (*ENDS, "given_up", "erased")}
    ends["quarantined"] += ends.pop("given_up")
    ends["unmatched"] += ends.pop("erased")
    return {"read": sum(ends.values()), **ends}


def _counted(rows: Iterator[Any], bars: Any, task: Any) -> Iterator[Any]:
    for number, row in enumerate(rows, 1):
        if number % 500 == 0:
            bars.update(task, completed=number)
        yield row


def _progress() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = progress_console()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _hint_no_brands(parts: Parts) -> None:
    progress_console().print(
        f"No [[brands]] in {parts.settings.home / 'earshot.toml'}: every row is kept and belongs to no brand. "
        "Name your brands there (earshot init writes an example) and import again.",
        markup=False,
        soft_wrap=True,
    )


def _show(plan: Plan) -> None:
    """The guess and a preview, on stderr: stdout is for the result."""
    from index.tables import name_of

    console = progress_console()
    kind = f"{plan.kind}, {plan.encoding}" if plan.encoding else plan.kind
    console.print(f"{one_line(name_of(plan.path))}: {kind}; platform: {_platform(plan)}", markup=False)
    for name in plan.skipped:
        console.print(f"Sheet {one_line(name)} has no header and is left out.", markup=False)
    for sheet in plan.sheets:
        _show_sheet(sheet, console, headed=plan.kind != "json")


def _platform(plan: Plan) -> str:
    if plan.platform:
        return f"{plan.platform} (as you say)"
    if any(sheet.header.column("platform") or sheet.header.column("url") for sheet in plan.sheets):
        return f"as each row says, else {plan.guess}"
    return f"{plan.guess} (--platform NAME sets it)"


def _show_sheet(sheet: Sheet, console: Any, *, headed: bool) -> None:
    """`headed`: the file has a header row; JSON Lines names its fields in every line."""
    from rich.table import Table
    from rich.text import Text

    title = (
        f"Sheet {one_line(sheet.name)}" if sheet.name else "",
        f"header in row {sheet.header.row}" if headed else "",
        "columns as confirmed before" if sheet.known else "",
    )
    table = Table("field", "column", "because of", "first rows", title=", ".join(filter(None, title)) or None)
    for column in sheet.header.columns:
        cells = (str(row.get(sheet.header.cells[column.position]) or "-") for row in sheet.sample[:3])
        preview = " | ".join(one_line(cell)[:28] for cell in cells)
        reason = {"name": "its name", "values": "its values", "you": "you", "template": "a template"}[column.found]
        unit = f" ×{column.unit}" if column.unit != 1 else ""
        table.add_row(column.field, Text(one_line(column.header) + unit), reason, Text(preview))
    console.print(table)
    if sheet.header.unused:
        console.print("Not used: " + ", ".join(one_line(name)[:40] for name in sheet.header.unused), markup=False)
    if not sheet.header.column("published_at"):
        console.print(
            "No column holds the time: the file's own date is taken for all rows, and rows without an author open"
            " no cases."
        )


def add_to(app: typer.Typer) -> None:
    app.command("import")(import_file)
