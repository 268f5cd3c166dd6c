"""The demo's exports as customers get them: a vendor's CSV, a back office's workbook, JSON Lines, a CRM list."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import openpyxl

from dashboard.demo.world import ZONE, DemoPost, World


def write_files(world: World, folder: Path, exported_at: datetime) -> list[Path]:
    """Write the mention files; returns them in the order of import."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        _write_douyin(world.on("douyin"), folder / "抖音监测数据.csv"),
        _write_xiaohongshu(world.on("xiaohongshu"), folder / "小红书笔记导出.xlsx"),
        _write_lines(map(_amazon, world.on("amazon")), folder / "amazon_reviews.jsonl"),
        _write_lines(map(_youtube, world.on("youtube")), folder / "youtube_comments.jsonl"),
        _write_lines(map(_wechat, world.on("wechat")), folder / "wechat_articles.jsonl"),
    ]
    for file in files:
        os.utime(file, (exported_at.timestamp(), exported_at.timestamp()))
    return files


def _local(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _short(count: int | None) -> str:
    """A counter as Chinese exports print it."""
    if count is None:
        return "--"
    return f"{count / 10_000:.1f}万" if count >= 10_000 else str(count)


DOUYIN = [
    "序号",
    "平台",
    "作品ID",
    "内容",
    "作者",
    "作者ID",
    "粉丝数",
    "点赞数",
    "评论数",
    "转发数",
    "播放量",
    "发布时间",
    "链接",
    "情感属性",
]


def _write_douyin(posts: Sequence[DemoPost], path: Path) -> Path:
    """A listening vendor's CSV: gb18030, a banner above the header, a footer below, a few rows gone wrong."""
    first, last = (f"{posts[i].at.astimezone(ZONE):%Y-%m-%d}" if posts else "-" for i in (0, -1))
    with path.open("w", encoding="gb18030", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([f"日期范围：{first} 至 {last}"])
        rows.writerow(DOUYIN)
        for number, post in enumerate(posts, 1):
            rows.writerow(_douyin_row(number, post))
        rows.writerows(_gone_wrong(len(posts)))
        rows.writerow(["仅展示前10000条"])
    return path


def _gone_wrong(posts: int) -> list[list[Any]]:
    """Rows that must end in quarantine: no text, no time."""
    blank = [""] * 6
    return [
        [posts + 1, "抖音", "\t7400000000000000001", "", "已注销", *blank, "2026-01-01 10:00:00", "", ""],
        [posts + 2, "抖音", "\t7400000000000000002", "视频已删除", "已注销", *blank, "时间未知", "", ""],
    ]


def _douyin_row(number: int, post: DemoPost) -> list[Any]:
    author = post.author
    return [
        number, "抖音", f"\t{post.id}", post.text, author.name, author.id, _short(author.followers),
        _short(post.likes), _short(post.comments), _short(post.shares), _short(post.views), _local(post.at),
        f"https://www.douyin.com/video/{post.id}", post.vendor or "--",
    ]  # fmt: skip


XIAOHONGSHU = [
    "笔记ID",
    "笔记链接",
    "笔记标题",
    "笔记内容",
    "博主昵称",
    "博主ID",
    "粉丝数",
    "点赞数",
    "收藏数",
    "评论数",
    "分享数",
    "发布时间",
    "IP属地",
]


def _write_xiaohongshu(posts: Sequence[DemoPost], path: Path) -> Path:
    """A back office's workbook: a cover sheet, a title over merged cells, dates as Excel dates, a total below."""
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.append(["本报表由后台自动生成，仅供内部使用"])
    sheet = book.create_sheet("笔记明细")
    sheet.append(["笔记数据明细（近60天）"])
    sheet.merge_cells("A1:M1")
    sheet.append(list(XIAOHONGSHU))
    for post in posts:
        sheet.append(
            [
                post.id, f"https://www.xiaohongshu.com/explore/{post.id}", post.title, post.text, post.author.name,
                post.author.id, post.author.followers, post.likes, post.saves, post.comments, post.shares,
                post.at.astimezone(ZONE).replace(tzinfo=None), post.author.region,
            ]
        )  # fmt: skip
    sheet.append(["合计", None, None, None, None, None, None, sum(post.likes or 0 for post in posts)])
    book.save(path)
    return path


def _write_lines(rows: Iterable[dict[str, Any]], path: Path) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


def _amazon(post: DemoPost) -> dict[str, Any]:
    return {
        "platform": "amazon",
        "review_id": post.id,
        "title": post.title,
        "content": post.text,
        "author": post.author.name,
        "rating": post.rating,
        "helpful_votes": post.likes,
        "date": post.at.isoformat(),
        "url": f"https://www.amazon.com/gp/customer-reviews/{post.id}",
    }


def _youtube(post: DemoPost) -> dict[str, Any]:
    return {
        "platform": "youtube",
        "comment_id": post.id,
        "text": post.text,
        "author": post.author.name,
        "like_count": post.likes,
        "published_at": int(post.at.timestamp()),
    }


def _wechat(post: DemoPost) -> dict[str, Any]:
    return {
        "平台": "微信公众号",
        "文章ID": post.id,
        "标题": post.title,
        "正文": post.text,
        "公众号": post.author.name,
        "阅读数": post.views,
        "在看数": post.likes,
        "发布时间": _local(post.at),
    }


CUSTOMERS = [
    "会员号",
    "姓名",
    "手机号",
    "邮箱",
    "会员等级",
    "累计订单",
    "累计消费",
    "最近下单时间",
    "最近订单",
    "微博昵称",
    "小红书ID",
    "抖音ID",
    "标签",
    "是否同意",
]


def write_customers(world: World, path: Path) -> Path:
    """The CRM's customer list as a workbook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.active.append(list(CUSTOMERS))
    for one in world.customers:
        book.active.append(
            [
                one.id, one.name, one.phone, one.email, one.tier, one.orders, one.spend,
                one.last_order_at.astimezone(ZONE).replace(tzinfo=None), one.last_order, one.handles.get("weibo"),
                one.handles.get("xiaohongshu"), one.handles.get("douyin"), one.tags or None, "是",
            ]
        )  # fmt: skip
    book.save(path)
    return path
