"""KOC scores: consumers who are listened to come first, not stars and not spammers."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.documents import Author, AuthorFacts, Customer, Influence
from index.settings import Koc
from nlp.influence import PARTS, score, usual_engagement

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BAND = Koc()


def facts(followers: int | None = 3_000, **changes: Any) -> AuthorFacts:
    """Somebody with a few thousand followers who posted twelve times from own experience."""
    usual = AuthorFacts(
        author=Author(id="weibo:1", followers=followers),
        brand="Tea",
        posts=12,
        active_days=10,
        first_at=NOW - timedelta(days=90),
        last_at=NOW - timedelta(days=1),
        engagement=450.0,
        experience_posts=9,
        negative=2,
        neutral=3,
        positive=7,
    )
    return msgspec.structs.replace(usual, **changes)


def rate(one: AuthorFacts, spend: float | None = None) -> Influence:
    customer = None if spend is None else Customer(id="c1", spend=spend)
    return score(one, BAND, customer, now=NOW)


ONE_POST = {"posts": 1, "active_days": 1, "experience_posts": 0, "negative": 0, "neutral": 0, "positive": 1}
STAR = facts(1_000_000, engagement=20_000.0, **ONE_POST)
FLOOD = {"posts": 40, "active_days": 20, "spam_posts": 36, "duplicate_posts": 38, "burst_posts": 20}
SPAMMER = facts(900, engagement=1.0, experience_posts=0, **FLOOD)


def test_a_buyer_who_posts_a_lot_is_ahead_of_a_star_who_is_ahead_of_a_spammer() -> None:
    assert rate(facts()).score > rate(STAR).score + 10 > rate(SPAMMER).score + 20


@pytest.mark.parametrize(
    ("one", "tier"),
    [
        (facts(), "KOC"),
        (facts(60_000), "KOC"),  # a little over the band: the edge is soft
        (facts(None), "KOC"),
        (facts(engagement=None), "KOC"),
        (facts(1_000_000), "KOL"),  # a star who posts like a KOC is still a star
        (facts(None, engagement=300_000.0), "KOL"),  # followers unknown, reactions of a star
        (STAR, "KOL"),
        (SPAMMER, "suspect"),
        (msgspec.structs.replace(SPAMMER, author=Author(id="x:1", followers=5_000_000)), "suspect"),
        (facts(posts=1, active_days=1, experience_posts=1), "ordinary"),
        (facts(posts=12, active_days=1), "ordinary"),  # one day's enthusiasm
        (facts(20), "ordinary"),  # nobody listens
        (facts(engagement=2.0, experience_posts=0), "ordinary"),
        (facts(posts=1, active_days=1, duplicate_posts=1), "ordinary"),  # being copied once is no crime
        (facts(duplicate_posts=12, burst_posts=12), "suspect"),
        (facts(duplicate_posts=8), "KOC"),  # others copy her
        (facts(duplicate_posts=8, coordinated_posts=8), "suspect"),  # she posts what several accounts post
    ],
)
def test_tier(one: AuthorFacts, tier: str) -> None:
    assert rate(one).tier == tier


def test_the_sentence_says_what_was_counted() -> None:
    said = rate(facts(engagement=usual_engagement(3_000) * 4), spend=86.0)
    assert said.reason_zh.startswith("过去 90 天发了 12 条，互动率是同量级账号的 4 倍")
    assert said.reason_zh.endswith("但只消费了 ¥86")
    assert said.reason_en.startswith("12 posts in the last 90 days, 4 ")
    assert said.reason_en.endswith("times the engagement usual for the audience size, yet only ¥86 spent")


def test_the_sentence_names_the_currency_of_the_crm() -> None:
    customer = Customer(id="c1", spend=86.0)
    assert score(facts(), BAND, customer, now=NOW, currency="EUR").reason_zh.endswith("但只消费了 EUR 86")


def test_the_sentence_of_a_star_and_of_a_suspect() -> None:
    assert "粉丝 1,000,000，是 KOL 而不是 KOC" in rate(STAR).reason_zh
    assert "1 post in the last 90 days, 1,000,000 followers: a KOL, not a KOC" in rate(STAR).reason_en
    assert "40 of them look like adverts" in rate(SPAMMER).reason_en
    hired = rate(facts(duplicate_posts=8, coordinated_posts=8))
    assert "其中 8 条与多个账号同一天内发的文案雷同" in hired.reason_zh
    assert "8 of them repeat a text that several accounts posted within a day" in hired.reason_en


def test_unknown_parts_are_left_out_and_not_taken_for_zero() -> None:
    known, unknown = rate(facts()), rate(facts(None, engagement=None))
    assert set(unknown.parts) == set(PARTS) - {"engagement", "audience", "low_spend"}
    assert known.score > unknown.score > rate(facts(1, engagement=0.0)).score


def test_unlinked_is_not_less_certain() -> None:
    assert "low_spend" not in rate(facts()).parts
    assert abs(rate(facts(), spend=BAND.low_spend).score - rate(facts()).score) < 3


def test_one_lucky_post_proves_little() -> None:
    lucky = rate(facts(posts=1, active_days=1, engagement=9_000.0)).parts["engagement"]
    steady = rate(facts(engagement=9_000.0)).parts["engagement"]
    assert lucky < 0.75 < steady


counts = st.integers(0, 10_000)
anything = st.builds(
    AuthorFacts,
    author=st.builds(Author, id=st.just("a:1"), followers=st.none() | st.integers(-5, 10**12)),
    brand=st.just("Tea"),
    posts=counts,
    active_days=counts,
    first_at=st.datetimes(timezones=st.just(UTC)),
    last_at=st.datetimes(timezones=st.just(UTC)),
    engagement=st.none() | st.floats(),
    experience_posts=counts,
    spam_posts=counts,
    duplicate_posts=counts,
    burst_posts=counts,
    coordinated_posts=counts,
    negative=counts,
    neutral=counts,
    positive=counts,
)
spends = st.none() | st.floats()


@given(anything, spends)
def test_score_and_parts_stay_in_their_range(one: AuthorFacts, spend: float | None) -> None:
    found = rate(one, spend)
    assert 0 <= found.score <= 100
    assert all(0 <= part <= 1 and not math.isnan(part) for part in found.parts.values())
    assert found.reason_zh
    assert found.reason_en


better = st.sampled_from(["experience_posts", "positive", "engagement"])
worse = st.sampled_from(["spam_posts", "duplicate_posts", "coordinated_posts", "burst_posts", "negative"])


@given(anything, better, st.integers(1, 1_000))
def test_more_of_what_is_good_never_lowers_the_score(one: AuthorFacts, field: str, more: int) -> None:
    before = getattr(one, field)
    if before is None or not math.isfinite(before) or before < 0:
        one, before = msgspec.structs.replace(one, engagement=5.0), 5.0 if field == "engagement" else before
    after = msgspec.structs.replace(one, **{field: before + more})
    assert rate(after).score >= rate(one).score


@given(anything, worse, st.integers(1, 1_000))
def test_more_of_what_is_bad_never_raises_the_score(one: AuthorFacts, field: str, more: int) -> None:
    after = msgspec.structs.replace(one, **{field: getattr(one, field) + more})
    assert rate(after).score <= rate(one).score


PRAISE = {"negative": 0, "neutral": 0}


@given(st.integers(1, 300), st.integers(1, 300))
def test_more_posts_of_the_same_kind_never_lower_the_score(posts: int, more: int) -> None:
    def speaking(count: int) -> Influence:
        return rate(facts(posts=count, active_days=count, experience_posts=count, **PRAISE, positive=count))

    assert speaking(posts + more).score >= speaking(posts).score


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_less_spend_never_lowers_the_score(spend: float, other: float) -> None:
    low, high = sorted((spend, other))
    assert rate(facts(), low).score >= rate(facts(), high).score


@given(st.integers(0, 10**9))
def test_audience_is_best_inside_the_band(followers: int) -> None:
    part = rate(facts(followers)).parts["audience"]
    assert part == 1.0 if BAND.min_followers <= followers <= BAND.max_followers else part < 1.0


@given(st.integers(100_001, 10**10), anything)
def test_a_star_is_never_on_the_koc_list(followers: int, one: AuthorFacts) -> None:
    assert rate(msgspec.structs.replace(one, author=Author(id="a:1", followers=followers))).tier != "KOC"
