"""What stands around every page: its title, the brand, the period, the reader's language and name."""

from __future__ import annotations

import streamlit as st
import structlog

from dashboard import address, queries, safe, words
from dashboard.words import t
from index.errors import EarshotError

ALL_BRANDS = "*"
WITH_PERIOD = ("overview", "mentions", "influencers")
WITH_BRAND = (*WITH_PERIOD, "cases")


def draw(page: str) -> None:
    """The bar at the top of a page."""
    with st.container(horizontal=True, vertical_alignment="center", key="bar", gap="small"):
        st.html(f'<h1 class="page">{safe.text(t(f"{page}.title"))}</h1>', width="content")
        st.space("stretch")
        if page in WITH_PERIOD:
            _period()
        if page in WITH_BRAND:
            _brand()
        _reader()


def _period() -> None:
    st.segmented_control(
        t("frame.period"),
        address.PERIODS,
        required=True,
        format_func=lambda period: t(f"period.{period}"),
        key="period",
        label_visibility="collapsed",
        persist_state="session",
    )


def _brand() -> None:
    names = [brand.name for brand in queries.settings().brands]
    chosen = st.session_state["brand"]
    options = [ALL_BRANDS, *names] if chosen in (ALL_BRANDS, *names) else [ALL_BRANDS, *names, chosen]
    with st.container(width=170, key="brand-box"):
        st.selectbox(
            t("frame.brand"),
            options,
            format_func=lambda brand: t("frame.all_brands") if brand == ALL_BRANDS else brand,
            key="brand",
            label_visibility="collapsed",
            persist_state="session",
        )


def _reader() -> None:
    """Language and name: the name stands beside what this person corrects, answers and reveals."""
    with st.popover(words.LANGUAGES[words.language()], icon=":material/language:", type="tertiary", key="reader"):
        st.segmented_control(
            t("frame.language"),
            list(words.LANGUAGES),
            required=True,
            format_func=lambda lang: words.LANGUAGES[lang],
            key="lang",
            persist_state="session",
        )
        st.text_input(t("frame.name"), key="reader_name", persist_state="session", max_chars=40)
        st.caption(t("frame.name_help"))


def reader() -> str:
    """Who acts on this page."""
    return str(st.session_state.get("reader_name") or "").strip() or t("frame.nobody")


def empty(title: str, what_to_do: str, icon: str = ":material/inbox:") -> None:
    """A page or part without data says what to do next. Both texts are our own."""
    with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
        st.markdown(f"#### {icon} {title}", text_alignment="center")
        st.caption(what_to_do, text_alignment="center")


def failed(error: EarshotError) -> None:
    """What went wrong and what to do, in words; the trace is in the log."""
    structlog.get_logger(part="desk").error("page failed", error=str(error), kind=type(error).__name__)
    st.error(t("frame.failed"), icon=":material/error:")
    st.text(words.told(str(error)))
