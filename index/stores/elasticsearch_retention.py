"""What is old goes: whole months where every mention of them is old, single mentions where not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from index.documents import EPOCH
from index.stores.days import microseconds
from index.stores.elasticsearch_bulk import Action, send
from index.stores.elasticsearch_layout import OLDER, Layout
from index.stores.elasticsearch_query import PRESENT
from index.stores.elasticsearch_scan import hits
from index.stores.elasticsearch_state import State

BATCH = 1000


class Dropped(NamedTuple):
    indices: list[str]
    mentions: int


def months(layout: Layout) -> list[dict[str, Any]]:
    """Every month index: `index`, `in_use`, `mentions`, `megabytes`, `first` and `last` day (UTC)."""
    aliases = layout.all_months()
    stats = layout.client.indices.stats(index=list(aliases), metric="store")["indices"]
    report = []
    for name, given in aliases.items():
        mentions, first, last = _span(layout, name)
        report.append(
            {
                "index": name,
                "in_use": layout.mentions in given,
                "mentions": mentions,
                "megabytes": round(stats[name]["total"]["store"]["size_in_bytes"] / 1e6, 1),
                "first": _day(first),
                "last": _day(last),
            }
        )
    return report


def drop_before(layout: Layout, moment: datetime) -> Dropped:
    """Remove mentions published before `moment`, of every generation, and what stays of removed ones there."""
    layout.client.indices.refresh(index=f"{layout.mentions}-*")
    state = State(layout.client, layout)
    state.note_purge()
    gone: list[str] = []
    removed = 0
    limit = microseconds(moment)
    for name, aliases in layout.all_months().items():
        mentions, first, last = _span(layout, name)
        if first is None or last is None or first * 1000 >= limit:
            continue
        in_use = layout.mentions in aliases
        if last * 1000 + 999 < limit and not name.endswith(f"-{OLDER}"):  # the alias must name one index at least
            layout.client.indices.delete(index=name)
            gone.append(name)
        else:
            with layout.opened([name]):
                mentions = _remove(layout, name, limit)
        removed += mentions if in_use else 0
    if gone or removed:
        state.note_purge()
        state.note_change()
    return Dropped(gone, removed)


def _remove(layout: Layout, index: str, limit: int) -> int:
    removed = 0
    old = hits(layout.client, index, {"range": {"ts": {"lt": limit}}}, batch=BATCH, fields=False)
    while batch := list(islice(old, BATCH)):
        actions = [Action(index, hit["_id"], None, (hit["_seq_no"], hit["_primary_term"])) for hit in batch]
        removed += sum(result.done for result in send(layout.client, actions))
    return removed


def _span(layout: Layout, index: str) -> tuple[int, float | None, float | None]:
    """How many mentions, and when the first and the last were published, in milliseconds since 1970."""
    bounds = {name: {name: {"field": "published_at"}} for name in ("min", "max")}
    answer = layout.client.search(
        allow_partial_search_results=False, index=index, query=PRESENT, size=0, track_total_hits=True, aggs=bounds
    )
    found = answer["aggregations"]
    return answer["hits"]["total"]["value"], found["min"]["value"], found["max"]["value"]


def _day(milliseconds: float | None) -> str | None:
    if milliseconds is None:
        return None
    return (EPOCH + timedelta(milliseconds=milliseconds)).astimezone(UTC).date().isoformat()
