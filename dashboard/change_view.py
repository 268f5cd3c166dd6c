"""What changed against the period before: aspects spoken of more or less, and new words."""

from __future__ import annotations

import streamlit as st

from dashboard import address, filters, news, queries, rising, safe, words
from dashboard.filters import Window
from dashboard.four_numbers import before_text
from dashboard.panels import MENTIONS, open_mentions, part
from dashboard.words import t
from index.stores.protocol import SentimentCounts

SLICES, PER_SLICE = 4, 150  # the sample of texts that rising words are counted in


def draw(window: Window, total: int, before: SentimentCounts | None) -> None:
    with part(t("overview.changed", before=before_text())):
        if before is None or not before.total:
            st.caption(t("overview.changed_first"))
            return
        changed_aspects(window, total, before.total)
        rising_words(window)


def changed_aspects(window: Window, total: int, total_before: int) -> None:
    query = filters.overview_query(window, since=window.before_since, until=window.before_until)
    found = news.changes(
        queries.aspects(filters.overview_query(window)),
        queries.aspects(query),
        total, total_before,
    )  # fmt: skip
    st.caption(t("overview.changed_aspects"))
    if not found:
        st.caption(t("overview.changed_nothing"))
    for change in found:
        aspect_change(change)


def aspect_change(change: news.Change) -> None:
    """One line: the aspect, how often before and now; all of it opens the mentions."""
    arrow = "▲" if change.now > change.before else "▼"
    rates = t("overview.per_hundred", now=f"{change.now:.1f}", before=f"{change.before:.1f}")
    key = f"open-change-{change.aspect}-{change.sentiment}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        st.html(
            f'<span class="label {change.sentiment}">{t(f"sentiment.{change.sentiment}")}</span> '
            f'{safe.text(words.name("aspect", change.aspect))} <span class="muted small">{arrow} {rates}</span>',
            width="content",
        )
        st.page_link(
            MENTIONS, label=t("overview.see"),
            query_params=address.link(aspect=[change.aspect], polarity=change.sentiment),
        )  # fmt: skip


@st.fragment
def rising_words(window: Window) -> None:
    """Words that rose. Inside a fragment: choosing one draws nothing else again."""
    now = queries.texts(filters.overview_query(window), SLICES, PER_SLICE)
    query = filters.overview_query(window, since=window.before_since, until=window.before_until)
    before = queries.texts(query, SLICES, PER_SLICE)
    known = [name for brand in queries.settings().brands for name in (brand.name, *brand.aliases, *brand.products)]
    found = rising.rising_words(now, before, known=known)
    st.caption(t("overview.rising"))
    if not found:
        st.caption(t("overview.changed_nothing"))
        return
    labels = {r.word: f"{safe.label(r.word)} · {words.percent(r.now / 100)}" for r in found}
    chosen = st.pills(
        t("overview.rising"),
        list(labels),
        format_func=lambda word: labels[word],
        label_visibility="collapsed",
        key="rising",
    )
    if chosen:
        open_mentions(q=f'"{chosen}"')
