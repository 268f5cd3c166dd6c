"""Is anything wrong, and what changed? One screen: the news, four numbers, volume, aspects, voice, changes."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import address, change_view, charts, filters, four_numbers, frame, headline, news, queries, words
from dashboard.filters import Window
from dashboard.panels import drawn, open_mentions, part
from dashboard.words import t
from index.stores.protocol import Bucket, SentimentCounts


def page() -> None:
    window = filters.current_window()
    steps = queries.histogram(filters.overview_query(window), window.step, words.zone().key)
    counts = news.total(steps)
    if not counts.total:
        nothing_here()
        return
    before = counts_before(window)
    headline.draw(steps, before)
    four_numbers.draw(window, steps, counts, before)
    left, right = st.columns([2, 1], gap="small")
    with left:
        volume(window, steps)
    with right:
        aspects(window)
    left, right = st.columns(2, gap="small")
    with left:
        places = platforms(window)
    with right:
        brands = voice(window)
    if window.before_since:
        with left if places < brands else right:  # under the shorter picture
            change_view.draw(window, counts.total, before)


def nothing_here() -> None:
    newest = queries.newest()
    if newest is None:
        frame.empty(t("overview.empty"), t("overview.empty_help"))
        return
    frame.empty(t("overview.quiet"), t("overview.quiet_help", newest=words.moment_text(newest)))
    st.button(t("overview.show_all"), on_click=address.choose, kwargs={"period": "all", "brand": None})


def counts_before(window: Window) -> SentimentCounts | None:
    """The same stretch before, None when the period is open."""
    if window.before_since is None:
        return None
    query = filters.overview_query(window, since=window.before_since, until=window.before_until)
    return news.total(queries.histogram(query, "day", words.zone().key))


# the charts: every bar opens the mentions behind it


def volume(window: Window, steps: list[Bucket]) -> None:
    marks = dict.fromkeys(headline.peaks(steps), t("chart.peak"))
    title = "overview.volume_hours" if window.step == "hour" else "overview.volume"
    with part(t(title), legend=True):
        picked = drawn(charts.volume(steps, marks, ends(window)), "chart_volume")
    if picked:
        day = datetime.fromisoformat(picked["step"]).date()
        open_mentions(since=day, until=day, sentiment=[picked["sentiment"]])


def ends(window: Window) -> tuple[str, str] | None:
    """The first and the last step of the period, as the store names them; None when it is open."""
    if window.since is None:
        return None
    form = "%Y-%m-%dT%H:00" if window.step == "hour" else "%Y-%m-%d"
    first, last = (moment.astimezone(words.zone()).strftime(form) for moment in (window.since, datetime.now(UTC)))
    return first, last


def aspects(window: Window) -> None:
    found = queries.aspects(filters.overview_query(window), most=7)
    with part(t("overview.aspects")):
        if not found:
            st.caption(t("overview.no_aspects"))
            return
        picked = drawn(charts.shares(found, "aspect"), "chart_aspects")
    if picked:
        open_mentions(aspect=[picked["key"]], polarity=picked["sentiment"])


def platforms(window: Window) -> int:
    """How many bars there are."""
    found = queries.facets(filters.overview_query(window), "platform", size=8)["platform"]
    with part(t("overview.platforms")):
        picked = drawn(charts.shares(found, "platform"), "chart_platforms")
    if picked:
        open_mentions(platform=[picked["key"]], sentiment=[picked["sentiment"]])
    return len(found)


def voice(window: Window) -> int:
    """How many bars there are."""
    found = queries.facets(filters.overview_query(window, brands=()), "brand", size=8)["brand"]
    own = {brand.name for brand in queries.settings().brands if brand.own}
    with part(t("overview.brands")):
        if len(found) < 2 and not four_numbers.has_competitor():
            st.caption(t("overview.no_brands"))
            return 0
        picked = drawn(charts.voice(found, own), "chart_voice")
    if picked:
        open_mentions(brand=picked["key"])
    return len(found)


page()
