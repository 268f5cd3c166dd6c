"""One normal form and one way to cut words: what a person types finds what another person wrote."""

from __future__ import annotations

import unicodedata

import apsw.unicode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.text import normalise, normalise_with_offsets, original_span, spans, token_string, words

PIECES = (
    "奶茶臺灣著ABCİabc019 ，。！？：；.,:;'_-#@*+\"“”（）\n\t😋❤\ufe0f\u200d👩👨🏽🇨🇳"
    "ｶﾞカ゛゙éÉ\u0301½①㎏™ſΣßㅎ한글ひ々〆·⁄’ไ\u200b\ufeff\ud800Ａ１､ªﬁאב\x00\x01"
)
texts = st.one_of(st.text(alphabet=PIECES, max_size=15), st.text(max_size=15))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("臺灣後麵裡", "台湾后面里"),
        ("看著妳喫", "看着你吃"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("cafe\u0301", "CAFÉ"),
        ("İstanbul", "istanbul"),
        ("奶\u200b茶\ufeff", "奶茶"),
        ("好👍🏽", "好👍"),
        ("❤\ufe0f", "❤"),
        ("don’t", "DON'T"),
        ("㎏", "KG"),
    ],
)
def test_the_same_to_a_reader_is_the_same_here(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "奶茶太甜了，差评！iPhone15 Pro真香 @小王 #吐槽#",
            "奶 茶 太 甜 了 差 评 iphone15 pro 真 香 小 王 吐 槽",
        ),
        ("brand:Nike hey_tea good.bad x.com", "brand nike hey tea good bad x com"),
        ("3.14 1,000 don't 12：30", "3.14 1,000 don't 12 30"),
        ("Nike™ 买：好，贵；值", "nike ™ 买 好 贵 值"),
        ("ミルクティー ひら 한글", "ミルクティー ひ ら 한글"),
        ("😋👍🏽🇨🇳👨‍👩‍👧", "😋 👍 🇨🇳 👨\u200d👩\u200d👧"),
        ("！？…— \u3000\n", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert token_string(text) == expected


@settings(max_examples=300)
@given(texts)
def test_normal_forms_stay_as_they_are(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
    assert words(form) == words(text)
    assert words(token_string(text)) == words(text)
    assert token_string(text) == " ".join(words(text))


@settings(max_examples=300)
@given(texts)
def test_every_place_leads_back_to_the_text(text: str) -> None:
    form, offsets = normalise_with_offsets(text)
    assert form == normalise(text)
    assert len(offsets) == len(form) + 1
    assert list(offsets) == sorted(offsets)
    said = words(text)
    for word, (start, end) in zip(said, spans(text, said, [(i, i + 1) for i in range(len(said))]), strict=True):
        assert start < end <= len(text)
        assert word in normalise(text[start:end]) or unicodedata.normalize("NFC", text) != text


@settings(max_examples=300)
@given(texts)
def test_the_fast_cut_follows_the_rules_of_unicode(text: str) -> None:
    form = normalise(text).translate(str.maketrans(dict.fromkeys(':_"，：；.·\u200d', " ")))
    if any(unicodedata.combining(char) for char in form):
        return  # a mark on a Chinese character: Unicode keeps it with the word, we drop it
    kinds = ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl")
    expected = apsw.unicode.word_iter(form, categories=kinds, emoji=True, regional_indicator=True)
    assert words(form) == list(expected)


def test_a_span_of_a_longer_normal_form_covers_its_character() -> None:
    form, offsets = normalise_with_offsets("约㎏重")
    assert form == "约kg重"
    assert original_span(offsets, 1, 2) == original_span(offsets, 1, 3) == (1, 2)
    assert original_span(offsets, 3, 4) == (2, 3)
