"""What a mention speaks of and how, in the words of the people who write."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.categories import SHIPPED
from nlp import aspects
from nlp.lexicon import load

NAMES = SHIPPED.keys() - {"overall"}
CASES = [
    # zh-Hans: terms with opinions, opinions that name their aspect, negation
    ("味道不错", "taste+"),
    ("口感很差", "taste-"),
    ("真的太好喝了", "taste+"),
    ("一点都不好吃", "taste-"),
    ("没有想象中那么好喝", "taste-"),
    ("价格有点贵", "price-"),
    ("不贵，性价比高", "price+"),
    ("性价比不高", "price-"),
    ("价格高得离谱", "price-"),
    ("质量不行，用两天就坏了", "quality-"),
    ("做工很好", "quality+"),
    ("客服态度恶劣", "staff- after_sales0"),
    ("店员很热情", "staff+"),
    ("上菜太慢了", "staff-"),
    ("物流很快", "delivery+"),
    ("等了一周还没发货", "delivery-"),
    ("快递把盒子压扁了", "delivery0 packaging-"),
    ("包装很好看", "packaging+"),
    ("颜值高，就是容易掉色", "appearance+ quality-"),
    ("杯子真丑", "appearance-"),
    # too much, a bit, not too, not enough
    ("太甜了", "taste-"),
    ("有点咸", "taste-"),
    ("奶茶偏甜", "taste-"),
    ("不会太甜", "taste+"),
    ("一点也不腻", "taste+"),
    ("不够新鲜", "freshness-"),
    ("料子太薄，面料偏硬", "quality-"),
    # several things in one sentence
    ("味道和服务都很好", "taste+ staff+"),
    ("味道还行，但是价格太贵，配送也慢", "taste0 price- delivery-"),
    ("好吃是好吃，就是贵", "taste+ price-"),
    ("奶盖好喝但茶底发苦", "taste+ taste-"),
    ("不错的口味", "taste+"),
    # one category each, as small as one can act on
    ("份量很足", "portion+"),
    ("续航很差", "battery-"),
    ("油耗高", "battery-"),
    ("这车油耗低", "battery+"),
    ("餐具很脏", "freshness-"),
    ("面包发霉了还在卖", "freshness-"),
    ("汤里有虫子", "freshness-"),
    ("奶茶里喝出异物", "freshness-"),
    ("有没有人也喝到异物的", "freshness-"),
    ("里面没有异物", "freshness+"),
    ("酸奶过期两周", "freshness-"),
    ("吃完拉肚子了", "safety-"),
    ("充电器漏电", "safety-"),
    ("气味刺鼻", "scent-"),
    ("退款太慢", "after_sales-"),
    ("申请退货，客服不给退", "after_sales-"),
    ("七分糖刚刚好", "taste+"),
    ("品种很少", "variety-"),
    ("质地细腻，不搓泥", "texture+"),
    ("用了没效果", "effect-"),
    ("成分干净", "ingredients+"),
    ("运行流畅，就是发烫", "performance+ performance-"),
    ("鞋子偏小", "fit-"),
    ("戴久了磨脚", "comfort-"),
    ("后备箱空间很大", "space+"),
    ("这软件老是闪退", "app-"),
    ("氛围很好，停车方便", "store+ location+"),
    ("功能齐全", "features+"),
    ("there was a hair in my soup", "freshness-"),
    ("the milk was spoiled", "freshness-"),
    ("we all got food poisoning", "safety-"),
    ("battery life is terrible", "battery-"),
    ("the app is buggy", "app-"),
    ("my refund took forever", "after_sales-"),
    ("the jacket runs small", "fit-"),
    ("what a good choice", ""),
    ("是个不错的选择", ""),
    ("好吃到爆炸", "taste+"),
    ("真倒霉", ""),
    ("they fly in business class", ""),
    ("油价又涨了", ""),
    ("very limited selection", "variety-"),
    ("the atmosphere is lovely", "store+"),
    # wishes, irony, comparison
    ("希望价格能便宜点", "price-"),
    ("这也叫好喝？", "taste-"),
    ("好喝个屁", "taste-"),
    ("说好的新鲜呢", "freshness-"),
    ("没有隔壁那家好喝", "taste-"),
    ("味道不如以前", "taste-"),
    ("比隔壁好喝", "taste+"),
    ("隔壁比你家好喝多了", "taste-"),
    ("以前很好喝，现在不行了", "taste-"),
    ("之前喝过，很好喝", "taste+"),
    ("咖啡酸得要命", "taste-"),
    ("这款面霜太油了", "quality-"),
    ("生椰拿铁很好喝", "taste+"),
    # zh-Hant and Cantonese
    ("服務態度很差，不會再來", "staff-"),
    ("份量很足，CP值高", "portion+ price+"),
    ("口味偏鹹", "taste-"),
    ("唔好食，又貴", "taste- price-"),
    ("好抵食，服務都幾好", "price+ staff+"),
    ("送貨超慢", "delivery-"),
    # English
    ("The food was great but the service was slow", "taste+ staff-"),
    ("way too sweet and overpriced", "taste- price-"),
    ("not too sweet, just right", "taste+"),
    ("The staff weren't helpful", "staff-"),
    ("delivery was late and the box was crushed", "delivery- packaging-"),
    ("good food and friendly staff", "taste+ staff+"),
    ("prices are high", "price-"),
    ("portions are small", "portion-"),
    ("it broke after two days", "quality-"),
    ("so much for good quality", "quality-"),
    ("I wish the price were reasonable", "price-"),
    ("nothing special about the taste", "taste-"),
    ("the new design is gorgeous", "appearance+"),
    # mixed
    ("latte 好喝，but the 服务 is so slow", "taste+ staff-"),
    ("包装 so cute，味道一般", "packaging+ taste0"),
    # an aspect named without opinion; nothing of the kind
    ("口味有三种，价格见图", "taste0 price0"),
    ("今天天气不错", ""),
    ("老板说好多人排队在香港过年", "staff0"),
    ("👍👍", ""),
    ("", ""),
]
SIGNS = {"positive": "+", "negative": "-", "neutral": "0"}


def said(text: str) -> set[str]:
    return {f"{one.name}{SIGNS[one.sentiment]}" for one in aspects.find(text)}


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:24] or "empty" for text, _ in CASES])
def test_what_is_spoken_of_and_how(text: str, expected: str) -> None:
    assert said(text) == set(expected.split())


def test_the_evidence_is_the_opinion_and_the_span_covers_its_term() -> None:
    text = "买了两杯，價格  有點貴！"
    (found,) = aspects.find(text)
    assert found.evidence == "有點貴"
    assert found.span is not None
    assert text[slice(*found.span)] == "價格  有點貴"


def test_places_are_those_of_the_text_as_written() -> None:
    text = "ＡＢＣ👨‍👩‍👧 味道太甜 Ⅻ"
    (found,) = aspects.find(text)
    assert found.evidence == "太甜"
    assert found.span is not None
    assert text[slice(*found.span)] == "味道太甜"


def test_the_mood_of_the_mention_decides_where_its_only_clause_has_no_opinion_word() -> None:
    sad, glad = {"negative": 0.9, "positive": 0.02}, {"negative": 0.1, "positive": 0.8}
    assert [a.sentiment for a in aspects.find("这口味我醉了", sad)] == ["negative"]
    assert [a.sentiment for a in aspects.find("这口味我醉了", glad)] == ["positive"]
    assert [a.sentiment for a in aspects.find("这口味我醉了")] == ["neutral"]
    assert {a.sentiment for a in aspects.find("这口味我醉了。后来我又去看了电影", sad)} == {"neutral"}


_pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [text for text, _ in CASES] + ["不", "太", "not ", "但是", "好", " ", "，", "\ud800", "\x00"]
        ),
        st.text(max_size=8),
        st.characters(exclude_categories=()),
    ),
    max_size=30,
).map("".join)


@given(_pieces)
@settings(max_examples=200, deadline=None)
def test_any_text_is_answered_with_places_inside_it(text: str) -> None:
    found = aspects.find(text, {"negative": 0.5, "neutral": 0.2, "positive": 0.3})
    assert len({(one.name, one.sentiment) for one in found}) == len(found)
    for one in found:
        assert one.name in NAMES
        assert one.span is not None
        assert 0 <= one.span[0] < one.span[1] <= len(text)
        assert one.evidence
        assert one.evidence in text


def test_every_name_is_a_category_and_every_word_speaks_of_one() -> None:
    lists = load("aspects")
    assert {group["aspect"] for group in lists["terms"]} | lists["specific"].keys() == NAMES
    heard = Counter(word for group in lists["specific"].values() for word in words_of(group))
    assert [word for word, times in heard.items() if times > 1] == []


def words_of(group: dict[str, str]) -> set[str]:
    chinese = {word for name, listed in group.items() if name.endswith("zh") for word in listed.split()}
    english = {word for name, listed in group.items() if name.endswith("en") for word in listed.split(",")}
    return chinese | {" ".join(word.split()) for word in english if word.strip()}


@pytest.mark.parametrize(
    "piece", ["味道太甜，", "好", "不", "太", "not too good ", "a", "，", "味", "\ud800", "这也叫"]
)
def test_a_very_long_text_is_answered(piece: str) -> None:
    assert len(aspects.find(piece * (1_000_000 // len(piece)))) <= 3 * len(NAMES)
