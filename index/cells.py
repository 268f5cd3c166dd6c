"""What a cell of a table says: text, a number, a moment. Chinese and English ways of writing them.

Readers raise ValueError with a reason a person understands; a missing value is None.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from typing import Any
from zoneinfo import ZoneInfo

from index.tables import clean

NOTHING = frozenset({"", "-", "--", "/", "\\", "无", "暂无", "未知", "n/a", "na", "null", "none", "nan", "#n/a"})
_UNITS = {"千": 1e3, "k": 1e3, "万": 1e4, "萬": 1e4, "w": 1e4, "m": 1e6, "亿": 1e8, "億": 1e8}
_NUMBER = re.compile(
    r"[约約≈~]?[¥￥$€£]?(-?\d+(?:\.\d+)?|-?\.\d+)([千kKwW万萬mM亿億]?)\+?(?:元|人|次|个|单|笔|條|条)?"
)
_MOMENT = re.compile(
    r"(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?"
    r"(?:[ T]*(?P<H>\d{1,2})[:时](?P<M>\d{1,2})(?:[:分](?P<S>\d{1,2})秒?)?分?(?:\.\d+)?)?"
    r" *(?P<z>Z|[+-]\d{2}:?\d{2})?"
)
_EXCEL_DAY_ZERO = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's count starts here, in the file's own zone
_EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119: other numbers are no dates
_YES = frozenset({"1", "y", "yes", "true", "t", "是", "同意", "已同意", "有", "√"})
_NO = frozenset({"0", "n", "no", "false", "f", "否", "不同意", "拒绝", "未同意", "没有", "×"})


def text(cell: Any) -> str | None:
    """The cell as text, None for empty cells and for the ways tables write "nothing" (-, 无, N/A)."""
    cell = clean(cell)
    if cell is None or (isinstance(cell, str) and cell.lower() in NOTHING):
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))  # a spreadsheet keeps every number as a float; 15 digits are still exact
    return str(cell)


def number(cell: Any) -> float | None:
    """1,203 · 1.2万 · 1.2w · 3亿 · 10w+ · ¥99.50. Raises ValueError for anything else."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if not math.isfinite(cell):
            raise ValueError(f"{cell} is not a number")
        return float(cell)
    written = text(cell)
    if written is None:
        return None
    plain = re.sub(r"[,\s_]", "", unicodedata.normalize("NFKC", written))
    found = _NUMBER.fullmatch(plain)
    if not found or len(plain) > 40:
        raise ValueError(f"{_short(written)} is not a number")
    return float(found[1]) * _UNITS.get(found[2].lower(), 1)


def whole(cell: Any) -> int | None:
    """A count. Raises ValueError for negative or broken numbers."""
    value = number(cell)
    if value is None:
        return None
    if value < 0 or abs(value - round(value)) > 1e-6:
        raise ValueError(f"{_short(str(cell))} is not a count")
    return round(value)


def moment(cell: Any, zone: str) -> dt.datetime | None:
    """A time in UTC. Without its own zone it is local to `zone`. Reads 2026-08-14 09:12, 2026/8/14,
    2026年8月14日 9:12, 20260814, ISO 8601, Excel day numbers, epoch seconds and milliseconds.
    Raises ValueError for anything else."""
    local = ZoneInfo(zone)
    try:
        found = _read_moment(cell, local)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{_short(str(cell))} is not a time") from error
    if found is None:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=local)
    try:
        return found.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(f"{_short(str(cell))} is not a time") from error


def _read_moment(cell: Any, local: ZoneInfo) -> dt.datetime | None:
    if isinstance(cell, dt.datetime):
        return cell
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day, tzinfo=local)
    written = text(cell)
    if written is None:
        return None
    if re.fullmatch(r"\d{8}", written) and written[:2] in ("19", "20"):
        written = f"{written[:4]}-{written[4:6]}-{written[6:]}"
    if re.fullmatch(r"\d+(\.\d+)?", written):
        return _counted(float(written), written)
    return _spelled(written)


def _counted(value: float, written: str) -> dt.datetime:
    if _EXCEL_DAYS[0] <= value <= _EXCEL_DAYS[1]:
        return _EXCEL_DAY_ZERO + dt.timedelta(seconds=round(value * 86_400))
    if value >= 1e12:
        value /= 1000
    if 1e8 <= value < 1e11:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    raise ValueError(f"{_short(written)} is not a time")


def _spelled(written: str) -> dt.datetime:
    found = _MOMENT.fullmatch(unicodedata.normalize("NFKC", written))
    if not found:
        raise ValueError(f"{_short(written)} is not a time")
    year, month, day, hour, minute, second = (int(found[name] or 0) for name in "ymdHMS")
    try:
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=_offset(found["z"]))
    except ValueError as error:
        raise ValueError(f"{_short(written)} is not a time: {error}") from error


def _offset(zone: str | None) -> dt.timezone | None:
    if zone is None:
        return None
    if zone == "Z":
        return dt.UTC
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    span = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-span if zone[0] == "-" else span)


def yes_or_no(cell: Any) -> bool | None:
    """Raises ValueError for anything that is neither."""
    if isinstance(cell, bool):
        return cell
    written = text(cell)
    if written is None:
        return None
    if written.lower() in _YES or written.lower() in _NO:
        return written.lower() in _YES
    raise ValueError(f"{_short(written)} is neither yes nor no")


def header(cell: Any) -> str:
    """A column name in the form aliases are compared in: no spaces, stars, brackets or case."""
    plain = unicodedata.normalize("NFKC", str(cell if cell is not None else "")).lower()
    return re.sub(r"\([^)]*\)|\[[^\]]*\]|[\s*_\-:\ufeff]", "", plain)


def _short(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:40] + "…")
