"""`earshot customers`: CRM customers from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import AsJson, one_line, print_json, progress_console

if TYPE_CHECKING:
    from dashboard.commands.parts import Parts


def customers(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or JSONL with one customer a row.")],
    as_json: AsJson = False,
) -> None:
    """Import CRM customers and link them to the accounts they use.

    Needs a column with the customer's id (客户ID, 会员号, customer_id ...). Phone and e-mail are stored as keyed
    hashes for matching and encrypted for display. Importing the same file again changes nothing.

    \b
    earshot customers crm-export.xlsx
    """
    from dashboard.commands.parts import open_parts

    with open_parts() as parts:
        report = import_customers(parts, file)
    if as_json:
        print_json(report)
        return
    counts = ", ".join(f"{report[name]} {name}" for name in _COUNTS if report[name])
    typer.echo(f"{report['read']} customers read: {counts or 'none usable'}. {report['linked']} accounts linked.")
    for warning in report["warnings"][:20]:
        progress_console().print(one_line(warning), markup=False)


_COUNTS = ("inserted", "updated", "unchanged", "duplicate", "erased", "bad")


def import_customers(parts: Parts, file: Path) -> dict[str, Any]:
    """Take in the file, quarantine its bad rows, link. read = the sum of _COUNTS."""
    from index.alerts.engine import AlertEngine
    from index.crm.customers import Customers
    from index.crm.linking import Linker
    from index.tables import name_of

    customers = Customers(parts.settings, parts.records)
    report = customers.import_customers(file)
    source = f"customers:{name_of(file)}"
    for row in report.bad:
        parts.inbox.quarantine_raw(source, row.raw, row.reason, place=row.place)
    changed = customers.get_many(report.changed_ids)
    linked = Linker(parts.settings, parts.store, parts.records).link_existing(changed)
    AlertEngine(parts.settings, parts.store, parts.records).reconsider(linked)
    counts = {name: getattr(report, name) for name in ("read", *_COUNTS)}
    return {**counts, "bad": len(report.bad), "linked": len(linked), "warnings": report.warnings}


def add_to(app: typer.Typer) -> None:
    app.command()(customers)
