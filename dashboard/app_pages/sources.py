"""Is it hearing, and can its labels be trusted? Each source: when it was last heard, what is wrong, what to do."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime

import streamlit as st

from dashboard import frame, label_check, label_view, queries, safe, words
from dashboard.words import t
from index.inbox.protocol import Quarantined
from index.settings import Source
from index.sources import SourceHealth

LOOK_EVERY = 10.0  # seconds
TONES = {
    "ok": "positive",
    "silent": "soon",
    "failing": "soon",
    "blocked": "late",
    "never": "plain",
    "disabled": "plain",
}
ENDS = ("saved", "duplicate", "unmatched", "retried", "put_back", "given_up", "quarantined", "waiting", "leased")
FILE = "file:"  # how the name of a source begins that is a file
SHOWN = 20  # quarantined entries at once
EXCERPT = 600  # characters of a raw item


def page() -> None:
    st.caption(t("sources.about"))
    health()
    label_view.draw()
    label_check.draw()
    label_view.draw_own()
    quarantine()


@st.fragment(run_every=LOOK_EVERY)
def health() -> None:
    found = queries.source_health()
    if not found:
        frame.empty(t("sources.none"), t("sources.none_help"), icon=":material/sensors_off:")
        return
    ends = queries.ends()
    configured = {source.name: source for source in queries.settings().sources}
    with st.grid("auto", min_column_width=360, gap="small"):
        for source in found:
            with st.container(border=True, gap="xsmall", height="stretch"):
                st.html(one_source(source, configured.get(source.name), ends.get(source.name, {})))


def one_source(source: SourceHealth, configured: Source | None, ends: dict[str, int]) -> str:
    """State, last seen against the expected rhythm, the error in words, the ends."""
    return (
        f'<div class="head"><b>{safe.text(title(source.name))}</b>'
        f'<span class="muted">{safe.text(platform_of(source))}</span>'
        f'<span class="right label {TONES[source.state]}">{t(f"source_state.{source.state}")}</span></div>'
        f'<p class="small">{safe.text(rhythm(source, configured))}</p>{trouble(source)}{ends_line(ends)}'
    )


def title(source: str) -> str:
    """The name of a source; of a file, the file's."""
    return source.removeprefix(FILE)


def platform_of(source: SourceHealth) -> str:
    if source.platform:
        return words.name("platform", source.platform)
    return t("platform.file") if source.name.startswith(FILE) else ""


def rhythm(source: SourceHealth, configured: Source | None) -> str:
    """When it was last heard, how often it is asked, when silence alarms."""
    seen = (
        t("sources.seen", when=words.when(source.last_seen_at)) if source.last_seen_at else t("sources.never_seen")
    )
    if configured is None:
        return f"{seen} · {t('sources.no_rhythm')}"
    every, silent = words.span_text(configured.every), words.span_text(configured.silent_after)
    asked = (
        t("sources.asked", when=words.when(source.last_poll_at)) if source.last_poll_at else t("sources.not_asked")
    )
    return " · ".join((seen, asked, t("sources.rhythm", every=every, silent=silent)))


def trouble(source: SourceHealth) -> str:
    """What is wrong, what to do, and the source's own words."""
    if source.state == "silent":
        return f'<p class="trouble">{t("trouble.silent")}</p>'
    if source.error_kind is None:
        return ""
    following = t("sources.again", when=words.moment_text(source.next_poll_at)) if source.next_poll_at else ""
    return (
        f'<p class="trouble">{t(f"trouble.{source.error_kind}")}{following}'
        f'<br><span class="muted">{safe.text(words.told(source.last_error or "")[:EXCERPT])}</span></p>'
    )


def ends_line(ends: dict[str, int]) -> str:
    """Where its mentions ended; a kind that never happened is left out."""
    if not any(ends.values()):
        return f'<p class="muted small">{t("sources.no_ends")}</p>'
    cells = "".join(
        f'<div><span class="muted">{t(f"end.{name}")}</span><b>{words.exact(ends[name])}</b></div>'
        for name in ENDS
        if ends.get(name)
    )
    return f'<div class="facts narrow">{cells}</div>'


@st.fragment
def quarantine() -> None:
    """What could not be used, raw and with the reason; once the cause is mended, it is mapped again."""
    st.html(f'<h2 class="part">{t("sources.quarantine")}</h2>')
    found = queries.quarantined(limit=SHOWN)
    if not found:
        st.caption(t("sources.quarantine_empty"))
        return
    st.caption(t("sources.quarantine_help"))
    if st.button(t("sources.replay_all", n=len(found)), icon=":material/replay:", key="replay-all"):
        replayed([entry.id for entry in found])
    for entry in found:
        one_entry(entry)


def one_entry(entry: Quarantined) -> None:
    with st.container(border=True, gap="xsmall"):
        facts = " · ".join(filter(None, (words.when(entry.at), place(entry.place))))
        given_up = f'<span class="label soon">{t("end.given_up")}</span>' if entry.given_up else ""
        st.html(
            f'<div class="head"><b>{safe.text(title(entry.source))}</b>'
            f'<span class="muted">{safe.text(facts)}</span>'
            f"{given_up}</div><div>{safe.text(words.told(entry.reason))}</div>"
        )
        with st.container(horizontal=True, gap="small"):
            if st.button(t("sources.replay"), icon=":material/replay:", type="tertiary", key=f"replay-{entry.id}"):
                replayed([entry.id])
            with st.popover(t("sources.raw"), icon=":material/data_object:", type="tertiary"):
                st.code(readable(entry.raw), language=None, wrap_lines=True)


def place(said: str | None) -> str:
    """`row 17` and `Sheet1 row 17` in the reader's language; anything else as it is."""
    found = re.fullmatch(r"(?:(?P<sheet>.+) )?row (?P<n>\d+)", said or "", re.DOTALL)
    if not found:
        return said or ""
    row = t("sources.row", n=found["n"])
    return f"{found['sheet']} · {row}" if found["sheet"] else row


def readable(raw: bytes) -> str:
    """The raw item, indented when it is JSON, cut to a screen."""
    text = raw.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    return text if len(text) <= 4 * EXCERPT else text[: 4 * EXCERPT] + " …"


def replayed(ids: list[int]) -> None:
    again, kept = queries.replay(ids)
    at = f"{datetime.now(UTC).astimezone(words.zone()):%H:%M}"
    st.toast(t("sources.replayed", again=again, kept=kept, at=at), icon=":material/replay:")
    st.rerun()


page()
