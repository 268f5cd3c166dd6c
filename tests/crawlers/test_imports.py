"""What people bring as files, and what must come out of them."""

from __future__ import annotations

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from import_files import FOLDER, VENDOR, read, workbook, write

from crawlers.imports import inspect, mapping, mapping_of_source, raws, remember
from crawlers.imports.columns import normalise_header
from crawlers.imports.values import weibo_mid
from index.errors import ImportFileError
from index.settings import Settings


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


WEIBO_SEARCH = (FOLDER / "weibo_search.csv").read_text(encoding="utf-8")
WEIBO_CRAWLER = (FOLDER / "weibo_crawler.csv").read_text(encoding="utf-8")
SPIDER_XHS = (FOLDER / "spider_xhs_notes.csv").read_text(encoding="utf-8")
SPIDER_XHS_COMMENTS = (FOLDER / "spider_xhs_comments.csv").read_text(encoding="utf-8")


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


def test_imports_at_the_same_time_forget_none_of_each_other(tmp_path: Path, home: Settings) -> None:
    plans = [inspect(write(tmp_path, f"{n}.csv", f"内容,时间,列{n}\n好,2026-08-01,x\n"), home) for n in range(20)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda plan: remember(home, plan), plans))
    assert [n for n in range(20) if mapping_of_source(home, f"file:{n}.csv") is None] == []


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


@pytest.mark.parametrize(
    ("said", "platform"),
    [("美团", "meituan"), ("大众点评", "dianping"), ("京东", "jd"), ("天猫", "tmall"), ("拼多多", "pinduoduo"),
     ("App Store", "appstore"), ("Google Play", "googleplay")],
)  # fmt: skip
def test_a_platform_stays_the_one_that_was_named(tmp_path: Path, home: Settings, said: str, platform: str) -> None:
    (review,), _ = read(write(tmp_path, "reviews.csv", "评价内容\n送得太慢了\n"), home, platform=said)
    assert (review.platform, review.kind) == (platform, "review")


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


def test_a_text_that_begins_like_a_total_is_a_text(tmp_path: Path, home: Settings) -> None:
    rows = [
        ["内容", "点赞数", "时间"],
        ["合计花了三百块，太贵了", 3, "2026-08-14"],
        ["合计", 6, None],
        ["共计 1 条"],
    ]
    good, bad = read(workbook(tmp_path, "a.xlsx", rows), home)
    assert ([m.text for m in good], bad) == (["合计花了三百块，太贵了"], [])
    text = (
        "content,date\nTotal rip-off! never again,2026-08-14\n注:杯子是漏的,2026-08-14\n注:仅供内部使用\nTotal:,2\n"
    )
    good, bad = read(write(tmp_path, "b.csv", text), home)
    assert ([m.text for m in good], bad) == (["Total rip-off! never again", "注:杯子是漏的"], [])


def test_one_date_that_tells_the_day_from_the_month_tells_it_for_the_whole_file(
    tmp_path: Path, home: Settings
) -> None:
    head = ["content", "date", "likes"]
    path = workbook(tmp_path, "a.xlsx", [head, ["one", "13/08/2026", 1]], [head, ["two", "05/09/2026", 1]])
    assert [f"{m.published_at:%m-%d}" for m in read(path, home)[0]] == ["08-12", "09-04"]
    lines = "".join(f"text {n},{n % 12 + 1:02d}/08/2026,1\n" for n in range(200))
    found, _ = read(write(tmp_path, "b.csv", f"content,date,likes\n{lines}last,31/08/2026,1\n"), home)
    assert {m.published_at.month for m in found[1:]} <= {7, 8}
