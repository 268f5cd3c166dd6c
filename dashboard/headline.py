"""The first line of the overview: one sentence written from the data, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import address, filters, news, queries, safe, words
from dashboard.panels import MENTIONS
from dashboard.words import t
from index.query import MentionQuery
from index.stores.protocol import Bucket, SentimentCounts


def draw(steps: Sequence[Bucket], before: SentimentCounts | None) -> None:
    """One sentence from the data of the period (`steps`: its histogram) and where to look."""
    burst = latest_burst()
    sentence, tone = (burst_sentence(burst), "negative") if burst else (calm_sentence(steps, before), "accent")
    with st.container(gap="xsmall", key="news"):
        st.html(f'<div class="news {tone}">{sentence}{cases_sentence()}{sources_sentence()}</div>')
        with st.container(horizontal=True, gap="medium"):
            if burst:
                days = {"since": burst.start.date(), "until": burst.end.date(), "sentiment": ["negative"]}
                st.page_link(
                    MENTIONS, label=t("overview.see_burst"), icon=":material/arrow_forward:",
                    query_params=address.link(**days),
                )  # fmt: skip
            if queries.case_counts()["open"]:
                st.page_link(
                    "app_pages/cases.py", label=t("overview.see_cases"), icon=":material/arrow_forward:",
                    query_params=address.link(),
                )  # fmt: skip


def latest_burst() -> news.Burst | None:
    now = datetime.now(UTC)
    since = now.replace(minute=0, second=0, microsecond=0) - news.HISTORY
    query = MentionQuery(since=since, brands=filters.brands(), sentiments=("negative",), hide_spam=True)
    hours = queries.histogram(query, "hour", words.zone().key)
    found = news.find_burst(hours, now.astimezone(words.zone()).replace(tzinfo=None))
    return None if found and is_a_file_without_times(within(found)) else found


def is_a_file_without_times(query: MentionQuery) -> bool:
    """All rows of such a file bear the file's own date: many at once, and no news."""
    some = queries.mentions(query, limit=20).hits
    return 2 * sum(hit.record.mention.time_unknown for hit in some) > len(some)


def within(burst: news.Burst) -> MentionQuery:
    """The negative mentions of a burst."""
    return negative(burst.start, burst.end)


def negative(start: datetime, end: datetime) -> MentionQuery:
    """The negative mentions between two moments of the reader's clock."""
    zone = words.zone()
    return MentionQuery(
        since=start.replace(tzinfo=zone).astimezone(UTC),
        until=end.replace(tzinfo=zone).astimezone(UTC),
        brands=filters.brands(),
        sentiments=("negative",),
        hide_spam=True,
    )


def burst_sentence(burst: news.Burst) -> str:
    """Since when, how much above the usual, what about, where."""
    zone, query = words.zone(), within(burst)
    platforms = queries.facets(query, "platform", size=3)["platform"]
    start = words.moment_text(burst.start.replace(tzinfo=zone))
    over = burst.end.replace(tzinfo=zone) < datetime.now(UTC) - timedelta(hours=1)
    end = words.moment_text(burst.end.replace(tzinfo=zone)) if over else None
    when = t("overview.burst_between", start=start, end=end) if end else t("overview.burst_since", start=start)
    amount = (
        t("overview.burst_times", times=f"{burst.times:.0f}", n=words.exact(burst.negatives))
        if burst.times
        else t("overview.burst_new", n=words.exact(burst.negatives))
    )
    return when + amount + topic(query, queries.aspects(query, most=3)) + place(platforms, burst.negatives)


def topic(query: MentionQuery, aspects: list[Bucket]) -> str:
    """Mostly about which aspect, in whose words."""
    worst = max(aspects, key=lambda bucket: bucket.counts.negative, default=None)
    if worst is None or not worst.counts.negative:
        return ""
    words_used = common_evidence(query, worst.key)
    name = safe.text(words.name("aspect", worst.key))
    if words_used:
        return t("overview.burst_topic_words", aspect=name, words=safe.text(words_used))
    return t("overview.burst_topic", aspect=name)


