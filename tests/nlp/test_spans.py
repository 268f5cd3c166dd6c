"""Places of an aspect in the text as written, whatever normalising did to it."""

import re
import time
from itertools import accumulate
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.normalise import for_model
from nlp.spans import place_map, span_of


@given(st.text(max_size=200))
def test_places_never_go_back_and_stay_inside(text: str) -> None:
    mapped = place_map(text)
    assert len(mapped) == len(for_model(text))
    assert mapped == sorted(mapped)
    assert all(0 <= place < len(text) for place in mapped)


def test_places_follow_what_normalising_replaced() -> None:
    text = "@小王 看 https://example.com/a?b=c ，包裝好漂亮[doge]但是太甜了！！！！！！"
    normal = for_model(text)
    mapped = place_map(text)
    assert text[mapped[normal.index("包")]] == "包"
    assert text[mapped[normal.index("甜")]] == "甜"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("@Support_Team Pretty nasty lamp shade, thanks", "lamp"),
        ("@LittleBird @Apple @Hilltop Sounds like a plan", "Sounds"),
        ("啊啊啊啊啊啊啊啊啊啊受够了啊啊啊啊", "受够"),
        ("看图[doge][doge]这杯太甜", "太甜"),
        ("ＡＢＣ　㎏…裏面的東西壞了", "坏了"),
        ("&amp;&lt;真的&gt; 好喝", "好喝"),
        ("https://a.example/x?y=z,https://b.example 物流慢", "物流"),
        ("\u200b".join("每个字之间都有看不见的字符"), "看不见"),
        ("中国\n\n\n\n发货   慢\t\t客服", "客服"),
        ("👨\u200d👩\u200d👧👍🏽 全家都爱", "全家"),
        ("あの店の發送は遅い", "遅い"),
    ],
)
def test_a_word_is_found_where_it_was_written(text: str, word: str) -> None:
    normal, mapped = for_model(text), place_map(text)
    start = normal.index(word)
    places = mapped[start : start + len(word)]
    assert [for_model(text[place]) for place in places] == list(word)


