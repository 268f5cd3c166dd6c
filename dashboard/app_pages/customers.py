"""Who is this to us: one customer with orders, accounts and their evidence, mentions, cases; contacts masked."""

from __future__ import annotations

import streamlit as st

from dashboard import address, case_view, customer_view, frame, queries, safe, words
from dashboard.words import t
from index.documents import Customer

SHOWN = 30


def page() -> None:
    chosen = st.session_state["customer"]
    with st.container(key="cases-one" if chosen else "cases-list"):
        left, right = st.columns([4, 9], gap="medium")
        with left, st.container(key="queue-side"):
            finder()
        with right, st.container(key="case-side"):
            one_customer(chosen or first_found())


def first_found() -> str:
    """On a wide screen one is open beside the list; a phone shows the list alone."""
    found = queries.customers(st.session_state["find"], 1)
    return found[0].id if found else ""


@st.fragment
def finder() -> None:
    st.text_input(
        t("customers.find"), key="find", type="search", placeholder=t("customers.find_example"), live=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    address.write()
    found = queries.customers(st.session_state["find"], SHOWN)
    counts = queries.customer_counts()
    if not counts["customers"]:
        frame.empty(t("customers.none"), t("customers.none_help"), icon=":material/group:")
        return
    st.caption(t("customers.counts", n=words.exact(counts["customers"]), linked=words.exact(counts["linked"])))
    if not found:
        st.caption(t("customers.not_found"))
    for customer in found:
        entry(customer, st.session_state["customer"] or found[0].id)
    if len(found) == SHOWN and counts["customers"] > SHOWN:
        st.caption(t("customers.more", n=SHOWN))


def entry(customer: Customer, shown: str) -> None:
    active = "on" if customer.id == shown else "off"
    with st.container(border=True, key=f"open-case-{customer.id}-{active}", gap=None):
        facts = [
            customer.tier,
            t("customers.orders", n=words.exact(customer.orders)),
            words.when(customer.last_order_at),
        ]
        st.html(
            f'<div class="head"><b>{safe.text(customer.name or customer.id)}</b>'
            f'<span class="right muted">{safe.text(customer.id)}</span></div>'
            f'<div class="muted small">{safe.text(" · ".join(fact for fact in facts if fact))}</div>'
        )
        if st.button(t("cases.open"), key=f"pick-{customer.id}", type="tertiary"):
            st.session_state["customer"] = customer.id
            st.rerun()


def one_customer(customer_id: str) -> None:
    if not customer_id:
        return  # the list says what to do
    customer = queries.customer(customer_id)
    if customer is None:
        frame.empty(t("customers.gone"), t("customers.gone_help"), icon=":material/search_off:")
        return
    with st.container(key="back"):
        st.button(
            t("customers.back"),
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=address.clear,
            args=("customer",),
        )
    with st.container(border=True, gap="small"):
        customer_view.heading(customer)
        st.html(case_view.facts(case_view.customer_facts(customer)[1:]))  # the name is the title
        customer_view.contacts(customer)
    customer_view.accounts(customer)
    customer_view.mentions(customer)
    customer_view.cases(customer)
    customer_view.trail(customer)


page()
