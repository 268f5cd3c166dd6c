"""The search box and the filters of the Mentions page. Each widget's key is its name in the URL."""

from __future__ import annotations

import streamlit as st

from dashboard import address, queries, safe, words
from dashboard.words import t
from index.errors import QueryError
from index.stores.protocol import Facet

SENTIMENTS = ("negative", "neutral", "positive", "unsure")
FILTERS = (
    "platform",
    "aspect",
    "polarity",
    "intent",
    "language",
    "reach",
    "linked",
    "spam",
    "since",
    "until",
    "writer",
)
ALL = (*FILTERS, "like", "q", "sentiment", "page")


def draw() -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="search"):
        _box()
        _sentiments()
        with st.popover(_filters_title(), icon=":material/tune:", key="filters"):
            _filters()
        _order()


def _box() -> None:
    with st.container(width="stretch", key="search-box"):
        st.text_input(
            t("mentions.search"),
            key="q",
            type="search",
            placeholder=t("mentions.examples"),
            live=True,
            label_visibility="collapsed",
            persist_state="session",
            on_change=first_page,
            max_chars=400,
        )


def first_page() -> None:
    """Another list starts at its beginning."""
    address.choose(page=1)


def _sentiments() -> None:
    st.pills(
        t("chart.sentiment"),
        SENTIMENTS if "unsure" in queries.known_values("sentiment") else SENTIMENTS[:3],
        selection_mode="multi",
        format_func=lambda value: words.name("sentiment", value),
        key="sentiment",
        label_visibility="collapsed",
        persist_state="session",
        on_change=first_page,
    )


def _filters_title() -> str:
    active = sum(st.session_state[name] != address.KEYS[name].default for name in FILTERS)
    return t("mentions.filters_n", n=active) if active else t("mentions.filters")


def _filters() -> None:
    _several("platform", "platform")
    _several("aspect", "aspect")
    if st.session_state["aspect"]:
        _one_of("polarity")
    _several("intent", "intent")
    _several("language", "lang")
    _one_of("reach")
    _one_of("linked")
    _one_of("spam")
    left, right = st.columns(2)
    for name, column in (("since", left), ("until", right)):
        column.date_input(t(f"filter.{name}"), value=None, key=name, persist_state="session", on_change=first_page)
    clear_button("clear_filters")


def _several(name: str, facet: Facet) -> None:
    """A filter over the values that occur; values from the URL that do not occur stay visible."""
    known = queries.known_values(facet)
    options = [*known, *(value for value in st.session_state[name] if value not in known)]
    st.multiselect(
        t(f"filter.{name}"),
        options,
        format_func=lambda value: words.name(facet, value),
        placeholder=t("filter.any"),
        key=name,
        persist_state="session",
        on_change=first_page,
    )


def _one_of(name: str) -> None:
    st.segmented_control(
        t(f"filter.{name}"),
        address.KEYS[name].choices,
        required=True,
        format_func=lambda value: t(f"filter_{name}.{value}"),
        key=name,
        persist_state="session",
        on_change=first_page,
    )


def _order() -> None:
    with st.container(width=130, key="order-box"):
        st.selectbox(
            t("mentions.order"),
            address.KEYS["sort"].choices,
            format_func=lambda value: t(f"order.{value}"),
            key="sort",
            label_visibility="collapsed",
            persist_state="session",
            on_change=first_page,
        )


def described() -> list[str]:
    """The chosen restrictions in words."""
    chosen = st.session_state
    said = []
    if not chosen["since"] and not chosen["until"]:
        said.append(t(f"period_name.{chosen['period']}"))
    else:
        said.append(f"{chosen['since'] or ''} – {chosen['until'] or ''}")
    for name, kind in (("platform", "platform"), ("aspect", "aspect"), ("intent", "intent"), ("language", "lang")):
        said += [words.name(kind, value) for value in chosen[name]]
    for name in ("polarity", "reach", "linked"):
        if chosen[name] != "any":
            said.append(t(f"filter_{name}.{chosen[name]}"))
    if chosen["writer"]:
        said.append(t("mentions.by_writer", name=_writer_name(chosen["writer"])))
    if chosen["like"]:
        said.append(t("mentions.alike"))
    return said


def _writer_name(author_id: str) -> str:
    found = queries.author(author_id)
    return (found and (found.author.name or found.author.handle)) or author_id


def clear_button(key: str) -> None:
    if any(st.session_state[name] != address.KEYS[name].default for name in ALL):
        st.button(
            t("mentions.clear"), type="tertiary", icon=":material/close:", key=key, on_click=address.clear, args=ALL
        )


def mistake(error: QueryError) -> None:
    """What cannot be read and where: the bad character stands out under what was typed."""
    st.error(t("mentions.bad_query"), icon=":material/error:")
    at = min(error.position, len(error.query))
    shown = error.query if at < len(error.query) else error.query + " "
    st.html(f'<pre class="pointer">{safe.marked(shown, [(at, at + 1)])}</pre>')
    st.text(words.told(str(error)))
    st.caption(t("mentions.examples_help"))