@pytest.mark.parametrize(
    "piece",
    [
        "ab\u200b", "abbbbb", "ab\n\n", "a b  ", "好吃  服务差  ", "\u200b", "e\u0301", "&amp;", "[a][心]", "@a.b ",
        "http://", "http://a,", "ﷺ", "\u1112\u1161\u11ab", "😂a", "！？", "x.",
    ],
    ids=ascii,
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    text = "ab" + piece * (100_000 // len(piece))
    started = time.process_time()
    mapped = place_map(text)
    tokens = [(i, i + 1) for i in range(len(mapped))]
    span_of(text, np.ones(len(tokens), np.float32), tokens, mapped)
    assert time.process_time() - started < 0.25


def heaviest_at(text: str, word: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Weights and places as a model gives them, one token a character, `word` the heaviest."""
    normal = for_model(text)
    start = normal.index(for_model(word))
    weights = np.full(len(normal) + 2, 0.01, np.float32)
    weights[0] = 0.9  # the start piece stands for nothing in the text
    weights[1 + start : 1 + start + len(for_model(word))] = 0.2
    return weights, [(0, 0), *((i, i + 1) for i in range(len(normal))), (0, 0)]


def test_the_span_is_the_clause_that_speaks_of_it() -> None:
    text = "包裝好漂亮，但是奶茶太甜了！客服没人理"
    start, end = span_of(text, *heaviest_at(text, "甜"), place_map(text)) or (0, 0)
    assert text[start:end] == "但是奶茶太甜了"


def test_a_long_clause_is_cut_around_the_place() -> None:
    text = "很" * 20 + "x" + "长" * 100 + "太甜" + "y" * 80
    start, end = span_of(text, *heaviest_at(text, "太甜"), place_map(text)) or (0, 0)
    assert "甜" in text[start:end]
    assert end - start <= 80


def test_a_text_without_a_token_has_no_span() -> None:
    assert span_of("", np.ones(2, np.float32), [(0, 0), (0, 0)], []) is None


def one_token(text: str, word: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """`word` is one token and weighs most, the others are of one character."""
    before, _, after = for_model(text).partition(for_model(word))
    lengths = [1] * len(before) + [len(for_model(word))] + [1] * len(after)
    ends = list(accumulate(lengths))
    weights = np.full(len(lengths), 0.01, np.float32)
    weights[len(before)] = 0.9
    return weights, [(end - length, end) for end, length in zip(ends, lengths, strict=True)]


@pytest.mark.parametrize(
    ("text", "word", "shown"),
    [
        ("只要9.9元真便宜", "便宜", "只要9.9元真便宜"),
        ("只要9.9元真便宜", ".", "只要9.9元真便宜"),
        ("The price of $9.99 is way too expensive", "99", "The price of $9.99 is way too expensive"),
        ("屏幕6.1英寸太小了", "屏幕", "屏幕6.1英寸太小了"),
        ("音质不错,价格1,299贵了", "贵", "价格1,299贵了"),
        ("http://t.cn/abc 味道很淡", "味道", "味道很淡"),
        ("http://t.cn/abc 味道很淡", "http", "味道很淡"),
        ("挺不错的，很快", "，很", "很快"),
        ("发货快，包装严实", "，包装", "包装严实"),
        ("包装严实！！", "！", "包装严实"),
        ("！", "！", None),
        ("Ok.nice phone", "nice", "Ok.nice phone"),
        ("It is ok. Nice phone", "Nice", "Nice phone"),
        ("x" * 61 + " 音质好", "音质", "音质好"),
        ("x" * 61, "x", None),
    ],
)
def test_words_are_cut_where_people_would(text: str, word: str, shown: str | None) -> None:
    span = span_of(text, *one_token(text, word), place_map(text))
    assert (span and text[slice(*span)]) == shown


def test_a_long_clause_is_cut_between_words() -> None:
    text = "honestly speaking the waiter looked terrible and the price is high for such a tiny plate of noodles"
    for word in ("price", "high", "terrible", "tiny"):
        start, end = span_of(text, *heaviest_at(text, word), place_map(text)) or (0, 0)
        assert word in text[start:end].split()
        assert f" {text[start:end]} " in f" {text} "


def test_a_clause_that_only_began_to_matter_is_not_shown() -> None:
    text = "发货快，包装很严实"
    weights, places = heaviest_at(text, "包装")
    weights[1 + text.index("快") : 1 + text.index("包")] = 0.15
    start, end = span_of(text, weights, places, place_map(text)) or (0, 0)
    assert text[start:end] == "包装很严实"


_pieces = st.lists(
    st.one_of(
        st.sampled_from(
            ["味道", "price", "9.9", "1,299", "，", "。", ",", ". ", ".", "!", "\n", " ", "http://t.cn/a?b ",
             "[心]", "@小王 ", "don't ", "x" * 70, "very ", "ｏｋ", "，，", "（", "'", "-", "é", "www."]
        ),
        st.text(max_size=5),
    ),
    max_size=40,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(_pieces, st.randoms(use_true_random=False), st.integers(1, 4))
def test_no_words_shown_are_cut_or_begin_with_a_mark(text: str, random: Random, wide: int) -> None:
    normal = for_model(text)
    places = [(i, min(i + wide, len(normal))) for i in range(0, len(normal), wide)]
    weights = np.array([random.random() ** 4 for _ in places], np.float32)
    span = span_of(text, weights, places, place_map(text))
    if span is None:
        return
    start, end = span
    assert 0 <= start < end <= len(text)
    assert text[start] not in MARKS
    assert text[end - 1] not in MARKS
    assert not LATIN.fullmatch(text[max(0, start - 1) : start + 1])
    assert not LATIN.fullmatch(text[end - 1 : end + 1])


MARKS, LATIN = set("，。！？；、,.!?;\n~～… "), re.compile("[0-9A-Za-z]{2}")
