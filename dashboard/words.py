"""What the desk says, in the reader's language: sentences from locale/*.toml, numbers, times, names of things.

The language is the reader's choice (`?lang=`), else the browser's, else Chinese.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import streamlit as st

from index import categories
from index.clocks import zone_of

Language = Literal["zh", "en"]
FILES: dict[Language, str] = {"zh": "zh_CN.toml", "en": "en.toml"}
LANGUAGES: dict[Language, str] = {"zh": "中文", "en": "English"}
NO_DATA = "–"


@lru_cache(maxsize=len(FILES))
def catalogue(language: Language) -> dict[str, str]:
    """All sentences of one language under dotted keys, such as "overview.title"."""
    data = tomllib.loads((Path(__file__).parent / "locale" / FILES[language]).read_text(encoding="utf-8"))
    return dict(_flat(data))


def _flat(data: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in data.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs


def language() -> Language:
    """The language of this page."""
    chosen = st.session_state.get("lang") or st.query_params.get("lang")
    known: Language | None = next((one for one in FILES if one == chosen), None)
    return known or browser_language()


def browser_language() -> Language:
    return "zh" if (st.context.locale or "zh").lower().startswith("zh") else "en"


def t(key: str, **values: object) -> str:
    """The sentence of `key` with its values filled in, that of `key`_one (English has some) when `n` is 1, +1
    or −1. Raises KeyError: a missing sentence is a mistake."""
    known = catalogue(language())
    sentence = known.get(f"{key}_one", known[key]) if str(values.get("n")).lstrip("+−") == "1" else known[key]
    return sentence.format(**values) if values else sentence


@lru_cache(maxsize=1)
def _told() -> list[tuple[re.Pattern[str], str]]:
    text = (Path(__file__).parent / "locale" / "errors_zh_CN.toml").read_text(encoding="utf-8")
    return [(re.compile(english, re.DOTALL), chinese) for english, chinese in tomllib.loads(text).items()]


def told(message: str) -> str:
    """A message of ours in the reader's language: it is written in English where it arises. What it names from
    outside stays as it was; without a translation all of it does."""
    if language() == "zh":
        for english, chinese in _told():
            if found := english.fullmatch(message):
                return chinese.format(**found.groupdict())
    return message


def name(kind: str, value: str | None) -> str:
    """The name of one of our own words, such as name("aspect", "taste"); what has none is shown as it is."""
    if kind == "aspect" and value and (category := _categories().get(value)):
        return category.zh if language() == "zh" else category.en
    return catalogue(language()).get(f"{kind}.{value}", value or NO_DATA)


def _categories() -> Mapping[str, categories.Name]:
    """Those of this home, the brand's own among them, as the frame keeps them for the page."""
    return st.session_state.get("_categories") or categories.names()


def number(value: float | None) -> str:
    """1,234 and 4.8 万 (Chinese) or 48K (English); a dash for None: no data is not zero."""
    if value is None:
        return NO_DATA
    if language() == "zh":
        for size, unit in ((1e8, " 亿"), (1e4, " 万")):
            if abs(value) >= size:
                return f"{value / size:.1f}".removesuffix(".0") + unit
    else:
        for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "K")):
            if abs(value) >= size:
                return f"{value / (1e3 if size == 1e4 else size):.1f}".removesuffix(".0") + unit
    return f"{value:,.0f}"


def exact(value: float | None) -> str:
    """Every digit: 48,012."""
    return NO_DATA if value is None else f"{value:,.0f}"


def money(amount: float | None) -> str:
    """An amount of the CRM in its currency (kept by the frame): ¥1,234, EUR 1,234."""
    if amount is None:
        return NO_DATA
    currency = str(st.session_state.get("_currency") or "¥")
    return f"{currency}{' ' if currency[-1].isalpha() else ''}{number(amount)}"


def percent(share: float | None) -> str:
    return NO_DATA if share is None else f"{share * 100:.0f}%"


def signed(value: float | None) -> str:
    """+21, −9, 0: with a true minus sign."""
    if value is None:
        return NO_DATA
    rounded = round(value)
    return f"{rounded:+d}".replace("-", "−") if rounded else "0"


def zone() -> ZoneInfo:
    """The reader's time zone: the browser's, else that of the settings (kept by the frame)."""
    for candidate in (st.context.timezone, st.session_state.get("zone")):
        try:
            if candidate:
                return zone_of(candidate)
        except ValueError:
            continue
    return ZoneInfo("Asia/Shanghai")


def when(moment: datetime | None, now: datetime | None = None) -> str:
    """Relative under a day, absolute above, in the reader's zone."""
    if moment is None:
        return NO_DATA
    now = now or datetime.now(UTC)
    age = now - moment
    if timedelta() <= age < timedelta(minutes=1):
        return t("time.now")
    if timedelta() <= age < timedelta(hours=1):
        return t("time.minutes_ago", n=int(age.total_seconds() // 60))
    if timedelta() <= age < timedelta(days=1):
        return t("time.hours_ago", n=int(age.total_seconds() // 3600))
    return moment_text(moment, now)


def moment_text(moment: datetime, now: datetime | None = None) -> str:
    """11-21 20:10, with the year when it is another one; "yesterday 20:10" and "today 20:10" by name."""
    local, today = moment.astimezone(zone()), (now or datetime.now(UTC)).astimezone(zone())
    days = (today.date() - local.date()).days
    if days in (0, 1):
        return t("time.today" if days == 0 else "time.yesterday", clock=f"{local:%H:%M}")
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"


def span_text(seconds: float) -> str:
    """A length of time in its largest fitting unit: 28 minutes, 2 hours, 3 days."""
    for size, key in ((86_400, "time.days"), (3600, "time.hours"), (60, "time.minutes")):
        if seconds >= size:
            return t(key, n=int(seconds // size))
    return t("time.seconds", n=int(seconds))


def time_left(due: datetime, now: datetime | None = None) -> str:
    """Time until `due`, or how long it is over."""
    seconds = (due - (now or datetime.now(UTC))).total_seconds()
    return t("time.left" if seconds >= 0 else "time.over", span=span_text(abs(seconds)))
