"""The charts of the desk. Words from outside are data, never part of a specification.

Sentiment always stands in the order negative, neutral, positive, in the same three colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import altair as alt

from dashboard import words
from dashboard.words import t
from index.documents import SENTIMENTS
from index.stores.protocol import Bucket, SentimentCounts

COLOURS = {"negative": "#D1495B", "neutral": "#A9B2BC", "positive": "#2A9D8F", "unsure": "#DDD3A4"}
ACCENT, OTHERS = "#2F5BD7", "#A9B2BC"
SHOWN = tuple(COLOURS)
PICK = "pick"  # the name of every chart's selection
MOST_STEPS = 3000  # eight years of days
ROW = 34  # pixels of one horizontal bar
Rows = list[dict[str, Any]]
Chart = Any  # altair's own types say FacetChart where a layer comes out


def volume(buckets: Sequence[Bucket], peaks: dict[str, str], ends: tuple[str, str] | None = None) -> Chart:
    """Mentions by time step and sentiment, with a sign above the steps in `peaks` (key -> what happened). `ends`:
    keys of the first and last step of the period, None for those of the buckets."""
    rows = [row for bucket in buckets for row in _by_sentiment(bucket.counts, step=bucket.key)]
    x = alt.X(
        "step:O",
        title=None,
        scale=alt.Scale(domain=_every_step(buckets, ends)),
        axis=alt.Axis(labelExpr=_short_label(buckets), labelOverlap="greedy", labelAngle=0, ticks=False),
    )
    bars = _bars(rows).encode(
        x=x,
        y=alt.Y("count:Q", title=None, axis=alt.Axis(tickCount=4, format=",d")),
        tooltip=[
            alt.Tooltip("step:N", title=t("chart.when")),
            alt.Tooltip("name:N", title=t("chart.sentiment")),
            alt.Tooltip("count:Q", title=t("chart.mentions"), format=","),
        ],
    )
    return alt.layer(bars, _peaks(buckets, peaks)).properties(height=250)


def _peaks(buckets: Sequence[Bucket], peaks: dict[str, str]) -> Chart:
    rows = [
        {"step": bucket.key, "count": bucket.counts.total, "event": peaks[bucket.key]}
        for bucket in buckets
        if bucket.key in peaks
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_text(text="▼", dy=-9, color=COLOURS["negative"], size=11)
        .encode(x="step:O", y="count:Q", tooltip=alt.Tooltip("event:N", title=t("chart.event")))
    )


def _every_step(buckets: Sequence[Bucket], ends: tuple[str, str] | None = None) -> list[str]:
    """All steps from the first to the last: a step without mentions keeps its place on the axis."""
    if not buckets:
        return []
    first, last = ends or (buckets[0].key, buckets[-1].key)
    first, last, length = min(first, buckets[0].key), max(last, buckets[-1].key), len(buckets[0].key)
    at, step, keys = datetime.fromisoformat(first), timedelta(hours=1 if length > 10 else 24), [first]
    while keys[-1] < last and len(keys) < MOST_STEPS:
        at += step
        keys.append(at.isoformat(timespec="minutes")[:length])
    return keys


def _short_label(buckets: Sequence[Bucket]) -> str:
    """11-21 for a day, 20:00 for an hour."""
    hours = bool(buckets) and len(buckets[0].key) > 10
    return "slice(datum.value, 11, 13) + ':00'" if hours else "slice(datum.value, 5, 10)"


def shares(buckets: Sequence[Bucket], kind: str) -> Chart:
    """One bar a value, as long as it is often, split by sentiment; what a click opens stands at its end."""
    rows, totals = [], []
    for bucket in buckets:
        label = words.name(kind, bucket.key)
        rows += _by_sentiment(bucket.counts, key=bucket.key, label=label)
        totals.append({"label": label, "count": bucket.counts.total, "text": _said_at_end(kind, bucket.counts)})
    order = [words.name(kind, bucket.key) for bucket in buckets]
    bars = _bars(rows, size=15).encode(
        x=alt.X("count:Q", title=None, axis=None, scale=_with_room(totals, room=1.45 if kind == "aspect" else 1.2)),
        y=_names(order),
        tooltip=[
            alt.Tooltip("label:N", title=t(f"chart.{kind}")),
            alt.Tooltip("name:N", title=t("chart.sentiment")),
            alt.Tooltip("count:Q", title=t("chart.mentions"), format=","),
        ],
    )
    return alt.layer(bars, _end_labels(totals, order)).properties(height=max(ROW * len(order), ROW))


def _said_at_end(kind: str, counts: SentimentCounts) -> str:
    """A mention may praise and blame the same aspect: both are told, as a sum would count it twice."""
    if kind == "aspect":
        signed = (("−", counts.negative), ("+", counts.positive))
        return "  ".join(f"{sign}{words.number(count)}" for sign, count in signed if count)
    return words.number(counts.total)


def voice(buckets: Sequence[Bucket], own: set[str]) -> Chart:
    """Share of voice: one bar a brand, ours in the accent colour, share and net sentiment at its end."""
    total = sum(bucket.counts.total for bucket in buckets) or 1
    rows = [
        {
            "key": bucket.key,
            "label": bucket.key,
            "count": bucket.counts.total,
            "share": bucket.counts.total / total,
            "own": bucket.key in own,
            "text": f"{bucket.counts.total / total:.0%} · {net_text(bucket.counts)}",
        }
        for bucket in buckets
    ]
    order = [bucket.key for bucket in buckets]
    picked = alt.selection_point(name=PICK, fields=["key"])
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(size=15, cornerRadiusEnd=3, cursor="pointer")
        .encode(
            x=alt.X("count:Q", title=None, axis=None, scale=_with_room(rows, room=1.35)),
            y=_names(order),
            color=alt.condition("datum.own", alt.value(ACCENT), alt.value(OTHERS)),
            tooltip=[
                alt.Tooltip("label:N", title=t("chart.brand")),
                alt.Tooltip("count:Q", title=t("chart.mentions"), format=","),
                alt.Tooltip("share:Q", title=t("chart.share"), format=".1%"),
            ],
        )
        .add_params(picked)
    )
    return alt.layer(bars, _end_labels(rows, order)).properties(height=max(ROW * len(order), ROW))


def net_text(counts: SentimentCounts) -> str:
    """Net sentiment, signed."""
    return words.signed(None if counts.net is None else counts.net * 100)


def reach(buckets: Sequence[Bucket]) -> Chart:
    """A person's posts over time, small."""
    rows = [{"step": bucket.key, "count": bucket.counts.total} for bucket in buckets]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(color=ACCENT, cornerRadiusEnd=2)
        .encode(
            x=alt.X(
                "step:O",
                title=None,
                scale=alt.Scale(domain=_every_step(buckets)),
                axis=alt.Axis(labelExpr=_short_label(buckets), labelOverlap="greedy", labelAngle=0),
            ),
            y=alt.Y("count:Q", title=None, axis=alt.Axis(tickCount=3, format="d")),
        )
        .properties(height=120)
    )


