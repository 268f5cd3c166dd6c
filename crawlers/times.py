"""Times as platforms write them become aware UTC datetimes; what cannot be a time raises MapError."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from index.errors import MapError

CHINA = timezone(timedelta(hours=8), "CST")
LONGEST = 100  # characters of what may be a time
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # before the public web: a default of some software, not a time
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_DATE = re.compile(
    r"(?:(\d{4})\s*[-/.年]\s*)?(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T,]*(\d{1,2}):(\d{2})(?::(\d{2}))?)?"
)
_AGO = re.compile(r"(\d{1,4})\s*(秒|分钟|分|半?小时|小时|天|second|minute|hour|day)s?\s*(?:前|ago)", re.IGNORECASE)
_UNITS = {"秒": 1, "分钟": 60, "分": 60, "小时": 3600, "天": 86_400, "second": 1, "minute": 60, "hour": 3600,
          "day": 86_400}  # fmt: skip
_DAYS = {"今天": 0, "昨天": 1, "前天": 2, "today": 0, "yesterday": 1}
_HALVES = re.compile(
    r"(?:(上午|凌晨|早上)|(下午|中午|晚上))?\s*(?<!\d)(\d{1,2})([:时点]\d{1,2}(?:[:分]\d{1,2})?秒?分?)(?:\s*(?:(a)|(p))\.?m\b\.?)?",
    re.IGNORECASE,
)
_ZONE_NAME = re.compile(r"([A-Z]{3,4})(?:\s+\d{4})?\s*$")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def on_24_hours(text: str) -> str:
    """The same with "9:12 pm" and "下午9:12" as 21:12: readers of dates pass over the half of the day."""
    return _HALVES.sub(_whole_day, text) if len(text) <= LONGEST else text


def _whole_day(found: re.Match[str]) -> str:
    before, after, hour, rest, am, pm = found.groups()
    number = int(hour)
    if (before or am) and number == 12:
        number = 0
    elif (after or pm) and number < (3 if after == "中午" else 12):
        number += 12
    else:
        return found[0] if not (before or after or am or pm) else f" {hour}{rest}"
    return f" {number:02d}{rest}"


def mail_time(text: str, zone: ZoneInfo | timezone) -> datetime:
    """RFC 822 and its relatives; without an offset in `zone`, and so with the name that the clocks there have: CST
    is China's and America's. Raises ValueError."""
    try:
        moment = parsedate_to_datetime(on_24_hours(text))
        local = moment.replace(tzinfo=zone)
        named = _ZONE_NAME.search(text)
        if named and named[1] == local.tzname():
            return local
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is not a time") from error
    if moment.tzinfo is None and text.rstrip().endswith("-0000"):  # RFC 5322: UTC, of a place it does not tell
        return moment.replace(tzinfo=UTC)
    return moment if moment.tzinfo else local


def from_iso(text: str, zone: ZoneInfo | timezone = CHINA) -> datetime:
    """ISO 8601; a time without an offset is in `zone`."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise MapError(f"{text[:60]!r} is not an ISO 8601 time.") from error
    return _sane(moment if moment.tzinfo else moment.replace(tzinfo=zone), text)


def from_epoch(seconds: int) -> datetime:
    """Seconds since 1970."""
    try:
        return _sane(datetime.fromtimestamp(seconds, UTC), str(seconds))
    except (ValueError, OverflowError, OSError) as error:
        raise MapError(f"{seconds} is not a time in seconds.") from error


def from_mail(text: str, zone: ZoneInfo | timezone = CHINA) -> datetime:
    """See `mail_time`: "Fri, 14 Aug 2026 09:12:03 +0800"."""
    try:
        return _sane(mail_time(text, zone), text)
    except ValueError as error:
        raise MapError(f"{text[:60]!r} is not a mail time.") from error


def from_weibo(text: str) -> datetime:
    """Weibo API: "Fri Aug 14 09:12:03 +0800 2026". English names whatever the locale."""
    parts = text.split()
    if len(parts) != 6:
        raise MapError(f"{text[:60]!r} is not a Weibo time.")
    _, month, day, clock, offset, year = parts
    return from_mail(f"{day} {month} {year} {clock} {offset}")


def from_board(text: str, now: datetime, zone: ZoneInfo | timezone = CHINA) -> datetime:
    """What forums print, in the board's zone: ISO, "2026-8-14 09:12", "8月14日", "昨天 09:12", "3 小时前", "刚刚".

    `now` is when the page was read.
    """
    text = on_24_hours(text).strip()
    for read in (_ago, _named_day, _written):
        if moment := read(text, now.astimezone(zone)):
            return _sane(moment, text)
    try:
        return from_iso(text, zone)
    except MapError:
        return from_mail(text, zone)


def _ago(text: str, now: datetime) -> datetime | None:
    if text in ("刚刚", "刚才", "just now"):
        return now
    if text.startswith("半小时前"):
        return now - timedelta(minutes=30)
    match = _AGO.search(text)
    return now - timedelta(seconds=int(match.group(1)) * _UNITS[match.group(2).lower()]) if match else None


def _named_day(text: str, now: datetime) -> datetime | None:
    day = next((days for name, days in _DAYS.items() if text.lower().startswith(name)), None)
    clock = _CLOCK.search(text)
    if day is None or clock is None:
        return None
    return _at(now - timedelta(days=day), *clock.groups())


def _at(day: datetime, hour: str, minute: str, second: str | None) -> datetime | None:
    try:
        return day.replace(hour=int(hour), minute=int(minute), second=int(second or 0), microsecond=0)
    except ValueError:
        return None


def _written(text: str, now: datetime) -> datetime | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    try:
        parts = (int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
        moment = datetime(int(year or now.year), *parts, tzinfo=now.tzinfo)
        # A date without a year lies in the past: in January, "12-31" is last year's.
        return moment.replace(year=moment.year - 1) if not year and moment > now + timedelta(days=1) else moment
    except ValueError:
        return None


def _sane(moment: datetime, text: str) -> datetime:
    try:
        utc = moment.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise MapError(f"{text[:60]!r} is out of range.") from error
    if not _EARLIEST <= utc <= _LATEST:
        raise MapError(f"{text[:60]!r} cannot be when this was published.")
    return utc
