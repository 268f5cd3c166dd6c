"""Who lives in the demo: ordinary accounts, KOCs, a star, a spam ring, and the customers of a CRM."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dashboard.demo.texts import names

ENGLISH_PLATFORMS = {"hackernews", "discourse", "amazon", "youtube"}
FOLLOWERS_KNOWN = {"weibo", "douyin", "xiaohongshu"}

# name, platform, city, followers: consumers who post from own experience and are listened to.
KOCS = (
    ("南枝的下午茶", "xiaohongshu", "上海", 4_200), ("阿棠喝遍{city}", "xiaohongshu", "成都", 9_800),
    ("控糖小满", "xiaohongshu", "杭州", 2_600), ("半夏测评笔记", "douyin", "武汉", 12_500),
    ("奶茶会计师", "douyin", "广州", 6_700), ("林妈妈的周末", "xiaohongshu", "南京", 1_800),
    ("茶小白进阶中", "weibo", "长沙", 3_300), ("十七楼的阿泽", "weibo", "深圳", 5_400),
    ("一只爱记账的猫", "weibo", "苏州", 1_200),
)  # fmt: skip
STARS = (("茶话小星球", "weibo", 1_260_000), ("吃遍江南的老饕", "douyin", 418_000))
SPAMMERS = (
    "奶茶券福利社01",
    "奶茶券福利社02",
    "奶茶券福利社07",
    "茶饮加盟王经理",
    "日结兼职小助手",
    "储值卡折扣铺",
)


class DemoAuthor(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is native. `role` is ordinary, koc, star or spam."""

    platform: str
    id: str
    name: str
    followers: int | None = None
    verified: bool = False
    region: str | None = None
    role: str = "ordinary"


class DemoCustomer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    phone: str
    email: str
    tier: str
    orders: int
    spend: float
    last_order_at: datetime
    last_order: str
    handles: dict[str, str] = {}
    tags: str = ""


class People:
    """The accounts of every platform, made when first asked for; the same dice make the same people."""

    def __init__(self, dice: random.Random, size: int) -> None:
        self._dice = dice
        self._size = size
        self._ordinary: dict[str, list[DemoAuthor]] = {}
        self._names: set[str] = set()
        self._next = 1_900_000_000
        self.kocs = [
            self._author(platform, name.format(city=city), followers, role="koc", region=city)
            for name, platform, city, followers in KOCS
        ]
        self.stars = [
            self._author(platform, name, followers, role="star", verified=True)
            for name, platform, followers in STARS
        ]
        self.spammers = [self._author("weibo", name, 30 + 17 * n, role="spam") for n, name in enumerate(SPAMMERS)]

    def anyone(self, platform: str) -> DemoAuthor:
        """An ordinary account: few speak often, most once."""
        crowd = self._ordinary.setdefault(platform, [])
        wanted = max(12, int(self._size * (0.10 if platform in FOLLOWERS_KNOWN else 0.03)))
        if len(crowd) < wanted:
            crowd.extend(self._author(platform, self._name(platform)) for _ in range(wanted - len(crowd)))
        return crowd[
            min(int(self._dice.paretovariate(0.9)) - 1 + self._dice.randrange(wanted), wanted - 1) % wanted
        ]

    def spoken(self, platform: str) -> list[DemoAuthor]:
        return self._ordinary.get(platform, [])

    def _author(self, platform: str, name: str, followers: int | None = None, **facts: Any) -> DemoAuthor:
        self._next += 7
        if followers is None and platform in FOLLOWERS_KNOWN:
            followers = min(int(self._dice.lognormvariate(5.0, 1.3)), 90_000)
        number = name if platform == "hackernews" else str(self._next)
        facts.setdefault("region", self._dice.choice(names("regions")))
        return DemoAuthor(platform=platform, id=number, name=name, followers=followers, **facts)

    def _name(self, platform: str) -> str:
        kind = "english_" if platform in ENGLISH_PLATFORMS else ""
        pools = names(f"{kind}first"), names(f"{kind}last")
        while True:
            name = self._dice.choice(pools[0]) + self._dice.choice(pools[1])
            if name in self._names:
                name += str(self._dice.randint(2, 999))
            if name not in self._names:
                self._names.add(name)
                return name


def make_customers(
    dice: random.Random, people: People, now: datetime, products: tuple[str, ...]
) -> list[DemoCustomer]:
    """200 customers; some declare an account of theirs, KOCs among them with little spending."""
    spoken = [a for platform in ("weibo", "xiaohongshu", "douyin") for a in people.spoken(platform)]
    declared = [*people.kocs[:7], *dice.sample(spoken, min(48, len(spoken)))]
    return [
        _customer(dice, number, declared[number] if number < len(declared) else None, now, products)
        for number in range(200)
    ]


def _customer(
    dice: random.Random, number: int, author: DemoAuthor | None, now: datetime, products: tuple[str, ...]
) -> DemoCustomer:
    low = author is not None and author.role == "koc"
    orders = dice.randint(1, 12) if low else int(dice.paretovariate(0.8) * 4) % 160 + 1
    spend = round(orders * dice.uniform(16, 28), 2)
    product = dice.choice(products)
    return DemoCustomer(
        id=f"QY{10_000 + number * 37}",
        name=dice.choice(names("family")) + dice.choice(names("given")),
        phone=f"199{dice.randrange(10**8):08d}",
        email=f"member{10_000 + number * 37}@example.com",
        tier="黑金" if spend > 1500 else "金卡" if spend > 600 else "银卡" if spend > 150 else "普通",
        orders=orders,
        spend=spend,
        last_order_at=now - timedelta(days=dice.randint(0, 40), minutes=dice.randint(0, 1400)),
        last_order=f"{product} 大杯 ×{dice.randint(1, 3)}",
        handles={author.platform: author.name if author.platform == "weibo" else author.id} if author else {},
        tags=dice.choice(("", "下午茶", "控糖", "学生", "会员日常客", "企业团购")),
    )
