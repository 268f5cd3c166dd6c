"""What people bring as files, and what must come out of them."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers.imports import inspect, mapping, mapping_of_source, raws, remember
from crawlers.imports.columns import normalise_header
from crawlers.imports.values import Clock, weibo_mid
from index.documents import Mention
from index.errors import ImportFileError, MapError
from index.settings import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"
EXPORTED = dt.datetime(2026, 8, 20, 4, 0, tzinfo=dt.UTC)  # noon in Shanghai
CLOCK = Clock(ZoneInfo("Asia/Shanghai"), EXPORTED)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    os.utime(path, (EXPORTED.timestamp(), EXPORTED.timestamp()))
    return path


def workbook(folder: Path, name: str, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(row)
    path = folder / name
    book.save(path)
    os.utime(path, (EXPORTED.timestamp(), EXPORTED.timestamp()))
    return path


def read(path: Path, home: Settings, **choices: Any) -> tuple[list[Mention], list[tuple[str, str]]]:
    """The mentions of a file, and its bad rows as (place, reason)."""
    plan = inspect(path, home, **choices)
    map_row, good, bad = mapping(plan), [], []
    for raw, place in raws(plan):
        try:
            good += map_row(raw)
        except MapError as error:
            bad.append((place, str(error)))
    return good, bad


VENDOR = (FIXTURES / "vendor.csv").read_text(encoding="utf-8")


def test_a_vendor_table_with_banner_unit_and_footer_maps_without_help(tmp_path: Path, home: Settings) -> None:
    good, bad = read(write(tmp_path, "vendor.csv", VENDOR, "gb18030"), home)
    weibo, note = good
    assert weibo.id == f"weibo:{weibo_mid('QabCD1234')}"
    assert weibo.author
    assert weibo.author.followers == 12_000
    assert weibo.author.name == "小鹿同学"
    assert weibo.published_at == dt.datetime(2026, 8, 14, 1, 12, tzinfo=dt.UTC)
    assert weibo.vendor_sentiment == "positive"
    assert note.id == "xiaohongshu:66b0c1d2000000001e01a2b3"
    assert note.title == "青提冰茶测评"
    assert note.engagement.likes == 100_000
    assert "likes_at_least" in note.flags
    assert note.engagement.shares is None
    assert note.vendor_sentiment is None
    assert [place for place, _ in bad] == ["row 6", "row 7"]
    assert "text is empty" in bad[0][1]
    assert "下周三" in bad[1][1]


WEIBO_SEARCH = (FIXTURES / "weibo_search.csv").read_text(encoding="utf-8")
WEIBO_CRAWLER = (FIXTURES / "weibo_crawler.csv").read_text(encoding="utf-8")
SPIDER_XHS = (FIXTURES / "spider_xhs_notes.csv").read_text(encoding="utf-8")
SPIDER_XHS_COMMENTS = (FIXTURES / "spider_xhs_comments.csv").read_text(encoding="utf-8")


def test_the_files_of_known_open_crawlers_map_without_help(tmp_path: Path, home: Settings) -> None:
    (search,), _ = read(write(tmp_path, "search.csv", WEIBO_SEARCH, "utf-8-sig"), home)
    assert search.id == "weibo:5200000000000001"
    assert search.author
    assert search.author.id == "weibo:1900000001"
    assert (search.engagement.likes, search.engagement.comments, search.engagement.shares) == (17, 5, 3)
    assert search.hashtags == ("秋日奶茶",)
    assert search.region == "上海"
    (crawler,), _ = read(write(tmp_path, "weibo_1900000001.csv", WEIBO_CRAWLER), home)
    assert crawler.id == "weibo:5200000000000002"
    assert crawler.published_at == dt.datetime(2026, 8, 14, 1, 12, 33, tzinfo=dt.UTC)
    (note,), _ = read(write(tmp_path, "notes.csv", SPIDER_XHS), home)
    assert note.id == "xiaohongshu:66b0c1d2000000001e01a2b3"
    assert (note.title, note.text, note.engagement.likes, note.engagement.saves) == (
        "新品测评",
        "口感偏酸",
        12_000,
        310,
    )
    assert len(note.media) == 2
    assert note.hashtags == ("奶茶", "测评")
    (comment,), _ = read(write(tmp_path, "comments.csv", SPIDER_XHS_COMMENTS), home)
    assert comment.id == "xiaohongshu:66b0ffff000000001c00aaaa"
    assert comment.kind == "comment"
    assert comment.thread_id == note.id


def test_mediacrawler_jsonl_maps_without_help(tmp_path: Path, home: Settings) -> None:
    note = {
        "note_id": "66b0c1d2000000001e01a2b4",
        "type": "normal",
        "title": "踩雷",
        "desc": "喝出塑料片",
        "video_url": "",
        "time": 1786582000123,
        "last_update_time": 1786582000999,
        "creator_hash": "9f86d081",
        "nickname": "阿明",
        "liked_count": "1千+",
        "collected_count": "12",
        "comment_count": "3",
        "share_count": "0",
        "image_list": "",
        "tag_list": "奶茶,测评",
        "note_url": "https://www.xiaohongshu.com/explore/66b0c1d2000000001e01a2b4",
        "source_keyword": "青提冰茶",
        "xsec_token": "t",
    }
    douyin = {
        "aweme_id": "7400000000000000001",
        "aweme_type": "0",
        "title": "开箱",
        "desc": "开箱新品 太好喝了",
        "create_time": 1786582000,
        "liked_count": 20,
        "nickname": "小白",
        "user_id": "99",
        "aweme_url": "https://www.douyin.com/video/7400000000000000001",
    }
    weibo = {
        "note_id": "5200000000000009",
        "content": "服务差",
        "create_time": 1786582000,
        "create_date_time": "2026-08-13 08:46:40",
        "liked_count": "2",
        "comments_count": "1",
        "shared_count": "0",
        "note_url": "https://m.weibo.cn/detail/5200000000000009",
        "nickname": "路人",
        "user_id": "88",
        "ip_location": "广东",
    }
    reply = {
        "comment_id": "c1",
        "create_time": 1786582000,
        "note_id": "5200000000000009",
        "content": "同感",
        "sub_comment_count": "0",
        "like_count": 4,
        "parent_comment_id": 0,
        "nickname": "乙",
    }
    found = {}
    for name, item in (("xhs", note), ("dy_search", douyin), ("wb", weibo), ("weibo_comments", reply)):
        (found[name],), bad = read(
            write(tmp_path, f"{name}.jsonl", json.dumps(item, ensure_ascii=False) + "\n"), home
        )
        assert not bad
    assert found["xhs"].id == "xiaohongshu:66b0c1d2000000001e01a2b4"
    assert found["xhs"].engagement.likes == 1000
    assert "likes_at_least" in found["xhs"].flags
    assert found["xhs"].author.id == "xiaohongshu:阿明"
    assert found["dy_search"].id == "douyin:7400000000000000001"
    assert found["dy_search"].published_at == dt.datetime.fromtimestamp(1786582000, dt.UTC)
    assert found["wb"].id == "weibo:5200000000000009"
    assert found["wb"].published_at == dt.datetime(2026, 8, 13, 0, 46, 40, tzinfo=dt.UTC)
    assert found["weibo_comments"].id == "weibo:c1"
    assert found["weibo_comments"].thread_id == "weibo:5200000000000009"
    assert found["weibo_comments"].parent_id is None


def test_every_sheet_with_a_header_is_read_and_excel_dates_are_understood(tmp_path: Path, home: Settings) -> None:
    path = workbook(
        tmp_path,
        "back office.xlsx",
        [["说明", "内部使用"], ["仅供参考", None]],
        [
            ["8月口碑", None, None, None],
            ["内容", "发布时间", "昵称", "评分"],
            ["物流慢", dt.datetime(2026, 8, 1, 9, 30), "a1", 2],  # noqa: DTZ001
            ["包装好", 46139.5, "a2", 5],
            ["合计", None, None, 7],
        ],
        [["评论内容", "评论时间", "评论者"], ["还行吧", "昨天 12:30", "b1"]],
    )
    good, bad = read(path, home, platform="京东")
    assert not bad
    assert [m.text for m in good] == ["物流慢", "包装好", "还行吧"]
    assert {m.platform for m in good} == {"jd"}
    assert [m.kind for m in good] == ["review", "review", "review"], "what people say in a shop are reviews"
    assert good[0].published_at == dt.datetime(2026, 8, 1, 1, 30, tzinfo=dt.UTC)
    assert good[1].published_at == dt.datetime(2026, 4, 27, 4, 0, tzinfo=dt.UTC)
    assert good[2].published_at == dt.datetime(2026, 8, 19, 4, 30, tzinfo=dt.UTC)


def test_an_id_that_excel_rounded_is_taken_from_the_link_or_flagged(tmp_path: Path, home: Settings) -> None:
    rows = [
        ["微博ID", "微博正文", "发布时间", "微博链接"],
        [5.2000000000000001e15, "有链接", "2026-08-14 09:12", "https://m.weibo.cn/detail/5200000000000001"],
        [5.2000000000000001e15, "没有链接", "2026-08-14 09:12", None],
    ]
    (linked, lost), _ = read(workbook(tmp_path, "ids.xlsx", rows), home)
    assert linked.id == "weibo:5200000000000001"
    assert "id_unreliable" not in linked.flags
    assert "id_unreliable" in lost.flags
    assert "52000000" not in lost.id


def test_a_masked_name_or_a_hash_is_no_identity(tmp_path: Path, home: Settings) -> None:
    text = "content,author,creator_hash,date\n好喝,小***鹿,abc,2026-08-01\n"
    (mention,), _ = read(write(tmp_path, "masked.csv", text), home)
    assert mention.author is None


def test_a_column_of_sentences_called_comments_is_the_text(tmp_path: Path, home: Settings) -> None:
    (mention,), _ = read(write(tmp_path, "a.csv", "时间,评论,赞\n2026-08-01 10:00,味道淡了,3\n"), home)
    assert mention.text == "味道淡了"
    assert mention.engagement.likes == 3
    assert mention.engagement.comments is None


def test_unknown_headers_are_recognised_by_their_values(tmp_path: Path, home: Settings) -> None:
    rows = "".join(f"这是第{n}位客人的真实反馈,2026-08-0{n} 10:00,{n}\n" for n in range(1, 6))
    good, _ = read(write(tmp_path, "own.csv", "客人怎么说,什么时候,内容数\n" + rows), home, columns={})
    assert good[0].text == "这是第1位客人的真实反馈"
    assert good[0].published_at == dt.datetime(2026, 8, 1, 2, 0, tzinfo=dt.UTC)


def test_texts_without_time_or_author_are_kept_and_come_out_the_same_again(tmp_path: Path, home: Settings) -> None:
    path = write(tmp_path, "plain.csv", "text,label\n太甜了,0\n好喝,1\n")
    first, _ = read(path, home)
    assert all("time_unknown" in m.flags and m.published_at == EXPORTED for m in first)
    os.utime(path, (EXPORTED.timestamp() + 999, EXPORTED.timestamp() + 999))
    again, _ = read(path, home)
    assert [m.id for m in first] == [m.id for m in again]


def test_tracking_parameters_do_not_make_a_link_another_mention(tmp_path: Path, home: Settings) -> None:
    rows = (
        "https://a.example/x?id=7&utm_source=wx&spm=1#top\nhttp://www.a.example/x?id=7\nhttps://a.example/x?id=8\n"
    )
    lines = "".join(f"很好,2026-08-01,{url}\n" for url in rows.split())
    good, _ = read(write(tmp_path, "links.csv", "内容,时间,链接\n" + lines), home)
    assert [m.id for m in good] == ["import:a.example/x?id=7", "import:a.example/x?id=7", "import:a.example/x?id=8"]


def test_what_a_person_decides_wins_and_is_remembered(tmp_path: Path, home: Settings) -> None:
    text = "内容,备注,时间\n短,这才是正文,2026-08-01\n"
    path = write(tmp_path, "a.csv", text)
    plan = inspect(path, home, columns={"text": "备注"})
    remember(home, plan)
    other = write(tmp_path, "b.csv", text)
    again = inspect(other, home)
    assert again.sheets[0].known
    (mention,) = mapping(again)(next(raws(again))[0])
    assert mention.text == "这才是正文"


def test_a_quarantined_row_of_an_earlier_file_is_mapped_again(tmp_path: Path, home: Settings) -> None:
    path = write(tmp_path, "vendor.csv", VENDOR)
    plan = inspect(path, home)
    remember(home, plan)
    kept = msgspec.json.decode(msgspec.json.encode(next(raw for raw, _ in raws(plan))))
    path.unlink()
    map_row = mapping_of_source(home, "file:vendor.csv")
    assert map_row is not None
    assert map_row(kept)[0].id == f"weibo:{weibo_mid('QabCD1234')}"
    assert mapping_of_source(home, "file:never seen.csv") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1,2,3\n4,5,6\n", "E_NO_HEADER"),
        ("作者,时间,点赞数\n甲,2026-08-01,3\n", "E_NO_CONTENT_COLUMN"),
        ("", "E_EMPTY"),
    ],
)
def test_a_file_that_is_no_table_of_mentions_is_refused_with_a_code(
    tmp_path: Path, home: Settings, text: str, code: str
) -> None:
    with pytest.raises(ImportFileError) as error:
        inspect(write(tmp_path, "a.csv", text), home)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("粉丝数（万）", "粉丝数", 10_000),
        (" Publish_Time* ", "publishtime", 1),
        ("粉丝数w", "粉丝数", 10_000),
        ("ＵＲＬ", "url", 1),
    ],
)
def test_headers_are_compared_without_their_decoration(header: str, name: str, unit: int) -> None:
    assert normalise_header(header) == (name, unit)


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


_MAPS: list[Any] = []


def _mangled_map() -> Any:
    if not _MAPS:
        from crawlers.imports.columns import guess_columns
        from crawlers.imports.rows import RowReader

        header = guess_columns(HEADERS, [], CLOCK, 1)
        assert len(header.columns) >= 18
        _MAPS.append(RowReader(header, source="file:x", clock=CLOCK, platform=None, guess="import", brands={}))
    return _MAPS[0]


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


@pytest.mark.parametrize(
    ("said", "platform"),
    [("美团", "meituan"), ("大众点评", "dianping"), ("京东", "jd"), ("天猫", "tmall"), ("拼多多", "pinduoduo"),
     ("App Store", "appstore"), ("Google Play", "googleplay")],
)  # fmt: skip
def test_a_platform_stays_the_one_that_was_named(tmp_path: Path, home: Settings, said: str, platform: str) -> None:
    (review,), _ = read(write(tmp_path, "reviews.csv", "评价内容\n送得太慢了\n"), home, platform=said)
    assert (review.platform, review.kind) == (platform, "review")


@pytest.mark.parametrize("header", ["评价编号", "評價編號", "评论ID", "数据编号"])
def test_a_number_of_a_review_is_its_id(tmp_path: Path, home: Settings, header: str) -> None:
    (review,), _ = read(write(tmp_path, "a.csv", f"编号,{header},评价内容\n1,R77,送得太慢了\n"), home)
    assert review.id == "import:R77"


@pytest.mark.parametrize("header", ["回复", "回覆", "回复内容", "回覆內容"])
def test_replies_are_comments_by_their_header_and_by_their_kind(
    tmp_path: Path, home: Settings, header: str
) -> None:
    """Short ones too: the values alone would not tell."""
    (reply,), _ = read(write(tmp_path, "a.csv", f"時間,用戶名,{header}\n2026-08-01,甲,好正\n"), home)
    assert (reply.text, reply.kind) == ("好正", "comment")
    (post, reply), _ = read(write(tmp_path, "b.csv", f"內容,類型,{header}\n開箱,主題,12\n好正,回覆,0\n"), home)
    assert (post.text, post.kind, post.engagement.comments) == ("開箱", "post", 12 if len(header) == 2 else None)
    assert reply.kind == "comment"
