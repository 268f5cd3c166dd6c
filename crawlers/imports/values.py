"""What the cells of an export mean: counts, times and ids, as people and platforms write them.

Every function is pure. None means "the cell says nothing"; ValueError means "it says something unreadable".
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from crawlers.times import LONGEST, mail_time, on_24_hours

EXCEL_DAY_ZERO = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock, as Excel keeps it
EXCEL_DAYS = (18_264.0, 73_051.0)  # 1950-01-01 .. 2100-01-01
EARLIEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)  # before any of the platforms: a serial or an epoch misread
EXACT_DIGITS = 15  # Excel keeps no more digits of a number; a longer id has lost its tail
MAX_COUNT = 10**12

UNITS = {
    "": 1,
    "k": 1_000,
    "千": 1_000,
    "w": 10_000,
    "万": 10_000,
    "萬": 10_000,
    "m": 1_000_000,
    "百万": 1_000_000,
    "亿": 100_000_000,
    "億": 100_000_000,
    "b": 1_000_000_000,
}
_COUNT = re.compile(
    r"(?:约|大约|近|超|>|≥|~)?\s*(\d[\d,]*(?:\.\d+)?|\.\d+)\s*(百万|[kwmb千万萬亿億])?\s*(\+|多|余)?(?:次|个|人|条|赞|粉丝)?"
)


class Clock(msgspec.Struct, frozen=True):
    """How to read times of one file: `zone` for times without one, `exported_at` for "3小时前" and dates
    without a year, `day_first` for 13/08/2026 (then 03/08/2026 is in August too)."""

    zone: ZoneInfo
    exported_at: dt.datetime
    day_first: bool = False


def read_count(cell: Any, unit: int = 1) -> tuple[int | None, bool]:
    """A counter and whether it is only a lower bound ("10w+"). `unit` is what the header multiplies by.

    A percentage is no counter: None. Raises ValueError on anything else that is no number.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _whole(float(cell) * unit), False
    if type(cell) is str and cell.isascii() and cell.isdigit() and len(cell) <= EXACT_DIGITS:
        return _whole(int(cell) * unit), False
    return _count_in(str(cell), unit)


@lru_cache(maxsize=16_384)  # the same small numbers come again and again
def _count_in(cell: str, unit: int) -> tuple[int | None, bool]:
    text = unicodedata.normalize("NFKC", cell).strip().lower()
    if text.endswith("%"):
        return None, False
    found = _COUNT.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not a count")
    number, own_unit, more = found.groups()
    scale = UNITS[own_unit] if own_unit else unit
    return _whole(float(number.replace(",", "")) * scale), bool(more) or text[0] in "超>≥"


def _whole(number: float) -> int | None:
    if not math.isfinite(number) or number < 0 or number > MAX_COUNT:
        raise ValueError(f"{number:g} is not a count")
    return round(number)


def read_time(cell: Any, clock: Clock) -> dt.datetime:
    """A moment in UTC. Raises ValueError when the cell is no time or lies before EARLIEST."""
    moment = _moment(cell, clock)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.zone)
    try:
        moment = moment.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(f"{cell!r:.40} is out of range") from error
    if moment < EARLIEST:
        raise ValueError(f"{cell!r:.40} lies before 1990")
    return moment


def on_day(day: Any, time: Any, clock: Clock) -> dt.datetime:
    """The moment where two columns hold day and time; the day may be written with a midnight of its own, the time
    as a part of a day. Raises ValueError as `read_time` does."""
    if isinstance(time, float):
        time = (EXCEL_DAY_ZERO + dt.timedelta(seconds=round(time * 86_400))).time()
    return read_time(f"{read_time(day, clock).astimezone(clock.zone):%Y-%m-%d} {time}", clock)


def _moment(cell: Any, clock: Clock) -> dt.datetime:
    if isinstance(cell, dt.datetime):
        return cell
    if isinstance(cell, dt.date):
        return dt.datetime.combine(cell, dt.time())
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _from_number(float(cell))
    text = str(cell).strip()
    if len(text) >= 10 and text[4] == "-" and text.isascii():
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    return _from_text(unicodedata.normalize("NFKC", text), clock)


def _from_number(number: float) -> dt.datetime:
    """Excel serial, yyyymmdd, yyyymmddHHMMSS, or epoch in seconds, milliseconds or microseconds."""
    if not math.isfinite(number):
        raise ValueError("not a time")
    if EXCEL_DAYS[0] <= number < EXCEL_DAYS[1]:
        return EXCEL_DAY_ZERO + dt.timedelta(seconds=round(number * 86_400))
    digits = f"{number:.0f}"
    if len(digits) in (8, 14) and digits[:2] in ("19", "20"):
        try:
            return dt.datetime.strptime(digits, "%Y%m%d" if len(digits) == 8 else "%Y%m%d%H%M%S")  # noqa: DTZ007
        except ValueError:
            pass
    for scale, low, high in ((1.0, 1e8, 1e11), (1e3, 1e11, 1e14), (1e6, 1e14, 1e17)):
        if low <= number < high:
            return dt.datetime.fromtimestamp(number / scale, dt.UTC)
    raise ValueError(f"{number:g} is not a time")


