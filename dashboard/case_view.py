"""One case: why it exists, what was said, who the customer is, the reply, the steps, the course of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import address, cards, draft_keeper, frame, queries, safe, words
from dashboard.words import t
from index.documents import Case, CaseEvent, Customer, Record
from index.errors import EarshotError

LOOK_EVERY = 5.0  # seconds between looks whether a colleague or a new post changed the case
SOON = timedelta(minutes=60)
SNOOZES = (1, 3, 24)  # hours
STATES = {"new": "accent", "assigned": "soon", "replied": "positive", "closed": "plain"}
OPEN = ("new", "assigned", "replied")


def entry(case: Case, customer: Customer | None, said: str | None = None) -> str:
    """A line of the queue: topic and time left, who and where, what they said last or else why it exists."""
    who = [author_name(case), customer_text(customer), place(case), words.when(case.updated_at)]
    return (
        f'<div class="head"><b>{safe.text(title(case))}</b><span class="right">{due_label(case)}</span></div>'
        f'<div class="muted small">{cards.unbroken(filter(None, who))}</div>'
        f'<div class="small one-line">{safe.text(said or reason(case))}</div>'
    )


def title(case: Case) -> str:
    topic = words.name("aspect", words.name("topic", case.topic))
    count = t("case.posts", n=len(case.mention_ids)) if len(case.mention_ids) > 1 else ""
    return " · ".join(filter(None, (topic, case.brand, count)))


def reason(case: Case) -> str:
    """Why it exists, in one sentence of the reader's language."""
    return case.reason_zh if words.language() == "zh" else case.reason


def author_name(case: Case) -> str:
    author = case.author
    return (author and (author.name or author.handle)) or t("card.no_author")


def place(case: Case) -> str:
    known = case.author.id if case.author else next(iter(case.mention_ids), "")
    return words.name("platform", known.partition(":")[0]) if known else ""


def customer_text(customer: Customer | None) -> str:
    if customer is None:
        return ""
    known = t("customers.orders", n=words.exact(customer.orders)) if customer.orders is not None else ""
    return " · ".join(filter(None, (customer.tier or t("card.customer"), known)))


def due_label(case: Case) -> str:
    """Time left with a colour; a case that is answered has none."""
    if case.state in ("replied", "closed"):
        return f'<span class="label {STATES[case.state]}">{t(f"state.{case.state}")}</span>'
    left = case.due_at - datetime.now(UTC)
    tone = "late" if left < timedelta() else "soon" if left < SOON else "plain"
    return f'<span class="label {tone}">{words.time_left(case.due_at)}</span>'


def draw(case: Case) -> None:
    with st.container(border=True, key="one-case", gap="small"):
        heading(case)
        changed_meanwhile(case.id, case.version, len(case.mention_ids))
        records = queries.records(list(case.mention_ids))
        conversation(case, records)
        customer(case)
        if case.state in OPEN:
            reply(case)
        steps(case)
        course(case)


def heading(case: Case) -> None:
    rest = ""
    if case.snoozed_until and case.snoozed_until > datetime.now(UTC):
        rest = f'<span class="label plain">{t("case.rests", until=words.moment_text(case.snoozed_until))}</span>'
    owner = t("case.assignee", name=case.assignee) if case.assignee else t("case.nobody")
    if case.state in ("replied", "closed"):
        owner = case.assignee or ""
    left = due_label(case) if case.state in ("new", "assigned") else ""
    st.html(
        f'<div class="head"><h2 class="part">{safe.text(title(case))}</h2>'
        f'<span class="label {STATES[case.state]}">{t(f"state.{case.state}")}</span>{rest}'
        f'<span class="muted">{safe.text(owner)}</span><span class="right">{left}</span></div>'
        f"<div>{safe.text(reason(case))}</div>"
    )


@st.fragment(run_every=LOOK_EVERY)
def changed_meanwhile(case_id: str, version: int, posts: int) -> None:
    """Says so when somebody else acted or the author wrote again; never redraws the reply by itself."""
    now = queries.case(case_id)
    if now.version == version and len(now.mention_ids) == posts:
        return
    last = now.history[-1] if now.history else None
    said = t("case.new_post") if len(now.mention_ids) > posts else t("case.changed")
    with st.container(horizontal=True, vertical_alignment="center"):
        by = f" {safe.text(last.by)}" if last and now.version != version else ""
        st.html(f'<span class="label soon">{said}{by}</span>', width="content")
        if st.button(t("case.look"), type="tertiary", icon=":material/refresh:", key=f"look-{case_id}"):
            st.rerun()


