"""The parts of one customer's view: contacts and their reveal, linked accounts, mentions, cases, the trail."""

from __future__ import annotations

import streamlit as st

from dashboard import address, case_view, frame, queries, safe, words
from dashboard.cards import card
from dashboard.folding import Card
from dashboard.words import t
from index.crm.linking import Proposal
from index.documents import Customer, Link
from index.errors import EarshotError
from index.query import MentionQuery

SHOWN = 5


def heading(customer: Customer) -> None:
    tags = "".join(f'<span class="label plain">{safe.text(tag)}</span> ' for tag in customer.tags)
    consent = "unknown" if customer.consent is None else "yes" if customer.consent else "no"
    tone = "positive" if consent == "yes" else "plain"
    st.html(
        f'<div class="head"><h2 class="part">{safe.text(customer.name or customer.id)}</h2>'
        f'<span class="muted">{safe.text(customer.id)}</span>{tags}'
        f'<span class="right label {tone}">{t(f"consent.{consent}")}</span></div>'
    )


def contacts(customer: Customer) -> None:
    """Masked; who wants to see them says why, and that is written down."""
    masked = queries.masked(customer)
    if not masked:
        st.caption(t("customers.no_contact"))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.html(_contact_lines(st.session_state.pop(f"_clear-{customer.id}", None) or masked), width="content")
        with st.popover(t("customers.reveal"), icon=":material/visibility:", type="tertiary"):
            why = st.text_input(t("customers.reveal_why"), key=f"why-{customer.id}", max_chars=200)
            st.caption(t("customers.reveal_help"))
            if st.button(
                t("customers.reveal_do"), type="primary", key=f"reveal-{customer.id}", disabled=not why.strip()
            ):
                _reveal(customer, why)


def _reveal(customer: Customer, why: str) -> None:
    """Shown once: the next drawing of the page is masked again."""
    clear = queries.reveal(customer.id, by=frame.reader(), reason=why.strip())
    st.session_state[f"_clear-{customer.id}"] = clear
    st.rerun()


def _contact_lines(contact: dict[str, str]) -> str:
    return " ".join(
        f'<span class="muted">{safe.text(words.name("contact", kind))}</span> <b>{safe.text(value)}</b> '
        for kind, value in contact.items()
    )


def accounts(customer: Customer) -> None:
    """Linked accounts with the evidence and a way to undo; proposals to confirm or turn down."""
    with st.container(border=True, gap="small"):
        st.html(f'<h2 class="part">{t("customers.accounts")}</h2>')
        links, proposed = queries.links(customer.id), queries.proposals(customer.id)
        for link in links:
            _link(link)
        for proposal in proposed:
            _proposal(proposal)
        if not links and not proposed:
            st.caption(t("customers.no_accounts"))
        _link_by_hand(customer)


def _line(author_id: str, evidence: str, rest: str) -> str:
    stat = queries.author(author_id)
    name = (stat and (stat.author.name or stat.author.handle)) or author_id
    platform = words.name("platform", author_id.partition(":")[0])
    kinds = t("labels.comma").join(words.name("evidence", kind) for kind in evidence.split("+"))
    why = t("customers.because", evidence=kinds)
    return (
        f'<div class="head"><b>{safe.text(name)}</b><span class="muted">{safe.text(platform)} · '
        f"{safe.text(why)} · {safe.text(rest)}</span></div>"
    )


def _link(link: Link) -> None:
    by = words.name("actor", link.by)
    with st.container(horizontal=True, vertical_alignment="center"):
        said = f"{by} · {words.when(link.at)}" + (f" · {link.reason}" if link.reason else "")
        st.html(_line(link.author_id, link.evidence, said), width="stretch")
        with st.popover(t("customers.unlink"), icon=":material/link_off:", type="tertiary"):
            reason = st.text_input(t("customers.unlink_why"), key=f"unlink-why-{link.author_id}", max_chars=200)
            st.caption(t("customers.unlink_help"))
            pressed = st.button(
                t("customers.unlink"), type="primary", key=f"unlink-{link.author_id}", disabled=not reason.strip()
            )
            if pressed:
                queries.unlink(link.author_id, link.customer_id, by=frame.reader(), reason=reason.strip())
                st.rerun()


def _proposal(proposal: Proposal) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(_line(proposal.author_id, proposal.evidence, t("customers.proposed")), width="stretch")
        if st.button(
            t("customers.confirm"), icon=":material/check:", type="tertiary", key=f"confirm-{proposal.author_id}"
        ):
            queries.link(
                proposal.author_id, proposal.customer_id, by=frame.reader(), reason=t("customers.confirmed")
            )
            st.rerun()
        if st.button(
            t("customers.reject"), icon=":material/close:", type="tertiary", key=f"reject-{proposal.author_id}"
        ):
            queries.unlink(
                proposal.author_id, proposal.customer_id, by=frame.reader(), reason=t("customers.rejected")
            )
            st.rerun()


def _link_by_hand(customer: Customer) -> None:
    with st.popover(t("customers.link"), icon=":material/add_link:", type="tertiary"):
        author_id = st.text_input(
            t("customers.account"), key=f"account-{customer.id}", placeholder="weibo:1234567", max_chars=200
        )
        reason = st.text_input(t("customers.link_why"), key=f"link-why-{customer.id}", max_chars=200)
        ready = bool(author_id.strip() and reason.strip())
        if st.button(t("customers.link"), type="primary", key=f"link-{customer.id}", disabled=not ready):
            if queries.author(author_id.strip()) is None:
                st.warning(t("customers.unknown_account"))
                return
            try:
                queries.link(author_id.strip(), customer.id, by=frame.reader(), reason=reason.strip())
            except EarshotError as error:
                st.text(words.told(str(error)))
                return
            st.rerun()


def mentions(customer: Customer) -> None:
    found = queries.mentions(MentionQuery(customers=(customer.id,)), limit=SHOWN)
    with st.container(border=True, gap="small"):
        st.html(f'<h2 class="part">{t("customers.mentions")}</h2>')
        if not found.hits:
            st.caption(t("customers.no_mentions"))
        for hit in found.hits:
            st.html(f'<div class="talk">{card(Card(hit))}</div>')


def cases(customer: Customer) -> None:
    found = queries.cases_list((), customer_id=customer.id, limit=SHOWN)
    if not found:
        return
    with st.container(border=True, gap="small"):
        st.html(f'<h2 class="part">{t("customers.cases")}</h2>')
        for case in found:
            with st.container(key=f"open-{case.id}", gap=None):
                st.html(case_view.entry(case, customer))
                st.page_link("app_pages/cases.py", label=t("cases.open"), query_params=address.link(case=case.id))


def trail(customer: Customer) -> None:
    """Who looked at the contacts, and the course of the links."""
    seen = [
        (entry.at, f"{entry.who} · {words.name('act', entry.what)}" + (f" · {entry.why}" if entry.why else ""))
        for entry in queries.audit_trail(customer.id)
    ]
    seen += [
        (link.at, f"{words.name('actor', link.by)} · {words.name('link', link.status)} · {link.author_id}")
        for link in queries.link_history(customer.id)
    ]
    if not seen:
        return
    lines = "".join(
        f'<p><span class="muted">{words.moment_text(at)}</span> {safe.text(said)}</p>'
        for at, said in sorted(seen, reverse=True)
    )
    with st.expander(t("customers.trail"), icon=":material/history:"):
        st.html(f'<div class="course">{lines}</div>')
