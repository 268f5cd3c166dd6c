"""From a vendor's export to the store without scoring: rows read, mapped, cleaned, matched, queued, masked, saved.

Everything is the real thing and durable; only the model's answer is left out, one fixed analysis stands for
it. CPU-seconds of this process (all threads), so that a busy machine does not change the answer much. Bar:
3,000 mentions per CPU-second over all steps.

    python benchmarks/ingest.py                     5,000, 20,000 and 80,000 rows
    python benchmarks/ingest.py --rows 20000 --profile
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import pstats
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crawlers.imports import inspect, mapping, raws
from crawlers.intake import Intake
from index.documents import Analysis, Record
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.settings import Brand, Settings
from index.stores import open_store
from index.stores.protocol import Store
from nlp.analyse import Analyser
from nlp.engine import load_model

BRANDS = 40
LEASE = 500
HEADER = ("笔记ID", "标题", "内容", "作者", "作者ID", "粉丝数", "点赞数", "评论数", "发布时间", "链接")
CLAUSES = (
    "今天和同事一起去喝了{brand}", "{brand}新出的这款真好喝", "排队排了半个小时", "味道有点偏甜，下次要三分糖",
    "包装很好看，拍照发朋友圈了", "客服态度一般，问了半天才回", "外卖送来的时候冰都化了", "价格比去年贵了3块钱",
    "推荐给喜欢茉莉花茶的姐妹", "性价比还可以，会回购", "有点失望", "隔壁那家更便宜", "绝绝子！YYDS",
    "the cheese foam is really good", "孩子很喜欢喝",
)  # fmt: skip
NUMBERS = ("，订单号是20261103{n}", "，打电话138{n}123问了门店", "，加微信 tea{n}x 领券")  # in one text of 20


def export(file: Path, rows: int) -> None:
    """A CSV with Chinese headers, about 60 characters a text, as a vendor would hand it over."""
    dice = random.Random(7)
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with file.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(HEADER)
        for number in range(rows):
            text = "，".join(dice.choice(CLAUSES) for _ in range(dice.randint(2, 8)))
            text += dice.choice(NUMBERS) if number % 20 == 0 else ""
            text = text.format(brand=f"茶品牌{dice.randrange(BRANDS)}号", n=f"{number:05}"[-5:])
            at = now - timedelta(days=60) * (number / rows)
            author = dice.randrange(rows // 5 + 1)
            writer.writerow(
                (
                    f"n{number}", text[:12], f"茶品牌{number % BRANDS}号 {text}", f"用户{author}", f"u{author}",
                    dice.randrange(100_000), dice.randrange(5_000), dice.randrange(300),
                    f"{at:%Y-%m-%d %H:%M:%S}", f"https://www.xiaohongshu.com/explore/n{number}",
                )
            )  # fmt: skip


class Clock:
    """CPU-seconds by step."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.spent[step] += time.process_time() - started


def ingest(home: Path, rows: int) -> tuple[dict[str, float], dict[str, float]]:
    """CPU-seconds by step: of the first import, and of the same file again."""
    file = home / "export.csv"
    export(file, rows)
    settings = Settings(home=home, brands=tuple(Brand(name=f"茶品牌{n}号") for n in range(BRANDS)))
    inbox, store = open_inbox(settings), open_store(settings)
    analyser = Analyser(settings, load_model(settings.model))
    first, again = Clock(), Clock()
    for clock in (first, again):
        with clock("read, map, clean, match, queue"):
            plan = inspect(file, settings, platform="xiaohongshu")
            intake = Intake(settings, inbox, store)
            intake.take(plan.source, raws(plan), mapping(plan), batch="benchmark")
        drain(inbox, store, analyser, clock)
    counts = inbox.counts()[plan.source]
    if (counts["saved"], counts["duplicate"]) != (rows, rows):
        raise SystemExit(f"expected {rows} saved and {rows} duplicates, found {counts}")
    inbox.close()
    store.close()
    return first.spent, again.spent


def drain(inbox: Inbox, store: Store, analyser: Analyser, clock: Clock) -> None:
    """What the worker does, without model, links and alerts."""
    analysis = Analysis(
        model="none",
        model_version="0",
        analysed_at=datetime.now(UTC),
        lang="zh-Hans",
        sentiment="neutral",
        probabilities={"negative": 0.2, "neutral": 0.6, "positive": 0.2},
    )
    while True:
        with clock("lease"):
            leased = inbox.lease(LEASE, worker="benchmark")
        if not leased:
            return
        with clock("mask"):
            masked = [analyser.mask(one.item.mention) for one in leased]
        with clock("save"):
            outcomes = store.save([Record(mention=one.mention, analysis=analysis) for one in masked])
        with clock("acknowledge"):
            new = [one for one, outcome in zip(leased, outcomes, strict=True) if outcome == "inserted"]
            known = [one for one, outcome in zip(leased, outcomes, strict=True) if outcome == "unchanged"]
            inbox.ack(new)
            inbox.ack(known, "duplicate")


def report(rows: int, first: dict[str, float], again: dict[str, float]) -> float:
    total = sum(first.values())
    print(f"\n{rows:,} rows{'CPU-s':>35}{'mentions per CPU-s':>22}{'share':>8}")
    for step, seconds in first.items():
        print(f"  {step:34}{seconds:9.2f}{rows / max(seconds, 1e-9):22,.0f}{seconds / total:8.0%}")
    print(f"  {'all':34}{total:9.2f}{rows / total:22,.0f}")
    print(f"  {'the same file again':34}{sum(again.values()):9.2f}{rows / sum(again.values()):22,.0f}")
    return rows / total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 20_000, 80_000])
    parser.add_argument("--bar", type=float, default=3_000.0, help="mentions per CPU-second over all steps")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    arguments = parser.parse_args()
    profile = cProfile.Profile()
    rates = []
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as home:
            if arguments.profile:
                profile.enable()
            first, again = ingest(Path(home), rows)
            profile.disable()
        rates.append(report(rows, first, again))
    if arguments.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    return 0 if min(rates) >= arguments.bar else 1


if __name__ == "__main__":
    raise SystemExit(main())