def conversation(case: Case, records: list[Record]) -> None:
    """Their posts and our answers in the order of time."""
    turns = [(r.mention.published_at, _theirs(r)) for r in records]
    turns += [(event.at, _ours(event)) for event in case.history if event.action == "replied"]
    gone = len(case.mention_ids) - len(records)
    missing = f'<p class="muted small">{t("case.deleted_posts", n=gone)}</p>' if gone else ""
    st.html("".join(turn for _, turn in sorted(turns)) + missing or f"<p>{t('mentions.gone')}</p>")


def _theirs(record: Record) -> str:
    spans = [aspect.span for aspect in record.analysis.aspects if aspect.span and aspect.sentiment == "negative"]
    return (
        f'<div class="talk">{cards.head(record)}{cards.body(record.mention, spans, whole=True)}'
        f'<div class="head">{safe.link(record.mention.url, t("card.original"))}</div></div>'
    )


def _ours(event: CaseEvent) -> str:
    return (
        f'<div class="talk ours"><div class="head muted">{safe.text(event.by)} · {words.when(event.at)}</div>'
        f'<div class="card-text">{safe.text(event.detail)}</div></div>'
    )


def customer(case: Case) -> None:
    """Orders, last order and tier of the customer; or what is known of the account."""
    known = queries.customer(case.customer_id) if case.customer_id else None
    st.html(facts(customer_facts(known)) if known else facts(author_facts(case)))
    with st.container(horizontal=True, gap="medium"):
        if known:
            st.page_link(
                "app_pages/customers.py", label=t("case.see_customer"), icon=":material/person:",
                query_params=address.link(customer=known.id),
            )  # fmt: skip
        if case.author:
            st.page_link(
                "app_pages/mentions.py", label=t("why.same_author"), icon=":material/forum:",
                query_params=address.link(writer=case.author.id, period="all", spam="show"),
            )  # fmt: skip


def facts(pairs: list[tuple[str, str]]) -> str:
    cells = "".join(f'<div><span class="muted">{safe.text(k)}</span><b>{safe.text(v)}</b></div>' for k, v in pairs)
    return f'<div class="facts">{cells}</div>'


def customer_facts(known: Customer) -> list[tuple[str, str]]:
    return [
        (t("customer.name"), known.name or words.NO_DATA),
        (t("customer.tier"), known.tier or words.NO_DATA),
        (t("customer.orders"), words.exact(known.orders)),
        (t("customer.last_order"), words.when(known.last_order_at)),
        (t("customer.what"), known.last_order or words.NO_DATA),
        (t("customer.spend"), words.money(known.spend)),
    ]


def author_facts(case: Case) -> list[tuple[str, str]]:
    author = case.author
    return [
        (t("case.author"), author_name(case)),
        (t("case.platform"), place(case) or words.NO_DATA),
        (t("case.followers"), words.number(author.followers if author else None)),
        (t("case.is_customer"), t("case.not_linked")),
    ]


@st.fragment
def reply(case: Case) -> None:
    """The draft is kept at each pause in typing, per agent, until it is sent."""
    key, by = f"draft-{case.id}", frame.reader()
    if key not in st.session_state:
        answered = case.state == "replied"  # what was sent must not be sent again by the same button
        st.session_state[key] = queries.draft(case.id, by) or ("" if answered else case.public_reply) or ""
    with st.container(key=draft_keeper.BOX):
        st.text_area(t("case.reply"), key=key, height=130, on_change=_keep_draft, args=(case.id, key, by))
    draft_keeper.keep_typing()
    other_draft(case, key, by)
    if names_customer(st.session_state[key], case):
        st.caption(f":material/lock: {t('case.private')}")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        empty = not st.session_state[key].strip()
        if st.button(t("case.send"), type="primary", icon=":material/send:", key=f"send-{case.id}", disabled=empty):
            step("reply", case, st.session_state[key], then="case.sent", done=key)
        with st.popover(t("case.copy"), icon=":material/content_copy:"):
            st.code(st.session_state.get(key, ""), language=None, wrap_lines=True)
        st.caption(t("case.draft_kept"), width="content")


