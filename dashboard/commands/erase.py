"""`earshot erase`: an account or a customer, out of everything, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.commands.output import AsJson, print_json

if TYPE_CHECKING:
    from dashboard.commands.parts import Parts
    from index.crm.linking import Linker


def erase(
    by: Annotated[str, typer.Option(metavar="NAME", help="Who you are, for the audit trail.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the audit trail.")],
    author: Annotated[
        str | None, typer.Option(metavar="ID", help="An account, with all it said: author.id of search --json.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="ID", help="A CRM customer, with links and replies.")
    ] = None,
    accounts: Annotated[
        bool, typer.Option("--accounts", help="With --customer: also the accounts linked to them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove somebody from store, queues, links, cases and customers. They are not let in again.

    It ends by searching: exit code 1 when something is still found (a worker had it in hand): run it again.
    Files that were exported, and backups, are yours to erase.

    \b
    earshot erase --author weibo:1234567 --by Li --reason 'asked for it by mail'
    earshot erase --customer C1001 --accounts --by Li --reason 'asked for it by mail'
    """
    from dashboard.commands.parts import open_parts

    if bool(author) == bool(customer):  # an empty id, as of an unset variable in a script, is none
        raise typer.BadParameter("Choose one of --author and --customer.")
    if not (by.strip() and reason.strip()):
        raise typer.BadParameter("Say who you are and why, for the audit trail: --by NAME --reason TEXT.")
    if not yes:
        typer.confirm(f"Erase {author or customer} for good?", abort=True, err=True)
    with open_parts() as parts:
        if author:
            report = _accounts(parts, [author], by=by, reason=reason)
        else:
            report = _customer(parts, str(customer), accounts, by=by, reason=reason)
    if as_json:
        print_json(report)
    else:
        typer.echo(f"Erased {author or customer}: {report['mentions']} mentions; {report['left']} are still found.")
    if report["left"]:
        raise typer.Exit(1)


def _customer(parts: Parts, customer: str, accounts: bool, **who: str) -> dict[str, Any]:
    from index.crm.customers import Customers
    from index.query import MentionQuery

    linked = sorted(link.author_id for link in _linker(parts).links(customer_id=customer))
    # The accounts first: when one cannot be erased now, the customer still tells the next run which they are.
    report = _accounts(parts, linked if accounts else [], **who)
    Customers(parts.settings, parts.records).erase(customer, **who)
    _linker(parts).mirror()
    left = parts.store.count(MentionQuery(customers=(customer,)))
    return {"authors": linked, "mentions": report["mentions"], "left": report["left"] + left}


def _accounts(parts: Parts, authors: list[str], **who: str) -> dict[str, Any]:
    from index.erasure import erase_author
    from index.query import MentionQuery

    inboxes = [inbox for inbox in (parts.inbox, parts.pictures) if inbox]
    removed = sum(erase_author(parts.store, inboxes, _linker(parts), each, **who) for each in authors)
    left = parts.store.count(MentionQuery(authors=tuple(authors))) if authors else 0
    return {"authors": authors, "mentions": removed, "left": left}


def _linker(parts: Parts) -> Linker:
    from index.crm.linking import Linker

    return Linker(parts.settings, parts.store, parts.records)


def add_to(app: typer.Typer) -> None:
    app.command()(erase)
