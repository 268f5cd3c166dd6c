"""Files that are put together oddly and still say all that is needed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from import_files import read, workbook, write

from index.settings import Settings

NINE = dt.datetime(2026, 8, 14, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("day", "time"),
    [
        ("2026/8/14 0:00", "9:12"),
        ("2026-08-14 00:00:00", "09:12:00"),
        (dt.datetime(2026, 8, 14), dt.time(9, 12)),  # noqa: DTZ001 - as a spreadsheet holds it
        (46248, dt.time(9, 12)),
        (dt.date(2026, 8, 14), 0.38333333333),
    ],
)
def test_a_day_and_a_time_in_two_columns_are_one_moment(
    tmp_path: Path, home: Settings, day: object, time: object
) -> None:
    rows = [["内容", "作者", "日期", "时间"], *([f"太甜了{n}", "小鹿", day, time] for n in range(3))]
    good, bad = read(workbook(tmp_path, "days.xlsx", rows), home)
    assert bad == []
    assert {mention.published_at for mention in good} == {NINE}


def test_a_list_of_texts_is_not_divided_at_its_commas(tmp_path: Path, home: Settings) -> None:
    good, bad = read(
        write(tmp_path, "texts.csv", 'text\nGreat tea\nGreat tea, will buy again, really\n"So, so"\n'), home
    )
    assert bad == []
    assert [mention.text for mention in good] == ["Great tea", "Great tea, will buy again, really", "So, so"]


def test_each_sheet_says_by_its_own_headers_where_it_comes_from(tmp_path: Path, home: Settings) -> None:
    weibo = [["微博正文", "发布时间"], ["太甜了", "2026-08-14"]]
    notes = [["笔记标题", "发布时间"], ["太苦了", "2026-08-14"]]
    other = [["内容", "发布时间"], ["太酸了", "2026-08-14"]]
    good, _ = read(workbook(tmp_path, "week.xlsx", weibo, notes, other), home)
    assert [mention.platform for mention in good] == ["weibo", "xiaohongshu", "weibo"]


def test_one_number_on_two_platforms_nobody_knows_is_two_mentions(tmp_path: Path, home: Settings) -> None:
    text = "ID,平台,内容,时间\n1,得物,太甜了,2026-08-14\n1,什么值得买,太苦了,2026-08-14\n2,其他,太酸了,2026-08-14\n"
    good, _ = read(write(tmp_path, "mixed.csv", text), home)
    assert [mention.id for mention in good] == ["得物:1", "什么值得买:1", "import:2"]


def test_a_medium_is_no_platform(tmp_path: Path, home: Settings) -> None:
    good, _ = read(write(tmp_path, "news.csv", "ID,来源,内容,发布时间\n1,新京报,太甜了,2026-08-14\n"), home)
    assert [mention.id for mention in good] == ["import:1"]
