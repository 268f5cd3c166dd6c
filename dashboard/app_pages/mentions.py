"""Show me: search, filter, read, correct, make a case, take the list along."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cards, drawers, filters, frame, queries, safe, search_bar, words
from dashboard.folding import Card, FoldedPage
from dashboard.words import t
from index.errors import QueryError

PER_PAGE = 15
LAST_PAGE = 50  # pages are walked one by one; who wants more narrows the search or exports


@st.fragment
def page() -> None:
    search_bar.draw()
    query = filters.mention_query(address.chosen(), words.zone())
    address.write()
    try:
        total = queries.count(query)
        found = queries.folded(query, PER_PAGE, min(st.session_state["page"], LAST_PAGE))
    except QueryError as error:
        search_bar.mistake(error)
        return
    if not found.cards:
        nothing_found()
        return
    summary(total)
    cards_of(found)
    turn_pages(total, found)


def nothing_found() -> None:
    if queries.newest() is None:
        frame.empty(t("overview.empty"), t("overview.empty_help"))
        return
    frame.empty(t("mentions.nothing"), t("mentions.nothing_help"), icon=":material/search_off:")
    search_bar.clear_button("clear_nothing")


def summary(total: int) -> None:
    """How many, and the same list as a file."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="summary"):
        parts = [t("mentions.count", n=words.exact(total)), *search_bar.described()]
        st.html(f'<span class="muted">{" · ".join(safe.text(part) for part in parts)}</span>', width="content")
        search_bar.clear_button("clear")
        st.space("stretch")
        with st.popover(t("mentions.export"), icon=":material/download:", type="tertiary"):
            drawers.export_links(total)


def cards_of(found: FoldedPage) -> None:
    ids = {card.hit.record.customer_id for card in found.cards}
    customers = queries.customers_named(sorted(each for each in ids if each))
    for shown in found.cards:
        record = shown.hit.record
        with st.container(border=True, gap="xxsmall", key=f"card-{record.mention.id}"):
            st.html(cards.card(shown, customers.get(record.customer_id or "")))
            actions(record.mention.id, shown)


def actions(mention_id: str, shown: Card) -> None:
    with st.container(horizontal=True, gap="small"):
        if shown.cluster and shown.same:
            st.button(
                t("mentions.like_it", n=words.exact(shown.same)), icon=":material/content_copy:", type="tertiary",
                key=f"like-{mention_id}", on_click=address.choose, kwargs={"like": shown.cluster, "page": 1},
            )  # fmt: skip
        if st.button(
            t("mentions.make_case"), icon=":material/support_agent:", type="tertiary", key=f"case-{mention_id}"
        ):
            drawers.make_case(mention_id)
        if st.button(t("mentions.correct"), icon=":material/edit:", type="tertiary", key=f"label-{mention_id}"):
            drawers.correct(mention_id)
        if st.button(t("mentions.why"), icon=":material/help:", type="tertiary", key=f"why-{mention_id}"):
            drawers.why(mention_id)


def turn_pages(total: int, found: FoldedPage) -> None:
    """How many pages there are is known on the last one; before it, as many as without folding."""
    pages = min(-(-total // PER_PAGE), LAST_PAGE) if found.cursor else found.number
    st.session_state["page"] = min(st.session_state["page"], pages)
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="center"):
            st.pagination(pages, max_visible_pages=0, key="page", persist_state="session")
            st.caption(
                t("mentions.page_of", page=min(st.session_state["page"], pages), pages=pages), width="content"
            )
    if total > LAST_PAGE * PER_PAGE and st.session_state["page"] == LAST_PAGE:
        st.caption(t("mentions.too_many"))


page()
