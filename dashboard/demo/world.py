"""The demo's world: sixty days of three invented brands on ten platforms, the same for the same seed and anchor.

An own milk tea brand with a crisis three evenings before the anchor, its competitor, and an own small-appliance
brand that sells abroad. Nothing here is real: brands, people, customers and every sentence are invented.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from dashboard.demo import texts
from dashboard.demo.people import ENGLISH_PLATFORMS, DemoAuthor, DemoCustomer, People, make_customers
from dashboard.demo.texts import APPLIANCE, RIVAL_PRODUCTS, TEA, TEA_PRODUCTS, Writer, vendor_label

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = 60
SEED = 20_26
MENTIONS = 3_400
CRISIS_DAYS_AGO = 3

# Share of all mentions by platform.
SHARES = {
    "weibo": 0.30, "douyin": 0.21, "xiaohongshu": 0.19, "amazon": 0.085, "forum": 0.06, "youtube": 0.045,
    "discourse": 0.035, "hackernews": 0.015, "rss_news": 0.011, "wechat": 0.006,
}  # fmt: skip
CRISIS_SHARE, SPAM_SHARE, NOISE_SHARE = 0.055, 0.012, 0.015
CRISIS_PLATFORMS = {"douyin": 0.66, "weibo": 0.22, "xiaohongshu": 0.12}
WEEKDAYS = (0.9, 0.88, 0.92, 1.0, 1.25, 1.4, 1.3)  # Monday first: tea is a weekend matter
HOURS = (2, 1, 1, 0, 0, 1, 2, 4, 6, 7, 8, 10, 12, 10, 11, 12, 10, 9, 10, 12, 13, 12, 8, 5)
ID_START = {"weibo": 5_200_000_000_000_000, "discourse": 1_000, "forum": 4_000, "hackernews": 44_900_000}


class DemoPost(msgspec.Struct, frozen=True, kw_only=True):
    """One post before it has an id. `thread` numbers a topic or story of its platform."""

    platform: str
    author: DemoAuthor
    text: str
    at: datetime
    kind: str = "post"
    title: str | None = None
    thread: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    views: int | None = None
    rating: int | None = None
    vendor: str | None = None
    tags: tuple[str, ...] = ()
    id: str = ""


class World(msgspec.Struct, frozen=True, kw_only=True):
    posts: tuple[DemoPost, ...]
    customers: tuple[DemoCustomer, ...]

    def on(self, *platforms: str) -> list[DemoPost]:
        """The posts of these platforms, oldest first."""
        return [post for post in self.posts if post.platform in platforms]


def build_world(anchor: datetime, mentions: int = MENTIONS, seed: int = SEED) -> World:
    """Everything that was said in the sixty days before `anchor`."""
    return _Builder(anchor, mentions, seed).build()


class _Builder:
    def __init__(self, anchor: datetime, mentions: int, seed: int) -> None:
        self.dice = random.Random(seed)
        self.anchor, self.mentions = anchor.replace(microsecond=0), mentions
        self.people = People(self.dice, mentions)
        self.writer = Writer(self.dice)
        days = [anchor - timedelta(days=day) for day in range(DAYS)]
        self._days = days, [WEEKDAYS[day.astimezone(ZONE).weekday()] for day in days]

    def build(self) -> World:
        posts = self._ordinary() + self._crisis() + self._kocs() + self._stars() + self._spam() + self._noise()
        posts += self._long_stories()
        customers = make_customers(self.dice, self.people, self.anchor, TEA_PRODUCTS)
        posts += self._complaints_with_phone(customers[150:162])
        return World(posts=_numbered(posts), customers=tuple(customers))

    def moment(self) -> datetime:
        """Some moment before the anchor, in the rhythm of week and day."""
        while True:
            day = self.dice.choices(*self._days)[0].astimezone(ZONE)
            hour = self.dice.choices(range(24), HOURS)[0]
            at = day.replace(
                hour=hour, minute=self.dice.randrange(60), second=self.dice.randrange(60), microsecond=0
            )
            if at < self.anchor:
                return at

    def _ordinary(self) -> list[DemoPost]:
        rest = self.mentions * (1 - CRISIS_SHARE - SPAM_SHARE - NOISE_SHARE)
        return [self._post(platform) for platform, share in SHARES.items() for _ in range(round(rest * share))]

    def _post(self, platform: str) -> DemoPost:
        if platform in ("rss_news", "wechat"):
            return self._article(platform)
        if platform in ENGLISH_PLATFORMS:
            return self._about_appliances(platform)
        drawn = self.dice.random()
        if drawn < (0.25 if platform == "forum" else 0.04):
            text, recipe = self.writer.write(texts.APPLIANCE_ZH, "appliance", APPLIANCE, texts.APPLIANCE_PRODUCTS)
            return self._told(platform, self.named(text, APPLIANCE["b"], platform), recipe)
        if drawn < 0.32:
            words = {**TEA, "b": TEA["r"]}
            text, recipe = self.writer.write(texts.RIVAL_TALK, "tea", words, RIVAL_PRODUCTS)
            return self._told(platform, self.named(text, TEA["r"], platform), recipe)
        text, recipe = self.writer.write(texts.TEA_TALK, "tea", TEA, TEA_PRODUCTS)
        return self._told(platform, self.named(text, TEA["b"], platform), recipe)

    def named(self, text: str, brand: str, platform: str) -> str:
        """The text, tagged as the platform's users do when it names nobody, and sometimes when it does."""
        known = (brand, *TEA_PRODUCTS, *RIVAL_PRODUCTS, *texts.APPLIANCE_PRODUCTS)
        if any(name in text for name in known) and self.dice.random() < 0.8:
            return text
        if platform == "weibo":
            return self.dice.choice((f"#{brand}# {text}", f"{text} @{brand}", f"{text} #{brand}#"))
        return f"{text} #{brand}" if platform != "forum" else f"{brand}：{text}"

    def _told(
        self, platform: str, text: str, recipe: str, *, author: DemoAuthor | None = None, at: datetime | None = None
    ) -> DemoPost:
        author = author or self.people.anyone(platform)
        likes = self._likes(author)
        title = None
        if platform == "xiaohongshu":
            title = self.dice.choice(texts.sections("tea")["titles"])
        return DemoPost(
            platform=platform,
            author=author,
            text=text,
            title=title,
            at=at or self.moment(),
            likes=likes,
            comments=self._some(likes, 0.15),
            shares=self._some(likes, 0.06),
            saves=self._some(likes, 0.2) if platform == "xiaohongshu" else None,
            views=likes * self.dice.randint(12, 40) + self.dice.randint(5, 90) if platform == "douyin" else None,
            vendor=vendor_label(recipe, self.dice),
            thread=self.dice.randrange(max(8, self.mentions // 80)) if platform == "forum" else None,
        )

    def _likes(self, author: DemoAuthor, times: float = 1.0) -> int:
        """About what an audience of that size gives (0.12 x F^0.8), with luck."""
        usual = 0.12 * max(author.followers or 60, 5) ** 0.8
        return int(usual * times * self.dice.lognormvariate(-0.3, 0.7))

    def _some(self, likes: int, share: float) -> int:
        return int(likes * share * self.dice.uniform(0.3, 1.7))

    def _about_appliances(self, platform: str) -> DemoPost:
        product = self.dice.choice(texts.APPLIANCE_PRODUCTS)
        rating, title = None, None
        if platform == "amazon":
            text, recipe = self.writer.write(texts.APPLIANCE_EN, "appliance", APPLIANCE, (product,))
            rating = (
                self.dice.choice((4, 5, 5))
                if "pos" in recipe
                else self.dice.choice((1, 1, 2))
                if "neg" in recipe
                else 3
            )
            spoken = next((name for name in texts.APPLIANCE_PRODUCTS if name in text), product)
            title = f"Velmio {spoken}: {rating}/5"
        else:
            section = {"hackernews": "en_hn", "discourse": "en_forum", "youtube": "youtube"}[platform]
            talk = {
                section: 4,
                **({} if platform == "hackernews" else {"en_pos": 1, "en_neg": 1, "en_questions": 1}),
            }
            text, recipe = self.writer.write(talk, "appliance", APPLIANCE, (product,))
        if "Velmio" not in text and product not in text and title is None:
            text = f"{text} ({product})"
        return DemoPost(
            platform=platform,
            author=self.people.anyone(platform),
            text=text,
            title=title,
            at=self.moment(),
            kind={"amazon": "review", "youtube": "comment", "hackernews": "comment"}.get(platform, "post"),
            rating=rating,
            likes=self.dice.randrange(40) if platform in ("youtube", "amazon") else None,
            thread=self.dice.randrange(12) if platform in ("hackernews", "discourse") else None,
        )

    def _article(self, platform: str) -> DemoPost:
        words = {**TEA, "v": APPLIANCE["v"]}
        line = self.writer.line("news", "news" if platform == "rss_news" else "wechat", words, TEA_PRODUCTS)
        return self._printed(platform, line, self.moment())

    def _printed(self, platform: str, line: str, at: datetime) -> DemoPost:
        headline, _, body = line.partition(" || ")
        desk = self.dice.choice(("消费观察", "城市早报", "新茶日报", "楼下生活", "小家电前线"))
        author = DemoAuthor(platform=platform, id=desk, name=desk)
        views = self.dice.randint(300, 60_000) if platform == "wechat" else None
        likes = views // 60 if views else None
        return DemoPost(
            platform=platform,
            author=author,
            text=body,
            title=headline,
            at=at,
            kind="article",
            views=views,
            likes=likes,
        )

    def _crisis(self) -> list[DemoPost]:
        """One evening, one topic, mostly one platform; by ten the news have it."""
        evening = (self.anchor.astimezone(ZONE) - timedelta(days=CRISIS_DAYS_AGO)).replace(
            hour=19, minute=40, second=0
        )
        posts = []
        for _ in range(round(self.mentions * CRISIS_SHARE)):
            platform = self.dice.choices(list(CRISIS_PLATFORMS), list(CRISIS_PLATFORMS.values()))[0]
            text, _ = self.writer.write(texts.CRISIS_TALK, "tea", TEA, ("雪顶青提",))
            at = evening + timedelta(seconds=int(abs(self.dice.gauss(0, 1)) * 5400))
            posts.append(self._told(platform, self.named(text, TEA["b"], platform), "crisis", at=at))
        for hours, line in zip((3, 14), texts.sections("news")["crisis_news"], strict=True):
            text = self.writer.fill(line, {**TEA, "v": APPLIANCE["v"]}, ("雪顶青提",))
            posts.append(self._printed("rss_news", text, evening + timedelta(hours=hours)))
        return posts

    def _kocs(self) -> list[DemoPost]:
        """Six to eight posts each on days of their own, better answered than their size would tell."""
        lines = list(texts.sections("tea")["experience"])
        posts = []
        for place, author in enumerate(self.people.kocs):
            for number in range(self.dice.randint(6, 8)):
                line = lines[(place * 5 + number * 3) % len(lines)]
                body = self.writer.fill(line, TEA, TEA_PRODUCTS) + self.writer.line(
                    "tea", "tails_pos", TEA, TEA_PRODUCTS
                )
                at = self.anchor - timedelta(days=2 + number * 7 + place % 5, hours=self.dice.randint(2, 12))
                post = self._told(
                    author.platform, self.named(body, TEA["b"], author.platform), "pos", author=author, at=at
                )
                posts.append(msgspec.structs.replace(post, likes=self._likes(author, 6.5)))
        return posts

    def _long_stories(self) -> list[DemoPost]:
        """Each told by two people; a third would be noticed."""
        return [
            self._told(platform, self.writer.fill(line, TEA, TEA_PRODUCTS), "neutral")
            for line in texts.sections("tea")["long_full"]
            for platform in ("weibo", "xiaohongshu")
        ]

    def _stars(self) -> list[DemoPost]:
        posts = []
        for author in self.people.stars:
            for number in range(4):
                text, recipe = self.writer.write(
                    {"taste_pos+tails_pos": 2, "compare_lose": 1}, "tea", TEA, TEA_PRODUCTS
                )
                at = self.anchor - timedelta(days=5 + number * 13, hours=6)
                posts.append(
                    self._told(
                        author.platform, self.named(text, TEA["b"], author.platform), recipe, author=author, at=at
                    )
                )
        return posts

    def _spam(self) -> list[DemoPost]:
        """A ring that posts the same adverts within minutes, on three days."""
        posts = []
        for number in range(max(3, round(self.mentions * SPAM_SHARE))):
            author = self.people.spammers[number % len(self.people.spammers)]
            text = self.writer.line("tea", "spam_full", TEA, TEA_PRODUCTS)
            at = self.anchor - timedelta(days=9 + 14 * (number % 3), minutes=self.dice.randint(0, 40))
            posts.append(self._told("weibo", text, "neutral", author=author, at=at))
        return posts

    def _noise(self) -> list[DemoPost]:
        """Posts about nothing of ours: they are counted as unmatched."""
        count = max(2, round(self.mentions * NOISE_SHARE))
        return [
            self._told(platform, self.writer.line("tea", "noise", TEA, TEA_PRODUCTS), "neutral")
            for platform in self.dice.choices(("weibo", "douyin", "xiaohongshu"), k=count)
        ]

    def _complaints_with_phone(self, customers: list[DemoCustomer]) -> list[DemoPost]:
        """Customers who write their number into a post: it must be masked, and it links them."""
        posts = []
        for customer in customers:
            text = self.writer.line("tea", "service_neg", TEA, TEA_PRODUCTS)
            ask = self.dice.choice(("客服请联系我", "麻烦回个电话", "我的手机号"))
            text = self.named(f"{text}。{ask} {customer.phone}", TEA["b"], "weibo")
            posts.append(self._told("weibo", text, "service_neg"))
        return posts


def _numbered(posts: list[DemoPost]) -> tuple[DemoPost, ...]:
    """Ids in the order of time, as the platforms give them."""
    numbered = []
    for number, post in enumerate(sorted(posts, key=lambda post: post.at), 1):
        start = ID_START.get(post.platform)
        native = {
            "douyin": f"74{number:017d}",
            "xiaohongshu": f"66b0c1d2{number:016x}",
            "amazon": f"R{number:012d}",
            "youtube": f"Ug{number:010d}",
            "wechat": f"27{number:08d}",
            "rss_news": f"a-{number}",
        }
        numbered.append(
            msgspec.structs.replace(post, id=str(start + number * 17) if start else native[post.platform])
        )
    return tuple(numbered)