def other_draft(case: Case, key: str, by: str) -> None:
    """The way between the public reply and the private message, as long as nobody has changed a word."""
    others = {case.public_reply: "private", case.draft_reply: "public"}
    if len(others) == 2 and (other := others.get(st.session_state[key])):
        text = case.draft_reply if other == "private" else case.public_reply
        st.button(
            t(f"case.use_{other}"), icon=":material/swap_horiz:", type="tertiary", key=f"other-{case.id}",
            on_click=_take_draft, args=(case.id, key, text, by),
        )  # fmt: skip


def _take_draft(case_id: str, key: str, text: str, by: str) -> None:
    st.session_state[key] = text
    _keep_draft(case_id, key, by)


def names_customer(reply: str, case: Case) -> bool:
    """Whether it says what only the CRM knows: in public it would tie an account to a person and a purchase."""
    known = queries.customer(case.customer_id) if case.customer_id else None
    return any(value and value in reply for value in (known.name, known.last_order)) if known else False


def _keep_draft(case_id: str, key: str, by: str) -> None:
    queries.save_draft(case_id, st.session_state[key], by)


def step(name: str, case: Case, *values: object, then: str, done: str | None = None) -> None:
    """Take a step on the case as it was shown; `done` is the key of a text it used up. Says what went wrong, such
    as that somebody was faster."""
    try:
        queries.case_step(name, case.id, *values, by=frame.reader(), seen=case.version)
    except EarshotError as error:
        st.warning(t("case.not_done"), icon=":material/info:")
        st.text(words.told(str(error)))
        return
    if done:
        del st.session_state[done]
    st.toast(t(then), icon=":material/check:")
    st.rerun()


def steps(case: Case) -> None:
    with st.container(horizontal=True, gap="small"):
        if case.state in OPEN:
            _assign(case)
        if case.state in ("new", "assigned"):
            _snooze(case)
        if case.state in OPEN:
            _with_text("close", case, "case.close_reason", ":material/check_circle:")
        if case.state in ("replied", "closed"):
            _reopen(case)
        _with_text("note", case, "case.note_text", ":material/sticky_note_2:")


def _assign(case: Case) -> None:
    if case.assignee != frame.reader() and st.button(
        t("case.take"), icon=":material/back_hand:", key=f"take-{case.id}"
    ):
        step("assign", case, frame.reader(), then="case.assigned")
    _with_text("assign", case, "case.assign_to", ":material/person_add:")


def _snooze(case: Case) -> None:
    with st.popover(t("case.snooze"), icon=":material/snooze:"):
        for hours in SNOOZES:
            if st.button(t("case.snooze_hours", n=hours), key=f"snooze-{hours}-{case.id}", width="stretch"):
                step("snooze", case, datetime.now(UTC) + timedelta(hours=hours), then="case.snoozed")


def _reopen(case: Case) -> None:
    if st.button(t("case.reopen"), icon=":material/undo:", key=f"reopen-{case.id}"):
        step("reopen", case, then="case.reopened")


def _with_text(name: str, case: Case, label: str, icon: str) -> None:
    """A step that needs a word: to whom, why, what."""
    act: Callable[..., object] = _note if name == "note" else step
    with st.popover(t(f"case.{name}"), icon=icon):
        text = st.text_input(t(label), key=f"{name}-text-{case.id}", max_chars=500)
        if st.button(t(f"case.{name}_do"), key=f"{name}-{case.id}", type="primary", disabled=not text.strip()):
            act(name, case, text, then=f"case.{name}_done")


def _note(_name: str, case: Case, text: str, *, then: str) -> None:
    queries.case_step("note", case.id, text, by=frame.reader())
    st.toast(t(then), icon=":material/check:")
    st.rerun()


def course(case: Case) -> None:
    """Who did what and when."""
    lines = "".join(_event(event) for event in reversed(case.history))
    with st.expander(t("case.course", n=len(case.history)), icon=":material/history:"):
        st.html(f'<div class="course">{lines}</div>')


def _event(event: CaseEvent) -> str:
    who, did = words.name("actor", event.by), words.name("event", event.action)
    return (
        f'<p><span class="muted nowrap">{words.moment_text(event.at)}</span> <b>{safe.text(who)}</b>'
        f" {safe.text(did)} {_detail(event)}</p>"
    )


def _detail(event: CaseEvent) -> str:
    """The words of a step; ids of posts mean nothing to a reader."""
    if event.detail is None or event.action in ("opened", "mention"):
        return ""
    if event.action == "snoozed":
        return safe.text(words.moment_text(datetime.fromisoformat(event.detail)))
    return f"“{safe.text(event.detail)}”"
