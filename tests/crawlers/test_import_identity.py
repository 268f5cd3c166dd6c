"""Which rows are one mention and which are two: ids, links, names and what stands in for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from import_files import EXPORTED, read, workbook, write

from index.settings import Settings


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


@pytest.mark.parametrize("header", ["评价编号", "評價編號", "评论ID", "数据编号"])
def test_a_number_of_a_review_is_its_id(tmp_path: Path, home: Settings, header: str) -> None:
    (review,), _ = read(write(tmp_path, "a.csv", f"编号,{header},评价内容\n1,R77,送得太慢了\n"), home)
    assert review.id == "import:R77"


@pytest.mark.parametrize("header", ["ID", "评价ID", "帖子ID"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_rows_is_no_id(tmp_path: Path, home: Settings, header: str, first: int) -> None:
    """It would make the second export overwrite the first."""
    found = []
    for file, texts in (("may.csv", ("送得太慢了", "好喝")), ("june.csv", ("包装漏了", "会再买", "太甜"))):
        lines = "".join(f"{number},{text},2026-08-01\n" for number, text in enumerate(texts, first))
        found += read(write(tmp_path, file, f"{header},评价内容,时间\n{lines}"), home)[0]
    assert len({mention.id for mention in found}) == 5
    (first_of_a_thread, _), _ = read(write(tmp_path, "a.csv", f"{header},评价内容\n41,好喝\n42,太甜\n"), home)
    assert first_of_a_thread.id == "import:41"


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ("评论内容,评论时间,用户昵称,笔记链接", "https://www.xiaohongshu.com/explore/64f0a1b2c3d4e5f6a7b8c9d0"),
        ("评价内容,评价时间,买家昵称,链接", "https://item.jd.com/100.html"),
        ("comment,published,author,url", "https://news.example/a"),
        ("评论,时间,用户名,评论链接", "https://news.example/a#comment-{}"),
    ],
)
def test_a_link_to_what_is_commented_on_makes_its_comments_no_single_one(
    tmp_path: Path, home: Settings, header: str, link: str
) -> None:
    lines = (f"好喝{n},2026-08-14 09:00,甲,{link.format(n)}\n" for n in (1, 2))
    path = write(tmp_path, "a.csv", f"{header}\n{''.join(lines)}")
    good, _ = read(path, home)
    assert len({m.id for m in good}) == 2
    assert [m.id for m in read(path, home)[0]] == [m.id for m in good]


def test_a_comment_that_was_edited_stays_the_one_its_own_link_names(tmp_path: Path, home: Settings) -> None:
    text = "评论,时间,用户名,评论链接\n{},2026-08-14 09:00,甲,https://news.example/a#comment-1\n"
    found = [read(write(tmp_path, "a.csv", text.format(said)), home)[0][0] for said in ("好喝", "不好喝")]
    assert found[0].id == found[1].id


def test_the_posts_of_a_site_that_is_one_page_are_told_apart(tmp_path: Path, home: Settings) -> None:
    lines = "".join(f"很好,2026-08-01,https://m.example/app#/post/{n}\n" for n in (1, 2))
    good, _ = read(write(tmp_path, "links.csv", "内容,时间,链接\n" + lines), home)
    assert [m.id for m in good] == ["import:m.example/app#/post/1", "import:m.example/app#/post/2"]
