"""The language most of a text is written in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("这家奶茶真的好喝，下次还来", "zh-Hans"),
        ("好吃", "zh-Hans"),  # both scripts write it so
        ("這家奶茶真的好喝，下次還來", "zh-Hant"),
        ("皇后镇的咖啡很著名", "zh-Hans"),  # 后 and 著 stand in both scripts
        ("秋の日的小店，味道不错", "zh-Hans"),
        ("呢間茶餐廳嘅奶茶好好飲", "yue-Hant"),
        ("佢哋啲嘢食好正，下次再嚟", "yue-Hant"),
        ("唔好食，唔會再嚟", "yue-Hant"),
        ("点解咁贵嘅，啲服务又差", "yue-Hans"),
        ("嗯唔，好吃的", "zh-Hans"),
        ("服務很好，貓咪也可愛，肥腸煲必點", "zh-Hant"),
        ("新しいラテはとても美味しいです", "ja"),
        ("이 커피 정말 맛있어요", "ko"),
        ("กาแฟอร่อยมาก", "th"),
        ("القهوة لذيذة جدا", "ar"),
        ("قهوه خیلی خوشمزه بود چه عالی", "fa"),
        ("यह कॉफी बहुत अच्छी है", "hi"),
        ("Очень вкусный кофе", "ru"),
        ("Дуже смачна кава і гарні люди", "uk"),
        ("Πολύ ωραίος καφές", "el"),
        ("The milk tea is way too sweet", "en"),
        ("Nice latte", "en"),
        ("OMG yesss", "en"),
        ("El café de esta tienda está muy rico y el servicio es bueno", "es"),
        ("Le café est délicieux et le service très rapide", "fr"),
        ("Der Kaffee schmeckt wirklich sehr gut und die Bedienung ist nett", "de"),
        ("Kopinya enak sekali tapi pelayanannya lambat banget", "id"),
        ("这个 iPhone 17 Pro Max 的拍照效果很好", "zh-Hans"),
        ("I had the 珍珠奶茶 and it was way too sweet for me", "en"),
        ("@starbucks https://example.com/very/long/english/path/to/a/page 难喝", "zh-Hans"),
        ("", None),
        ("👍👍❤️", None),
        ("12345 !!!", None),
        ("x", None),
        ("https://example.com/abc", None),
    ],
)
def test_language(text: str, language: str | None) -> None:
    assert detect(text) == language


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    language = detect(text)
    assert language is None or (language.isascii() and 2 <= len(language) <= 8)


@given(
    st.text(alphabet="这家店的奶茶真的很好喝喔", min_size=1), st.sampled_from(["🙂", "!!", "123", "[doge]", " "])
)
@settings(max_examples=50)
def test_signs_around_a_text_change_nothing(text: str, sign: str) -> None:
    assert detect(text) == detect(f"{sign}{text}{sign}")


@pytest.mark.parametrize("piece", ["好", "a", "a ", "@a", "#", "http://", "の", "\ud800", "ก"])
def test_a_very_long_text_is_answered(piece: str) -> None:
    detect(piece * (1_000_000 // len(piece)))