def _bars(rows: Rows, size: int | None = None) -> Chart:
    """Stacked bars by sentiment that can be clicked."""
    present = [s for s in SENTIMENTS if any(row["sentiment"] == s and row["count"] for row in rows)]
    fields = ["step", "sentiment"] if rows and "step" in rows[0] else ["key", "sentiment"]
    mark: dict[str, Any] = {"cursor": "pointer"} | ({"size": size} if size else {})
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(**mark)
        .encode(
            color=alt.Color(
                "sentiment:N",
                legend=None,
                scale=alt.Scale(domain=present, range=[COLOURS[s] for s in present]),
            ),
            order=alt.Order("order:Q"),
        )
        .add_params(alt.selection_point(name=PICK, fields=fields))
    )


def _by_sentiment(counts: SentimentCounts, **facts: str) -> Rows:
    return [
        {**facts, "sentiment": s, "name": words.name("sentiment", s), "order": i, "count": getattr(counts, s)}
        for i, s in enumerate(SENTIMENTS)
        if getattr(counts, s)
    ]


def _names(order: list[str]) -> alt.Y:
    return alt.Y(
        "label:N", title=None, sort=order, axis=alt.Axis(ticks=False, domain=False, labelLimit=110, labelPadding=8)
    )


def _with_room(rows: Rows, room: float = 1.2) -> alt.Scale:
    """Leave room at the right for the numbers."""
    return alt.Scale(domain=[0, max((row["count"] for row in rows), default=1) * room or 1])


def _end_labels(rows: Rows, order: list[str]) -> Chart:
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_text(align="left", dx=6, size=12, color="#7A838D")
        .encode(x="count:Q", y=alt.Y("label:N", sort=order), text="text:N")
    )
