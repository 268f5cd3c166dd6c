"""Rows and files however mangled: refused with a reason at the worst."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_files import EXPORTED, VENDOR, read

from crawlers.imports.columns import guess_columns
from crawlers.imports.rows import RowReader
from crawlers.imports.values import Clock
from index.errors import ImportFileError, MapError
from index.settings import Settings

CLOCK = Clock(ZoneInfo("Asia/Shanghai"), EXPORTED)
CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.sampled_from(
        [
            "1.2万",
            "-",
            "2026-08-14 09:12",
            "3小时前",
            "https://weibo.com/1/Qab",
            "99999999999999999999",
            "=1+1",
            "//x",
            "http://[",
            "昨天 99:99",
            "2/30/2026",
            "02-29",
            "1e400",
            "\ud800",
            "小***鹿",
            "\t'5e15",
        ]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
HEADERS = [
    "评论id",
    "笔记id",
    "内容",
    "标题",
    "链接",
    "平台",
    "类型",
    "昵称",
    "用户id",
    "主页",
    "粉丝数（万）",
    "点赞数",
    "发布时间",
    "地区",
    "情感",
    "标签",
    "图片",
    "评分",
    "认证",
    "父评论id",
]


@settings(
    max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(CELL, min_size=len(HEADERS), max_size=len(HEADERS)))
def test_no_row_however_mangled_does_worse_than_be_refused(cells: list[Any]) -> None:
    map_row = _mangled_map()
    try:
        (mention,) = map_row(dict(zip(HEADERS, cells, strict=True)))
    except MapError as error:
        assert str(error)  # noqa: PT017
    else:
        assert mention.text
        assert mention.published_at.tzinfo is dt.UTC
        assert mention.id.startswith(mention.platform + ":")


@cache
def _mangled_map() -> RowReader:
    header = guess_columns(HEADERS, [], CLOCK, 1)
    assert len(header.columns) >= 18
    return RowReader(header, source="file:x", clock=CLOCK, platform=None, guess="import", brands={})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.binary(min_size=1, max_size=12), at=st.integers(0, 900), name=st.sampled_from(["a.csv", "a.jsonl"])
)
def test_no_file_however_damaged_does_worse_than_be_refused(
    tmp_path: Path, home: Settings, damage: bytes, at: int, name: str
) -> None:
    whole = VENDOR.encode() if name == "a.csv" else b'{"content":"\xe5\xa5\xbd","time":1786669920}\n' * 30
    path = tmp_path / name
    path.write_bytes(whole[:at] + damage + whole[at:])
    try:
        good, bad = read(path, home)
    except ImportFileError as error:
        assert error.code.startswith("E_")  # noqa: PT017
    else:
        assert good or bad or at < 200
