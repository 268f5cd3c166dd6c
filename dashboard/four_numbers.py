"""The four numbers of the overview, each with its comparison and course; each opens what is behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypedDict

import streamlit as st

from dashboard import address, filters, news, queries, words
from dashboard.filters import Window
from dashboard.panels import MENTIONS
from dashboard.words import t
from index.stores.protocol import Bucket, SentimentCounts

Colour = Literal["gray", "green", "red"]
Arrow = Literal["off", "up", "down"]


def draw(window: Window, steps: list[Bucket], counts: SentimentCounts, before: SentimentCounts | None) -> None:
    with st.grid(4, min_column_width=150, gap="small"):
        mentions_number(steps, counts, before)
        net_number(steps, counts, before)
        answer_number()
        voice_number(window)


def number(
    key: str, value: str, link: str, *, delta: str | None = None, note: str | None = None,
    colour: Colour = "gray", arrow: Arrow = "off", series: list[float] | None = None, page: str = MENTIONS,
    **choices: Any,
) -> None:  # fmt: skip
    """A number with its comparison and course; the whole card opens what is behind it."""
    with st.container(border=True, key=f"open-{key}", gap="xxsmall", height="stretch"):
        st.metric(
            t(f"overview.{key}"), value, delta, delta_color=colour, delta_description=note, delta_arrow=arrow,
            chart_data=series if series and len(series) > 2 else None, chart_type="area",
            help=t(f"overview.{key}_help"),
        )  # fmt: skip
        st.page_link(page, label=link, query_params=address.link(**choices))


class Compared(TypedDict):
    """How a number changed against the period before, as `number` shows it; empty when there is none."""

    delta: str | None
    note: str | None
    colour: Colour
    arrow: Arrow


def compared(change: float | None, said: Callable[[str], str] = str, *, good: bool = False) -> Compared:
    """`said` makes words of the change. `good`: more is better, so that a change has a colour. Streamlit
    itself would tell up from down by an ASCII minus only."""
    if change is None:
        return Compared(delta=None, note=None, colour="gray", arrow="off")
    step = round(change)
    colour: Colour = "gray" if not good or not step else "green" if step > 0 else "red"
    arrow: Arrow = "off" if not step else "up" if step > 0 else "down"
    return Compared(delta=said(words.signed(change)), note=before_text(), colour=colour, arrow=arrow)


def before_text() -> str:
    return t(f"period_before.{st.session_state['period']}")


def mentions_number(steps: list[Bucket], counts: SentimentCounts, before: SentimentCounts | None) -> None:
    change = news.relative(counts.total, before.total if before else None)
    number(
        "mentions", words.number(counts.total), t("overview.see_mentions"),
        series=[float(bucket.counts.total) for bucket in steps], **compared(change, lambda n: f"{n}%"),
    )  # fmt: skip


def net_number(steps: list[Bucket], counts: SentimentCounts, before: SentimentCounts | None) -> None:
    net = None if counts.net is None else counts.net * 100
    old = None if before is None or before.net is None else before.net * 100
    change = None if net is None or old is None else round(net) - round(old)
    number(
        "net", words.signed(net), t("overview.see_negative"), sentiment=["negative"],
        series=[100 * (bucket.counts.net or 0.0) for bucket in steps], **compared(change, good=True),
    )  # fmt: skip


def answer_number() -> None:
    counts = queries.case_counts()
    late = counts["overdue"]
    urgent = queries.cases_list(queries.WAITING, brand=next(iter(filters.brands()), None), snoozed=False, limit=1)
    number(
        "answer", words.exact(counts["open"]), t("overview.see_cases"),
        delta=t("overview.late", n=late) if late else None, colour="red" if late else "gray",
        note=t("overview.most_urgent", left=words.time_left(urgent[0].due_at)) if urgent and not late else None,
        page="app_pages/cases.py",
    )  # fmt: skip


def voice_number(window: Window) -> None:
    """Our share among all brands listened for; without a competitor it would always be all."""
    if not has_competitor():
        with st.container(border=True, gap="xxsmall", height="stretch"):
            st.metric(t("overview.voice"), words.NO_DATA, help=t("overview.voice_help"))
            st.caption(t("overview.no_brands"))
        return
    own = own_brands()
    now = share_of(queries.facets(filters.overview_query(window, brands=()), "brand")["brand"], own)
    old = None
    if window.before_since:
        query = filters.overview_query(window, brands=(), since=window.before_since, until=window.before_until)
        old = share_of(queries.facets(query, "brand")["brand"], own)
    change = None if now is None or old is None else 100 * (now - old)
    number(
        "voice", words.percent(now), t("overview.see_mentions"), series=voice_series(window, own),
        **compared(change, lambda n: t("overview.points", n=n), good=True),
    )  # fmt: skip


def has_competitor() -> bool:
    return any(not brand.own for brand in queries.settings().brands)


def own_brands() -> tuple[str, ...]:
    """The chosen brand, else the brands that are ours."""
    return filters.brands() or tuple(b.name for b in queries.settings().brands if b.own)


def share_of(buckets: list[Bucket], own: tuple[str, ...]) -> float | None:
    total = sum(bucket.counts.total for bucket in buckets)
    return sum(b.counts.total for b in buckets if b.key in own) / total if total else None


def voice_series(window: Window, own: tuple[str, ...]) -> list[float]:
    """Our mentions over those of all brands, step by step."""
    zone = words.zone().key
    ours = queries.histogram(filters.overview_query(window, brands=own), window.step, zone)
    everyone = queries.histogram(filters.overview_query(window, brands=()), window.step, zone)
    mine = {bucket.key: bucket.counts.total for bucket in ours}
    return [100 * mine.get(b.key, 0) / b.counts.total for b in everyone if b.counts.total]
