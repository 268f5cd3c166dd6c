"""`earshot status`: the ends of every mention, per source, and how each source is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from dashboard.commands.output import AsJson, one_line, print_json, print_table

if TYPE_CHECKING:
    from dashboard.commands.parts import Parts

ENDS = (
    "saved", "duplicate", "unmatched", "retried", "put_back", "given_up", "quarantined", "waiting", "leased",
)  # fmt: skip


def status(as_json: AsJson = False) -> None:
    """Show for each source what became of its mentions, and how the source is.

    Each mention comes to an end that is counted: saved, retried later, put back, given up, quarantined.

    \b
    earshot status
    earshot status --json
    """
    from datetime import UTC, datetime

    from dashboard.commands.parts import open_parts
    from index.labels.drift import watch

    with open_parts() as parts:
        drifts = watch(parts.store, datetime.now(UTC)).found
        report = {**_report(parts), "drift": [drift._asdict() for drift in drifts]}
    if as_json:
        print_json(report)
        return
    rows = (
        (one["name"], one["state"], _ago(one["last_seen_at"]), *(one[end] for end in ENDS))
        for one in report["sources"]
    )
    print_table(("source", "state", "last seen", *ENDS), rows)
    for one in report["sources"]:
        if one["last_error"]:
            typer.echo(f"{one['name']}: {one_line(one['last_error'])}")
    for drift in drifts:
        typer.echo(f"labels of {drift.platform}: {drift.text}; check a sample on the Sources page")
    if report["undelivered"]:
        typer.echo(f"{_alerts(report['undelivered'])} not delivered; send again on the Cases page")
    typer.echo(f"{report['mentions']} mentions in the store, {report['queue']} in the inbox.")


def _report(parts: Parts) -> dict[str, Any]:
    from index.alerts.cases import Cases
    from index.query import MentionQuery

    counts = parts.inbox.counts()
    health = {one.name: one for one in parts.sources.health(parts.settings)}
    names = [*health, *(name for name in sorted(counts) if name not in health)]
    sources: list[dict[str, Any]] = []
    for name in names:
        one, ends = health.get(name), counts.get(name, {})
        facts = {field: getattr(one, field, None) for field in _FACTS}
        sources.append({"name": name, **facts, **{end: ends.get(end, 0) for end in ENDS}})
    totals = {end: sum(source[end] for source in sources) for end in ENDS}
    return {
        "sources": sources,
        "totals": totals,
        "mentions": parts.store.count(MentionQuery()),
        "queue": parts.inbox.depth(),
        "undelivered": Cases(parts.settings, parts.records).counts()["undelivered"],
    }


_FACTS = ("platform", "state", "last_poll_at", "last_seen_at", "next_poll_at", "last_error", "failures")


def _alerts(count: int) -> str:
    return "1 alert was" if count == 1 else f"{count} alerts were"


def _ago(moment: Any) -> str | None:
    from datetime import UTC, datetime

    if moment is None:
        return None
    minutes = int((datetime.now(UTC) - moment).total_seconds() // 60)
    if minutes < 60:
        return f"{max(minutes, 0)} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} d ago"


def add_to(app: typer.Typer) -> None:
    app.command()(status)
