"""Checking a random sample: one mention at a time, the model's label hidden until a person gave theirs."""

from __future__ import annotations

import streamlit as st

from dashboard import cards, frame, label_form, label_queries, queries, safe, words
from dashboard.words import t
from index.documents import Record
from index.errors import NotFound

AT_ONCE = 10  # a few minutes; thirty of a platform and language make a number
ANY = "*"


@st.fragment
def draw() -> None:
    """Drawn anew by itself, so that answering does not reload the page until its numbers have changed."""
    if st.session_state.pop("_check_ended", False):
        st.rerun()
    left: list[str] = st.session_state.get("_check", [])
    if not left:
        start()
        return
    try:
        one(queries.record(left[0]), len(left))
    except NotFound:
        st.info(t("mentions.gone"))
        st.button(t("check.next"), key="check-next", on_click=turn)


def start() -> None:
    st.caption(t("check.about"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            t("check.where"),
            [ANY, *queries.known_values("platform")],
            format_func=lambda name: t("check.everywhere") if name == ANY else words.name("platform", name),
            key="check-platform",
            width=190,
        )
        st.button(t("check.start", n=AT_ONCE), icon=":material/checklist:", key="check-start", on_click=begin)


def begin() -> None:
    platform = st.session_state["check-platform"]
    drawn = label_queries.draw_sample(None if platform == ANY else platform, AT_ONCE)
    st.session_state["_check"], st.session_state["_check_size"] = drawn, len(drawn)
    if not drawn:
        st.toast(t("check.nothing"), icon=":material/info:")


def one(record: Record, left: int) -> None:
    size = st.session_state["_check_size"]
    with st.container(border=True, gap="small", key="check"):
        st.html(
            f'<div class="head"><b>{safe.text(cards.author_name(record.mention))}</b>'
            f'<span class="muted">{cards.facts(record.mention)}</span>'
            f'<span class="right muted">{t("check.place", n=size - left + 1, of=size)}</span></div>'
            + cards.body(record.mention, whole=True)
        )
        with st.container(horizontal=True, gap="small"):
            for label in label_form.LABELS:
                st.button(label_form.signed(label), key=f"check-{label}", on_click=answer, args=(record, label))
            st.button(
                t("check.unsure"), type="tertiary", key="check-unsure", on_click=answer, args=(record, "unsure")
            )
            st.space("stretch")
            st.button(t("check.stop"), type="tertiary", key="check-stop", on_click=end)


def answer(record: Record, label: str) -> None:
    """Keep it, and say what the model had said."""
    label_queries.correct(record.mention.id, "sentiment", label, frame.reader(), drawn=True)
    said = record.analysis.sentiment
    key = "check.agreed" if said == label else "check.differed"
    st.toast(t(key, label=words.name("sentiment", said)))
    turn()


def turn() -> None:
    st.session_state["_check"] = st.session_state["_check"][1:]
    st.session_state["_check_ended"] = not st.session_state["_check"]


def end() -> None:
    st.session_state["_check"], st.session_state["_check_ended"] = [], True
