"""From what the reader chose to a question for the store: periods, and the filters of the Mentions page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import words
from index.query import MentionQuery

Step = Literal["hour", "day"]
DAYS = {"7d": 7, "30d": 30, "90d": 90}
COARSE = timedelta(minutes=5)  # "now" is rounded to this, so that the same question can be answered once


class Window(NamedTuple):
    """A stretch of time and the equally long one before it; None is open. `step` is the bar of a chart."""

    since: datetime | None
    until: datetime | None
    before_since: datetime | None
    before_until: datetime | None
    step: Step


def window(period: str, now: datetime, zone: ZoneInfo) -> Window:
    """The stretch of a period such as "30d": whole days of the reader's zone and today so far.

    The stretch before ends at the same time of day, so that half a day is not compared with a whole one.
    """
    now = datetime.fromtimestamp(now.timestamp() // COARSE.seconds * COARSE.seconds, UTC)
    if period == "24h":
        since = now.replace(minute=0) - timedelta(hours=23)
        return Window(since, None, since - timedelta(hours=24), now - timedelta(hours=24), "hour")
    if period not in DAYS:
        return Window(None, None, None, None, "day")
    days = DAYS[period]
    today = now.astimezone(zone).date()
    since = midnight(today - timedelta(days=days - 1), zone)
    return Window(
        since, None, midnight(today - timedelta(days=2 * days - 1), zone), now - timedelta(days=days), "day"
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def current_window(now: datetime | None = None) -> Window:
    """The window of the chosen period."""
    return window(st.session_state["period"], now or datetime.now(UTC), words.zone())


def brands(brand: str | None = None) -> tuple[str, ...]:
    """The chosen brand as a filter; empty for all."""
    brand = brand or st.session_state["brand"]
    return () if brand == "*" else (brand,)


def overview_query(window: Window, **more: Any) -> MentionQuery:
    """Mentions of the chosen brand in the chosen period, spam left out."""
    question = {"since": window.since, "until": window.until, "brands": brands(), "hide_spam": True}
    return MentionQuery(**(question | more))


def mention_query(chosen: Mapping[str, Any], zone: ZoneInfo, now: datetime | None = None) -> MentionQuery:
    """Exactly the list of the Mentions page, from the choices named in address.KEYS."""
    since, until = _dates(chosen, zone, now or datetime.now(UTC))
    return MentionQuery(
        text=chosen["q"].strip(),
        since=since,
        until=until,
        brands=brands(chosen["brand"]),
        platforms=tuple(chosen["platform"]),
        sentiments=tuple(chosen["sentiment"]),
        aspects=tuple(chosen["aspect"]),
        aspect_sentiment=None if chosen["polarity"] == "any" else chosen["polarity"],
        intents=tuple(chosen["intent"]),
        langs=tuple(chosen["language"]),
        authors=(chosen["writer"],) if chosen["writer"] else (),
        clusters=(chosen["like"],) if chosen["like"] else (),
        linked={"yes": True, "no": False}.get(chosen["linked"]),
        min_followers=None if chosen["reach"] == "any" else int(chosen["reach"]),
        hide_spam=chosen["spam"] == "hide",
        sort=chosen["sort"],
    )


def _dates(chosen: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Days named by hand win over the period; the last day is included."""
    first, last = chosen["since"], chosen["until"]
    if not first and not last:
        return window(chosen["period"], now, zone).since, None
    return (
        midnight(first, zone) if first else None,
        midnight(last + timedelta(days=1), zone) if last else None,
    )