def common_evidence(query: MentionQuery, aspect: str) -> str | None:
    """The words most often taken as evidence for a negative `aspect` among the newest fifty."""
    page = queries.mentions(query, limit=50)
    said = [
        a.evidence
        for hit in page.hits
        for a in hit.record.analysis.aspects
        if a.name == aspect and a.sentiment == "negative" and a.evidence and len(a.evidence) <= 12
    ]
    return max(sorted(set(said)), key=said.count) if said else None


def place(platforms: list[Bucket], total: int) -> str:
    if not platforms or not total:
        return ""
    top = platforms[0]
    share = min(1.0, top.counts.negative / total)
    name = safe.text(words.name("platform", top.key))
    return t("overview.burst_place", platform=name, share=words.percent(share))


def calm_sentence(steps: Sequence[Bucket], before: SentimentCounts | None) -> str:
    """No burst now: how the period compares, and the peak it had."""
    counts = news.total(steps)
    net = None if counts.net is None else counts.net * 100
    period = t(f"period_name.{st.session_state['period']}")
    sentence = t(
        "overview.calm", period=period, n=words.number(counts.total), net=words.signed(net),
        change=change_text(counts, before),
    )  # fmt: skip
    return sentence + peak_sentence(steps) + without_times(steps)


def without_times(steps: Sequence[Bucket]) -> str:
    """A file without times makes the day it was read look busy, and what is compared with it."""
    high = news.peaks(steps)
    days = sorted(set(high) - set(peaks(steps)))
    return t("overview.without_times", day=safe.text(_day(days[-1]))) if days else ""


def _day(step: str) -> str:
    """11-21 and 11-21 20:00."""
    return step[5:].replace("T", " ")


def change_text(counts: SentimentCounts, before: SentimentCounts | None) -> str:
    change = news.relative(counts.total, before.total if before else None)
    if change is None:
        return ""
    key = "same" if abs(change) < 5 else "more" if change > 0 else "less"
    return t(f"overview.calm_{key}", change=f"{abs(change):.0f}")


def peaks(steps: Sequence[Bucket]) -> list[str]:
    """Keys of the steps that stand out. A day on which a file without times was read is not one of them."""
    return [key for key in news.peaks(steps) if not is_a_file_without_times(negative_on(key))]


def negative_on(step: str) -> MentionQuery:
    """The negative mentions of one step of a histogram."""
    start = datetime.fromisoformat(step)
    return negative(start, start + timedelta(hours=1 if len(step) > len("2026-11-30") else 24))


def peak_sentence(steps: Sequence[Bucket]) -> str:
    """A burst that is over is no alarm, and is not nothing either."""
    high = set(peaks(steps))
    worst = max((b for b in steps if b.key in high), key=lambda bucket: bucket.counts.negative, default=None)
    if worst is None:
        return t("overview.calm_quiet")
    if worst.key == f"{datetime.now(UTC).astimezone(words.zone()):%Y-%m-%d}":
        return t("overview.calm_peak_today", n=words.exact(worst.counts.negative))
    return t("overview.calm_peak", day=safe.text(_day(worst.key)), n=words.exact(worst.counts.negative))


def cases_sentence() -> str:
    counts = queries.case_counts()
    if not counts["open"]:
        return t("overview.cases_none")
    late = t("overview.cases_late", n=counts["overdue"]) if counts["overdue"] else ""
    return t("overview.cases_open", n=counts["open"], late=late)


def sources_sentence() -> str:
    """A silent source makes every number here too small: say so."""
    deaf = [s for s in queries.source_health() if s.state in ("silent", "blocked", "failing")]
    return t("overview.sources_deaf", n=len(deaf)) if deaf else ""
