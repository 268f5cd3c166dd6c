"""What ten thousand aliases cost: the matching step and the whole intake, in mentions per CPU-second.

    python benchmarks/matching.py [--mentions 20000] [--aliases 10 100 1000 10000]

Texts are generated; one in ten names a brand. The last column is the time against the first row's.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from crawlers.connector import Raw
from crawlers.intake import Intake
from crawlers.pipelines.match import Brands
from index.documents import Author, Engagement, Mention
from index.inbox.sqlite import SqliteInbox
from index.settings import Brand, Settings

WORDS = (
    "今天", "周末", "同事", "推荐", "排队", "味道", "不错", "有点", "贵", "下次", "再来", "门店", "服务", "一般",
    "包装", "好看", " the ", " coffee ", " was ", " great ", "价格", "新品", "拿铁",
)  # fmt: skip
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class EmptyStore:
    def digests(self, _: Sequence[str]) -> dict[str, tuple[int, str]]:
        return {}


def brands_of(aliases: int, dice: random.Random) -> tuple[Brand, ...]:
    """Brands of ten names each, half Chinese, half Latin."""
    signs, letters = [chr(code) for code in range(0x4E00, 0x5E00)], "abcdefghijklmnopqrstuvwxyz"
    names = [
        "".join(dice.choices(signs, k=dice.randint(2, 5))) if n % 2 else "".join(dice.choices(letters, k=7))
        for n in range(aliases)
    ]
    groups = [names[start : start + 10] for start in range(0, len(names), 10)]
    return tuple(
        Brand(name=f"{group[0]} {n}", aliases=tuple(group[1:]), exclude=(f"{group[0]}机",))
        for n, group in enumerate(groups)
    )


def raws_of(count: int, names: Sequence[str], dice: random.Random) -> list[Raw]:
    def text(n: int) -> str:
        words = dice.choices(WORDS, k=25)
        return "".join([*words, f" {dice.choice(names)} #打卡#" if n % 10 == 0 else ""])

    return [{"id": n, "text": text(n), "user": n % 999} for n in range(count)]


def read(raw: Raw) -> list[Mention]:
    author = Author(id=f"weibo:{raw['user']}", name="小鹿同学", followers=120)
    return [
        Mention(
            id=f"weibo:{raw['id']}",
            platform="weibo",
            source="bench",
            text=raw["text"],
            published_at=NOW,
            author=author,
            engagement=Engagement(likes=3),
        )
    ]


def matching_seconds(brands: Brands, mentions: Sequence[Mention]) -> float:
    start = time.process_time()
    for mention in mentions:
        brands.of_mention(mention)
    return time.process_time() - start


def intake_seconds(brands: tuple[Brand, ...], raws: Sequence[Raw]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        inbox = SqliteInbox(Path(folder) / "inbox.sqlite")
        intake = Intake(Settings(home=Path(folder), brands=brands), inbox, EmptyStore())
        start = time.process_time()
        intake.take("bench", ((raw, None) for raw in raws), read)
        spent = time.process_time() - start
        inbox.close()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mentions", type=int, default=20_000)
    parser.add_argument("--aliases", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    arguments = parser.parse_args()
    dice = random.Random(1)
    print(f"{'aliases':>8} {'build ms':>9} {'matching/s':>11} {'ratio':>6} {'intake/s':>9} {'ratio':>6}")
    first: tuple[float, float] | None = None
    for count in arguments.aliases:
        configured = brands_of(count, dice)
        start = time.process_time()
        compiled = Brands(configured)
        building = time.process_time() - start
        raws = raws_of(arguments.mentions, [brand.name for brand in configured], dice)
        matching = matching_seconds(compiled, [read(raw)[0] for raw in raws])
        intake = intake_seconds(configured, raws)
        first = first or (matching, intake)
        n = arguments.mentions
        print(
            f"{count:>8} {building * 1000:>9.0f} {n / matching:>11.0f} {matching / first[0]:>6.2f}"
            f" {n / intake:>9.0f} {intake / first[1]:>6.2f}"
        )


if __name__ == "__main__":
    main()
