"""Alerts that no channel took: how many, why, and one button that sends them again."""

from __future__ import annotations

import streamlit as st

from dashboard import frame, safe, words
from dashboard.handles import desk
from dashboard.words import t
from index.alerts.delivery import Delivery, deliveries, send_again

LOOK_EVERY = 30.0  # seconds: giving up took hours, a panel half a minute late does no harm
AT_ONCE = 500  # sent again by one click


@st.fragment(run_every=LOOK_EVERY)
def panel() -> None:
    """Redrawn by itself, apart from queue and case; nothing when every alert arrived."""
    here = desk()
    found = here.ask(deliveries, here.cases.records, "given_up", limit=AT_ONCE)
    if not found:
        return
    with st.container(border=True, key="undelivered", gap="xsmall"):
        st.html(f"<b>{t('undelivered.title', n=len(found))}</b>" + "".join(map(_line, _by_channel(found))))
        ids = [one.id for one in found]
        st.button(t("undelivered.again"), icon=":material/replay:", key="send-again", on_click=_send, args=(ids,))


def _by_channel(found: list[Delivery]) -> list[list[Delivery]]:
    names = sorted({one.channel for one in found})
    return [[one for one in found if one.channel == name] for name in names]


def _line(of_channel: list[Delivery]) -> str:
    """One channel with the newest reason, which may quote what the receiver answered."""
    newest = of_channel[0]
    reason = safe.text(words.told(newest.error or ""))
    count = t("undelivered.count", n=len(of_channel))
    return f'<div>{safe.text(newest.channel)} · {count}</div><div class="muted small">{reason}</div>'


def _send(ids: list[int]) -> None:
    here = desk()
    again = here.ask(send_again, here.cases.records, ids, by=frame.reader())
    st.toast(t("undelivered.sent", n=again), icon=":material/replay:")
