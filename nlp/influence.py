"""KOC score: which authors are consumers whom others of their size do not get listened to like.

Not a ranking by followers. A key opinion consumer (KOC) speaks often and from own experience, to an audience
small enough to be trusted, and gets more reactions than accounts of that size usually do. The score is

    100 x weighted mean of the known parts x certainty x trust

`PARTS` holds the weights with their reasons. A part that is unknown (no follower count, no likes) is left out,
the others share its weight, and the certainty falls a little: never is "unknown" taken for zero.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal, NamedTuple

from index.documents import AuthorFacts, Customer, Influence
from index.settings import Koc

Tier = Literal["KOC", "KOL", "ordinary", "suspect"]

# Weight of each part. Speaking often and being answered make the opinion leader; own experience and the size
# of the audience make the consumer; the rest corrects.
PARTS = {
    "frequency": 0.22,
    "engagement": 0.25,
    "audience": 0.15,
    "experience": 0.18,
    "authenticity": 0.10,  # small as a part, because it is `trust` as well
    "sentiment": 0.05,  # a critic who is listened to matters too
    "low_spend": 0.05,  # only of linked authors: who buys little yet speaks well is worth winning
}
EXPECTED_PARTS = ("engagement", "audience")  # the ones whose absence costs certainty
UNKNOWN_COST = 0.15  # certainty lost when all of EXPECTED_PARTS is unknown

USUAL_FREQUENCY = 6.0  # posts at which frequency reaches 0.63; at most two a day are counted
FADE_DAYS = 60.0  # silence after which frequency halves

# Interactions usual for an audience of F: 0.25 x F^0.8, that is 6.3 % of 1,000 followers, 4 % of 10,000,
# 2.5 % of 100,000, 1.6 % of a million: the falling rates that public influencer reports agree on.
USUAL_FACTOR, USUAL_POWER = 0.25, 0.8
ENGAGEMENT_PRIOR_POSTS = 4.0  # posts at the usual rate added, so that one lucky post proves little
EXPERIENCE_PRIOR = (0.6, 2.0)  # 0.6 of 2 posts: three posts in ten are experience when nothing is known
SENTIMENT_PRIOR = (1.0, 2.0)  # one positive, one negative post added

FADE_BELOW, FADE_ABOVE = 30.0, 20.0  # factor outside the band at which the audience part reaches 0
DUPLICATE_WEIGHT, BURST_WEIGHT = 0.7, 0.5  # a copied text may be copied FROM this author; bursts may be live posts
COORDINATED_WEIGHT = 1.0  # several accounts with one text within a day: as bad as an advertisement
SUSPECT_BELOW = 0.5  # authenticity under which the author is suspect and trust begins to fall
KOL_FACTOR = 2.0  # audience over this multiple of the band is an opinion leader's, not a consumer's
MIN_POSTS, MIN_ACTIVE_DAYS, MIN_SCORE = 3, 2, 65.0  # what a KOC needs: one good post makes no opinion leader


class _Measures(NamedTuple):
    """What the parts, the tier and the sentence are made of."""

    days: int
    ratio: float | None  # engagement in multiples of the usual one
    spend: float | None
    currency: str
    parts: dict[str, float]


def score(
    facts: AuthorFacts, koc: Koc, customer: Customer | None, *, now: datetime, currency: str = "¥"
) -> Influence:
    """Score one author for one brand at `now`. Never NaN, always within 0..100; deterministic.

    `customer` is the linked CRM customer, or None; `currency` is that of what they spent. `parts` of the
    answer holds the known parts only, each 0..1.
    """
    ratio = _engagement_ratio(facts)
    spend = None if customer is None else _known(customer.spend)
    parts = _parts(facts, koc, ratio, spend, now)
    measures = _Measures(_days(facts, now), ratio, spend, currency, parts)
    tier = _tier(facts, koc, parts, (value := _score(parts)))
    zh, en = _reason(facts, koc, tier, measures)
    return Influence(
        author_id=facts.author.id,
        brand=facts.brand,
        score=round(value, 1),
        tier=tier,
        parts={name: round(part, 4) for name, part in parts.items()},
        reason_zh=zh,
        reason_en=en,
        computed_at=now,
    )


def _score(parts: dict[str, float]) -> float:
    mean = sum(PARTS[name] * part for name, part in parts.items()) / sum(PARTS[name] for name in parts)
    unknown = sum(name not in parts for name in EXPECTED_PARTS) / len(EXPECTED_PARTS)
    trust = min(1.0, parts["authenticity"] / SUSPECT_BELOW)
    return 100 * mean * (1 - UNKNOWN_COST * unknown) * trust


def _parts(
    facts: AuthorFacts, koc: Koc, ratio: float | None, spend: float | None, now: datetime
) -> dict[str, float]:
    posts = max(facts.posts, 1)
    followers = _followers(facts)
    known: dict[str, float | None] = {
        "frequency": _frequency(facts, now),
        "engagement": _engagement(ratio, _count(facts.posts)),
        "audience": None if followers is None else _audience(followers, koc),
        "experience": (_count(facts.experience_posts) + EXPERIENCE_PRIOR[0]) / (posts + EXPERIENCE_PRIOR[1]),
        "authenticity": 1 - _bad(facts) / posts,
        "sentiment": _sentiment(facts),
        "low_spend": None if spend is None else 1 / (1 + spend / max(koc.low_spend, 1.0)),
    }
    return {name: min(max(part, 0.0), 1.0) for name, part in known.items() if part is not None}


def _frequency(facts: AuthorFacts, now: datetime) -> float:
    # Days count, not posts alone: twenty posts in one hour are one event.
    spoken = min(_count(facts.posts), 2 * max(_count(facts.active_days), 1))
    silent = max((now - facts.last_at).total_seconds(), 0.0) / 86_400
    return (1 - math.exp(-spoken / USUAL_FREQUENCY)) * math.exp2(-silent / FADE_DAYS)


def usual_engagement(followers: float) -> float:
    """Interactions a post usually gets from an audience of `followers`."""
    return float(USUAL_FACTOR * max(followers, 1.0) ** USUAL_POWER)


def _engagement_ratio(facts: AuthorFacts) -> float | None:
    followers, engagement = _followers(facts), _known(facts.engagement)
    if followers is None or engagement is None:
        return None
    # One is added to both sides: with ten followers two likes instead of one are chance.
    return (engagement + 1) / (usual_engagement(followers) + 1)


def _engagement(ratio: float | None, posts: int) -> float | None:
    """The usual rate is 0.5, three times it 0.75, a third 0.25: drawn towards 0.5 while posts are few."""
    if ratio is None:
        return None
    shrunk = math.exp(math.log(ratio) * posts / (posts + ENGAGEMENT_PRIOR_POSTS))
    return shrunk / (1 + shrunk)


def _audience(followers: float, koc: Koc) -> float:
    low, high = max(koc.min_followers, 1), max(koc.max_followers, koc.min_followers, 1)
    if followers < low:
        return 1 - math.log(low / max(followers, 1.0)) / math.log(FADE_BELOW)
    if followers > high:
        return 1 - math.log(followers / high) / math.log(FADE_ABOVE)
    return 1.0


def _bad(facts: AuthorFacts) -> float:
    organised = _count(facts.coordinated_posts)
    copied = COORDINATED_WEIGHT * organised + DUPLICATE_WEIGHT * max(_count(facts.duplicate_posts) - organised, 0)
    return _count(facts.spam_posts) + copied + BURST_WEIGHT * _count(facts.burst_posts)


def _sentiment(facts: AuthorFacts) -> float:
    negative, neutral, positive = map(_count, (facts.negative, facts.neutral, facts.positive))
    return (positive + neutral / 2 + SENTIMENT_PRIOR[0]) / (negative + neutral + positive + SENTIMENT_PRIOR[1])


def _tier(facts: AuthorFacts, koc: Koc, parts: dict[str, float], value: float) -> Tier:
    """Suspect before KOL before KOC: a bought account may have a million followers."""
    doubtful = _count(facts.spam_posts) >= 1 or _bad(facts) >= 2
    if doubtful and parts["authenticity"] < SUSPECT_BELOW:
        return "suspect"
    if _reach(facts) > KOL_FACTOR * koc.max_followers:
        return "KOL"
    steady = facts.posts >= MIN_POSTS and facts.active_days >= MIN_ACTIVE_DAYS
    return "KOC" if steady and value >= MIN_SCORE and parts.get("audience", 1.0) > 0.5 else "ordinary"


def _reach(facts: AuthorFacts) -> float:
    """Followers, or where they are unknown the audience that usually gives this engagement."""
    followers = _followers(facts)
    if followers is not None:
        return followers
    engagement = min(_known(facts.engagement) or 0.0, 1e12)
    return float((engagement / USUAL_FACTOR) ** (1 / USUAL_POWER))


def _reason(facts: AuthorFacts, koc: Koc, tier: Tier, measures: _Measures) -> tuple[str, str]:
    """One sentence in Chinese and one in English: what was counted, never an adjective of ours."""
    posts, days = _count(facts.posts), measures.days
    zh = [f"过去 {days} 天发了 {posts} 条"]
    en = [f"{posts} post{'s'[: posts != 1]} in the last {days} day{'s'[: days != 1]}"]
    for clause in (_of_tier(facts, tier), _of_engagement(measures), _of_spend(facts, koc, measures)):
        if clause:
            zh.append(clause[0])
            en.append(clause[1])
    return "，".join(zh), ", ".join(en)


def _of_tier(facts: AuthorFacts, tier: Tier) -> tuple[str, str] | None:
    followers = _followers(facts)
    if tier == "suspect":
        if organised := min(_count(facts.coordinated_posts), _count(facts.posts)):
            return (
                f"其中 {organised} 条与多个账号同一天内发的文案雷同",
                f"{organised} of them repeat a text that several accounts posted within a day",
            )
        bad = min(_count(facts.spam_posts + facts.duplicate_posts + facts.burst_posts), _count(facts.posts))
        return f"其中 {bad} 条疑似广告、重复或刷屏", f"{bad} of them look like adverts, copies or bursts"
    if tier == "KOL" and followers is not None:
        return f"粉丝 {followers:,.0f}，是 KOL 而不是 KOC", f"{followers:,.0f} followers: a KOL, not a KOC"
    if tier == "KOL":
        return "互动量相当于 KOL", "reactions at the level of a KOL"
    return None


def _of_engagement(measures: _Measures) -> tuple[str, str] | None:
    ratio = measures.ratio
    if ratio is None:
        return None
    if ratio >= 1.5:
        times = f"{ratio:,.1f}".removesuffix(".0")
        return f"互动率是同量级账号的 {times} 倍", f"{times} times the engagement usual for the audience size"
    if ratio >= 0.67:
        return "互动率与同量级账号相当", "engagement usual for the audience size"
    return "互动率低于同量级账号", "less engagement than usual for the audience size"


def _of_spend(facts: AuthorFacts, koc: Koc, measures: _Measures) -> tuple[str, str] | None:
    if (spend := measures.spend) is not None:
        gap = " " if measures.currency[-1:].isalpha() else ""
        amount = f"{measures.currency}{gap}{spend:,.0f}"
        if spend <= koc.low_spend:
            return f"但只消费了 {amount}", f"yet only {amount} spent"
        return f"累计消费 {amount}", f"{amount} spent in all"
    own = _count(facts.experience_posts)
    return (f"{own} 条是亲身体验", f"{own} from own experience") if own else None


def _days(facts: AuthorFacts, now: datetime) -> int:
    return max(1, math.ceil((now - facts.first_at).total_seconds() / 86_400))


def _followers(facts: AuthorFacts) -> float | None:
    return _known(facts.author.followers)


def _known(value: float | None) -> float | None:
    """A count as a usable number: None stays None, what no count can be (NaN, infinite) becomes None."""
    if value is None or not math.isfinite(value):
        return None
    return min(max(float(value), 0.0), 1e12)


def _count(value: int) -> int:
    return max(value, 0)
