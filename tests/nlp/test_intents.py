"""What a mention wants, and whether it is an advert."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp import aspects, intents


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("客服不理人，我要投诉，退钱！", "complaint"),
        ("杯子漏了，客服到现在没人回复", "complaint"),
        ("喝完拉肚子，里面还有头发丝", "complaint"),
        ("等了三个小时还没收到，打电话也没人接", "complaint"),
        ("送嚟嘅嘢壞晒，客服冇人理", "complaint"),
        ("My order never arrived and no one answers", "complaint"),
        ("The lid was broken and I want a refund", "complaint"),
        ("为什么还没发货？没人处理吗？", "complaint question"),
        ("请问这款有无糖的吗", "question"),
        ("哪个口味好喝？", "question"),
        ("Is the oat milk version vegan?", "question"),
        ("呢款有冇無糖㗎？", "question"),
        ("真的好喝，推荐！已经回购三次了", "praise"),
        ("服务好，味道不错，满意", "praise"),
        ("I love this place, highly recommend", "praise"),
        ("被种草了，想买，求链接", "purchase_intent"),
        ("Where can I buy this? take my money", "question purchase_intent"),
        ("再也不想买了", "complaint"),
        ("加微信 abc123 领优惠券，代购一手货源", "advertisement"),
        ("加微信[wechat]，全场特价，私信我", "advertisement"),
        ("新店开业，全场8折，满100减20，欢迎光临，咨询热线[phone]", "advertisement"),
        ("互粉互赞，主页有惊喜，戳主页领取", "advertisement"),
        ("Subscribe to my channel https://example.com", "advertisement"),
        ("50% off! Use my discount code, link in bio", "advertisement"),
        ("Congratulations, you have won a prize, call now to claim", "advertisement"),
        ("今天路过那家店", ""),
        ("早上八点开会", ""),
        ("", ""),
    ],
)
def test_labels(text: str, labels: str) -> None:
    found = intents.find(text, aspects=aspects.find(text))
    assert set(found.labels) == set(labels.split())


@pytest.mark.parametrize(
    "text",
    [
        "活动优惠挺大的，买了两杯，味道不错",
        "店铺在二楼，电话打不通，地址也写错了",
        "关注很久了，终于喝到，谢谢朋友请客",
        "@brand please check my order and dm me, the coupon does not work",
        "领了优惠券，便宜了五块钱",
        "这家公司的客服真专业，问题马上解决",
        "优惠活动不错",
    ],
)
def test_buyers_who_use_the_words_of_adverts_are_not_taken_for_one(text: str) -> None:
    assert intents.find(text).spam < 0.5


def test_sentiment_sharpens_what_the_words_leave_open() -> None:
    text = "这次又是这样，客服"
    bad = aspects.find("客服很差")
    assert "complaint" not in intents.find(text).labels
    assert "complaint" in intents.find(text, sentiment={"negative": 0.95}, aspects=bad).labels
    assert "praise" not in intents.find("推荐", sentiment={"negative": 0.9}).labels


def test_a_negative_mood_alone_is_no_complaint() -> None:
    assert intents.find("今天好难过", sentiment={"negative": 0.99}).labels == ()


def test_labels_come_in_one_order() -> None:
    found = intents.find("为什么还没发货？投诉！求链接想买").labels
    assert found == tuple(label for label in intents.LABELS if label in found)


@given(
    st.lists(
        st.sampled_from(["加微信", "投诉", "?", "[phone]", "#a#", "@b ", "8折", "x", "\ud800"])
        | st.text(max_size=9)
    ).map("".join),
    st.fixed_dictionaries({"negative": st.floats(0, 1), "positive": st.floats(0, 1)}),
)
@settings(max_examples=200, deadline=None)
def test_any_text_is_answered(text: str, sentiment: dict[str, float]) -> None:
    found = intents.find(text, sentiment=sentiment, aspects=aspects.find(text))
    assert 0 <= found.spam <= 1
    assert set(found.labels) <= set(intents.LABELS)


@pytest.mark.parametrize("piece", ["#", "@a ", "#a ", "加微信", "x", "?", "a.", "[", "满100", "https://"])
def test_a_very_long_text_is_answered(piece: str) -> None:
    assert 0 <= intents.find(piece * (1_000_000 // len(piece))).spam <= 1
