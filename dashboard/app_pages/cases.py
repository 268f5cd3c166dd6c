"""What do I answer next? The queue by time left at the left, one case at the right."""

from __future__ import annotations

import streamlit as st

from dashboard import address, case_view, frame, queries, undelivered
from dashboard.words import t
from index.documents import Case, CaseState, Customer
from index.errors import NotFound

LOOK_EVERY = 5.0  # seconds: a case is on the desk this long after it was opened, at most
QUEUES: dict[str, tuple[CaseState, ...]] = {
    "open": queries.WAITING,
    "mine": queries.WAITING,
    "praise": queries.WAITING,
    "replied": ("replied",),
    "closed": ("closed",),
}
LONGEST = 40  # cases drawn


def page() -> None:
    chosen = bool(st.session_state["case"])
    with st.container(key="cases-one" if chosen else "cases-list"):
        left, right = st.columns([5, 9], gap="medium")
        with left, st.container(key="queue-side"):
            undelivered.panel()
            queue()
        with right, st.container(key="case-side"):
            one_case()


@st.fragment(run_every=LOOK_EVERY)
def queue() -> None:
    """Redrawn by itself; what somebody types at the right is not touched."""
    counts = queries.case_counts()
    tabs(counts)
    address.write()
    waiting = listed(st.session_state["queue"])
    if not waiting:
        nothing_waiting(counts)
        return
    authors = queries.customers_named(sorted({c.customer_id for c in waiting if c.customer_id}))
    shown = st.session_state["case"] or waiting[0].id
    said = {r.mention.id: r.mention.full_text for r in queries.records([c.mention_ids[-1] for c in waiting])}
    for case in waiting[:LONGEST]:
        entry(case, authors.get(case.customer_id or ""), said.get(case.mention_ids[-1]), active=case.id == shown)
    if len(waiting) > LONGEST:
        st.caption(t("cases.more"))


def tabs(counts: dict[str, int]) -> None:
    shown = {"open": counts["open"], "mine": None, "replied": counts["replied"], "closed": None, "praise": None}
    st.segmented_control(
        t("cases.queue"),
        list(shown),
        required=True,
        format_func=lambda name: t(f"queue.{name}") + (f" {shown[name]}" if shown[name] else ""),
        key="queue",
        label_visibility="collapsed",
        persist_state="session",
    )


def listed(name: str) -> list[Case]:
    """The cases of a queue, most urgent first."""
    brand = None if st.session_state["brand"] == frame.ALL_BRANDS else st.session_state["brand"]
    return queries.cases_list(
        QUEUES[name],
        assignee=frame.reader() if name == "mine" else None,
        praise=True if name == "praise" else None,
        brand=brand,
        snoozed=name != "open",
        limit=LONGEST + 1,
    )


def nothing_waiting(counts: dict[str, int]) -> None:
    ever = any(counts[state] for state in ("new", "assigned", "replied", "closed"))
    if not ever and st.session_state["brand"] == frame.ALL_BRANDS:
        frame.empty(t("cases.none_ever"), t("cases.none_ever_help"), icon=":material/support_agent:")
    else:
        frame.empty(t("cases.none"), t("cases.none_help"), icon=":material/task_alt:")


def entry(case: Case, customer: Customer | None, said: str | None, *, active: bool) -> None:
    """One line of the queue; all of it opens the case."""
    key = f"open-case-{case.id}-{'on' if active else 'off'}"
    with st.container(border=True, key=key, gap=None):
        st.html(case_view.entry(case, customer, said))
        if st.button(t("cases.open"), key=f"pick-{case.id}", type="tertiary"):
            st.session_state["case"] = case.id
            st.rerun()


def one_case() -> None:
    case_id = st.session_state["case"] or first_waiting()
    if not case_id:
        st.html(f'<p class="muted">{t("cases.choose")}</p>')
        return
    try:
        case = queries.case(case_id)
    except NotFound:
        frame.empty(t("cases.gone"), t("cases.gone_help"), icon=":material/search_off:")
        return
    with st.container(key="back"):
        st.button(
            t("cases.back"), icon=":material/arrow_back:", type="tertiary", on_click=address.clear, args=("case",)
        )
    case_view.draw(case)
    next_case(case)


def first_waiting() -> str | None:
    waiting = listed(st.session_state["queue"])
    return waiting[0].id if waiting else None


def next_case(case: Case) -> None:
    """The key J opens the next one of the queue."""
    ids = [waiting.id for waiting in listed(st.session_state["queue"])]
    at = ids.index(case.id) if case.id in ids else -1
    following = next(iter(ids[at + 1 :] or ids[:1]), case.id)
    if following != case.id:
        st.button(
            t("cases.next"), icon=":material/skip_next:", type="tertiary", shortcut="J", key="next-case",
            on_click=address.choose, kwargs={"case": following},
        )  # fmt: skip


page()