_YEAR_FIRST = re.compile(
    r"(?:(\d{4})[-/.年])?\s*(\d{1,2})[-/.月]\s*(\d{1,2})[日号]?(?:\([^)]*\))?[\sT]*"
    r"(?:(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.\d+)?秒?|分)?)?"
)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:[\s,T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_DAY_OR_MONTH = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}\b")
_AGO = re.compile(
    r"(\d{1,4}|一|半)\s*(?:个)?\s*(秒|分钟|分|小时|天|日|周|星期|月|年|s|sec|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?|months?|years?)\s*(?:钟)?(?:之?前|ago)",
    re.IGNORECASE,
)
_DAY = re.compile(
    r"(今天|昨天|前天|today|yesterday)(?:,|\s*at)?\s*(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.IGNORECASE
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "月": 2_592_000, "年": 31_536_000}
_UNIT_LETTER = {"秒": "s", "分": "m", "小": "h", "天": "d", "日": "d", "周": "w", "星": "w"}
_BACK = {"今天": 0, "today": 0, "昨天": 1, "yesterday": 1, "前天": 2}
_WRITTEN = (
    "%a %b %d %H:%M:%S %z %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d, %Y %H:%M",
    "%d %b %Y",
    "%d %B %Y",
)


def _from_text(text: str, clock: Clock) -> dt.datetime:
    if len(text) > LONGEST:
        raise ValueError(f"{text[:40]!r} is not a time")
    if re.fullmatch(r"\d+(\.\d+)?(e\+?\d+)?", text, re.IGNORECASE) and len(text) < 25:
        return _from_number(float(text))
    text = on_24_hours(re.sub(r"^(发布于|编辑于|发表于|更新于)\s*", "", text)).strip()
    if found := _YEAR_FIRST.fullmatch(text):
        return _year_first(found, clock)
    if found := _YEAR_LAST.fullmatch(text):
        return _year_last(found, clock)
    if relative := _relative(text, clock):
        return relative
    return _written(text, clock.zone)


def _year_first(found: re.Match[str], clock: Clock) -> dt.datetime:
    year, month, day, hour, minute, second = found.groups()
    parts = (int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    if year:
        return dt.datetime(int(year), *parts, tzinfo=clock.zone)
    local = clock.exported_at.astimezone(clock.zone)
    guess = dt.datetime(local.year, *parts, tzinfo=clock.zone)
    # An export cannot hold posts of its own future: 12-30 in a file of January is last year's.
    return guess if guess <= local + dt.timedelta(days=1) else guess.replace(year=local.year - 1)


def dates_put_day_first(rows: Iterable[Sequence[Any]], within: int) -> bool:
    """Whether dates such as 03/08/2026 name the day first: a number above 12 tells. Rows are read until one does;
    no more than `within` where no date is written so."""
    ambiguous = False
    for number, row in enumerate(rows, 1):
        for value in row:
            found = _DAY_OR_MONTH.match(value) if isinstance(value, str) else None
            if found and (int(found[1]) > 12) != (int(found[2]) > 12):
                return int(found[1]) > 12
            ambiguous = ambiguous or found is not None
        if number >= within and not ambiguous:
            break
    return False


def _year_last(found: re.Match[str], clock: Clock) -> dt.datetime:
    first, second, year, hour, minute, seconds = found.groups()
    day_first = clock.day_first or int(first) > 12
    day, month = (first, second) if day_first else (second, first)
    parts = (int(month), int(day), int(hour or 0), int(minute or 0), int(seconds or 0))
    return dt.datetime(int(year), *parts, tzinfo=clock.zone)


def _relative(text: str, clock: Clock) -> dt.datetime | None:
    if text in ("刚刚", "刚才", "just now", "now"):
        return clock.exported_at
    if found := _AGO.fullmatch(text):
        amount = {"一": 1.0, "半": 0.5}.get(found[1]) or float(found[1])
        unit = found[2].lower()
        letter = "月" if unit.startswith(("month", "月")) else "年" if unit.startswith(("y", "年")) else unit[0]
        return clock.exported_at - dt.timedelta(seconds=amount * _SECONDS[_UNIT_LETTER.get(letter, letter)])
    if found := _DAY.fullmatch(text):
        day = clock.exported_at.astimezone(clock.zone) - dt.timedelta(days=_BACK[found[1].lower()])
        return day.replace(
            hour=int(found[2] or 0), minute=int(found[3] or 0), second=int(found[4] or 0), microsecond=0
        )
    return None


def _written(text: str, zone: ZoneInfo) -> dt.datetime:
    """RFC 822, ctime as Weibo prints it, and English dates."""
    for form in _WRITTEN:
        try:
            return dt.datetime.strptime(text, form)  # noqa: DTZ007 - read_time adds the zone
        except ValueError:
            continue
    try:
        return dt.datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "Z", text))
    except ValueError:
        return mail_time(text, zone)


_ROUNDED_ID = re.compile(r"\d(\.\d+)?[eE]\+?\d{1,2}|[1-9]\d{14}0000+")  # so ends one true id of ten thousand


def read_id(cell: Any) -> tuple[str | None, bool]:
    """A native id and whether it can be trusted. Excel turns ids of 16 and more digits into rounded floats;
    what is left of them must not be used as an id."""
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return None, True
        return f"{cell:.0f}" if cell.is_integer() else str(cell), abs(cell) < 10**EXACT_DIGITS
    text = str(cell).strip()
    if _ROUNDED_ID.fullmatch(text):
        return text if text.isdigit() else f"{float(text):.0f}", False
    return "".join(text.split())[:200] or None, True


_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def weibo_mid(code: str) -> str:
    """The numeric id of a Weibo link code such as "QabCD1234": groups of four base-62 characters from the
    right stand for seven digits each."""
    groups = [code[max(0, end - 4) : end] for end in range(len(code), 0, -4)][::-1]
    numbers = [sum(_BASE62.index(c) * 62**power for power, c in enumerate(reversed(g))) for g in groups]
    return str(numbers[0]) + "".join(f"{n:07d}" for n in numbers[1:])
