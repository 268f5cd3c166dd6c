"""Counts, times and ids as exports write them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crawlers.imports.values import Clock, read_count, read_id, read_time

EXPORTED = dt.datetime(2026, 8, 20, 4, 0, tzinfo=dt.UTC)  # noon in Shanghai
CLOCK = Clock(ZoneInfo("Asia/Shanghai"), EXPORTED)
NINE = dt.datetime(2026, 8, 14, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("cell", "count", "at_least"),
    [
        ("1,203", 1203, False),
        ("1.2万", 12_000, False),
        ("1.2w", 12_000, False),
        ("3亿", 300_000_000, False),
        ("10+", 10, True),
        ("10w+", 100_000, True),
        ("1千+", 1000, True),
        ("约1.2万", 12_000, False),
        ("12%", None, False),
        (17.0, 17, False),
        ("２３", 23, False),
        ("超1万", 10_000, True),
    ],
)
def test_counts_as_people_write_them(cell: Any, count: int | None, at_least: bool) -> None:
    assert read_count(cell) == (count, at_least)


@pytest.mark.parametrize("cell", ["很多", "-5", "1.2.3", "", float("nan"), float("inf"), "1e999"])
def test_what_is_no_count_is_said_to_be_none(cell: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_count(cell)


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-08-14 09:12:00", NINE),
        ("2026/8/14 9:12", NINE),
        ("2026年8月14日 09:12", NINE),
        ("08-14 09:12", NINE),
        ("2026-08-14T01:12:00Z", NINE),
        ("2026-08-14T01:12:00.000Z", NINE),
        ("2026.8.14 上午9:12", NINE),
        ("Fri Aug 14 09:12:00 +0800 2026", NINE),
        ("Fri, 14 Aug 2026 09:12:00 +0800", NINE),
        ("8/14/2026 9:12 AM", NINE),
        ("8/13/2026 9:12 PM", NINE.replace(day=13, hour=13)),
        ("Aug 13, 2026 9:12 PM", NINE.replace(day=13, hour=13)),
        ("13 Aug 2026 09:12 p.m.", NINE.replace(day=13, hour=13)),
        ("2026年8月14日 晚上9点12分", NINE.replace(hour=13)),
        ("2026年8月14日 中午1:12", NINE.replace(hour=5)),
        ("Today, 9:12 AM", NINE.replace(day=20)),
        ("2026-08-14 01:12:00 UTC", NINE),
        ("2026-08-14 01:12 GMT", NINE),
        ("Fri, 14 Aug 2026 01:12:00 -0000", NINE),
        ("Fri Aug 14 09:12:00 CST 2026", NINE),
        (1786669920, NINE),
        (1786669920000, NINE),
        ("1786669920", NINE),
        ("20260814091200", NINE),
        (dt.datetime(2026, 8, 14, 9, 12), NINE),  # noqa: DTZ001
        (46248.383333333, NINE),
        ("20260814", NINE.replace(day=13, hour=16, minute=0)),
        ("12-30 08:00", dt.datetime(2025, 12, 30, 0, 0, tzinfo=dt.UTC)),
        ("3小时前", EXPORTED - dt.timedelta(hours=3)),
        ("5分钟前", EXPORTED - dt.timedelta(minutes=5)),
        ("刚刚", EXPORTED),
        ("昨天 12:30", dt.datetime(2026, 8, 19, 4, 30, tzinfo=dt.UTC)),
        ("2 days ago", EXPORTED - dt.timedelta(days=2)),
        ("14/8/2026 09:12", NINE),
        ("发布于 2026-08-14 09:12", NINE),
        ("2026-08-14 09:12 ", NINE),
        ("1个月前", EXPORTED - dt.timedelta(days=30)),
    ],
)
def test_times_as_exports_write_them(cell: Any, moment: dt.datetime) -> None:
    assert read_time(cell, CLOCK) == moment


@pytest.mark.parametrize(
    "cell", ["明天", "2026-13-40", "99:99", 12, "1970-01-01", float("nan"), "0001-01-01", 10**30, True]
)
def test_what_is_no_time_is_refused(cell: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        read_time(cell, CLOCK)


def test_long_ids_survive_and_rounded_ones_do_not_pass() -> None:
    assert read_id("5200000000000001") == ("5200000000000001", True)
    assert read_id(123.0) == ("123", True)
    assert read_id(5.2e15) == ("5200000000000000", False)
    assert read_id("5.2E+15") == ("5200000000000000", False)
    assert read_id("7123456789012340000") == ("7123456789012340000", False), "a number format has written it out"
    assert read_id("7123456789012345000") == ("7123456789012345000", True), "16 digits: no spreadsheet has so many"
