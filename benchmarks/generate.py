"""Synthetic mentions for measuring: as many as wanted, the same for the same seed, in order of arrival.

80 % Chinese, 14 % English, 6 % mixed; about 100 characters; 40 brands and 12 platforms by Zipf's law; up to
200,000 authors; 180 days that end today, with four bursts; one in twenty arrives up to 30 days late.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from index.documents import Analysis, Aspect, Author, Engagement, Mention, Record, SentimentLabel

END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)  # "the last 7 days" must not be empty
DAYS = 180
BURST_DAYS = (31, 75, 118, 160)
BRANDS = [f"品牌{n:02d}" for n in range(1, 41)]
PLATFORMS = [
    "weibo",
    "xiaohongshu",
    "douyin",
    "bilibili",
    "zhihu",
    "dianping",
    "taobao",
    "jd",
    "tieba",
    "hackernews",
    "news",
    "forum",
]
ASPECTS = ("taste", "price", "quality", "staff", "delivery", "packaging", "appearance")
INTENTS = ("complaint", "question", "praise", "purchase_intent", "advertisement")
SUBJECTS = [
    "奶茶",
    "咖啡",
    "果茶",
    "面膜",
    "口红",
    "耳机",
    "手机",
    "外套",
    "牛奶",
    "饼干",
    "洗发水",
    "运动鞋",
    "吹风机",
    "猫粮",
    "酸奶",
    "防晒霜",
]
CLAUSES = """
今天在{place}买了{thing}|排队等了{n}分钟才拿到|服务员态度真的很好|味道比上次淡了不少|客服一直不回消息|包装挺好看的
价格有点贵但是值得|喝第一口就觉得太甜了|朋友推荐我来试试{thing}|打开盒子发现少了一件|质量比想象中好很多|快递三天才到
已经回购第{n}次了|以后不会再买了|真香警告|颜色和图片上不一样|用了{n}天皮肤好多了|差评必须给|孩子特别喜欢这个口味
搭配{thing}一起很不错|活动价才{n}块钱|门店在{place}很好找|出了新口味想尝尝|这次的{thing}明显缩水了|退货流程太麻烦
拍照很出片|同事都问我在哪里买的|有没有人知道怎么保存|和别家的{thing}比差远了|性价比很高|里面吃出了异物|投诉之后马上给我退款了
电池一天要充两次电|穿着很舒服不磨脚|冰块放得太多了|下次会带家人再来|小票上多收了{n}元|味道清爽不腻|直播间买的便宜
瓶盖漏得到处都是|赠品很有诚意|尺码偏小建议买大一号|闻起来有怪味|店里音乐好听
售后处理得很快|外卖送到已经凉了
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
ENGLISH = """
bought the {thing} near {place} today|the queue took {n} minutes|staff were really friendly|so weak
support never answers my messages|lovely packaging|a bit pricey but worth it|way too sweet for me
a friend said to try it
one piece was missing from the box|better quality than expected|delivery took three days|my kids love this flavour
never buying this again|the colour is not what the picture shows|great value for money|refund came within {n} hours
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
PLACES = ["人民广场", "三里屯", "春熙路", "天河城", "西湖边", "五道口", "解放碑", "中山路", "机场", "大学城"]
EMOJI = ["😋", "👍", "😡", "❤️", "😭", "🔥", "[笑哭]", "[允悲]"]
SENTIMENTS: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive", "unsure")


def records(rows: int, *, seed: int = 1, authors: int = 200_000) -> Iterator[Record]:
    """`rows` analysed mentions in order of arrival."""
    chance = random.Random(seed)
    moments = sorted(_moments(rows, chance))
    late = {i for i in range(rows) if chance.random() < 0.05}
    delays = (timedelta(days=chance.random() * 30) if i in late else timedelta() for i in range(rows))
    arrivals = [moment + delay for moment, delay in zip(moments, delays, strict=True)]
    brand_weights = list(accumulate(1 / n for n in range(1, len(BRANDS) + 1)))
    platform_weights = list(accumulate(1 / n for n in range(1, len(PLATFORMS) + 1)))
    for i in sorted(range(rows), key=arrivals.__getitem__):
        brands = {*chance.choices(BRANDS, cum_weights=brand_weights, k=2 if chance.random() < 0.08 else 1)}
        platform = chance.choices(PLATFORMS, cum_weights=platform_weights)[0]
        yield record(i, moments[i], tuple(sorted(brands)), platform, chance, min(authors, max(10, rows // 5)))


def _moments(rows: int, chance: random.Random) -> Iterator[datetime]:
    for _ in range(rows):
        day = chance.choice(BURST_DAYS) if chance.random() < 0.06 else chance.randrange(DAYS)
        yield END - timedelta(days=DAYS - day, seconds=-chance.randrange(86_400))


def record(
    i: int, at: datetime, brands: tuple[str, ...], platform: str, chance: random.Random, authors: int
) -> Record:
    """One mention with a plausible analysis."""
    who = int(authors / len(PLATFORMS) * chance.random() ** 2)
    mood = chance.choices(SENTIMENTS, cum_weights=(30, 55, 95, 100))[0]
    mention = Mention(
        id=f"{platform}:{i}",
        platform=platform,
        source=f"{platform}-search",
        text=text(brands[0], chance),
        published_at=at,
        fetched_at=at,
        version=int(at.timestamp() * 1000),
        url=f"https://{platform}.example/post/{i}",
        author=Author(id=f"{platform}:u{who}", name=f"用户{who}", followers=int(10 ** (chance.random() * 5))),
        engagement=Engagement(likes=int(1.5 ** chance.randrange(18)), comments=chance.randrange(20)),
        brands=brands,
    )
    return Record(mention=mention, analysis=_analysis(mood, at, chance))


def _analysis(mood: SentimentLabel, at: datetime, chance: random.Random) -> Analysis:
    named = chance.sample(ASPECTS, k=chance.choices((0, 1, 2, 3), cum_weights=(40, 80, 95, 100))[0])
    aspects = tuple(Aspect(name=a, sentiment=chance.choice(SENTIMENTS[:3]), span=(0, 4)) for a in named)
    return Analysis(
        model="measuring",
        model_version="1",
        analysed_at=at,
        lang="zh",
        sentiment=mood,
        probabilities={"negative": 0.2, "neutral": 0.3, "positive": 0.5},
        aspects=aspects,
        intents=tuple(chance.sample(INTENTS, k=chance.choices((0, 1, 2), cum_weights=(50, 90, 100))[0])),
        spam=round(chance.random() ** 3, 3),
    )


def text(brand: str, chance: random.Random) -> str:
    """About 100 characters by one of our own sentence makers."""
    kind = chance.random()
    if kind < 0.14:
        parts, gap = chance.choices(ENGLISH, k=4), ". "
    elif kind < 0.20:
        parts, gap = chance.choices(ENGLISH, k=1) + chance.choices(CLAUSES, k=6), "，"
    else:
        parts, gap = chance.choices(CLAUSES, k=9), "，"
    body = gap.join(parts).replace("{thing}", chance.choice(SUBJECTS)).replace("{n}", str(chance.randrange(90)))
    return f"{brand}{gap}{body.replace('{place}', chance.choice(PLACES))}{chance.choice(EMOJI)}"
