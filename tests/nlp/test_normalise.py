"""The text form that training and service share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.normalise import MAX_CHARS, for_model, strip_emoticons


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ＡＢＣ　１２３！", "ABC 123!"),
        ("這個手機好貴", "这个手机好贵"),
        ("呢間嘢係好食", "呢间嘢系好食"),
        ("東京の店は高い", "東京の店は高い"),  # Japanese keeps its own characters
        ("哈哈哈哈哈哈哈", "哈哈哈"),
        ("😂😂😂😂😂", "😂😂😂"),
        ("只要10000元", "只要10000元"),
        ("http://t.cn/A6x太好吃", "http 太好吃"),
        ("(see http://example.com/a.)", "(see http .)"),
        ("看 https://t.cn/A6x?y=1#z 啊", "看 http 啊"),
        ("链接：https://t.cn/A6x，便宜", "链接: http ,便宜"),
        ("@小明 @user_1: 快看", "@user @user : 快看"),
        ("mail me: a.b@example.com", "mail me: a.b@example.com"),
        ("好开心[哈哈][爱你]", "好开心 哈哈 爱你"),
        ("也是醉了[允悲]", "也是醉了 😂"),
        ("👍🏽 ❤️", "👍 ❤"),
        ("fish &amp; chips &lt;3", "fish & chips <3"),
        ("a\u200bb\x00c\ud800d", "abcd"),
        ("one</s>two<mask>", "one two"),
        (" \n\t ", ""),
    ],
)
def test_one_text_form(text: str, seen: str) -> None:
    assert for_model(text) == seen


def test_a_long_text_keeps_both_ends() -> None:
    seen = for_model("start " + "middle part " * 1_000 + " end")
    assert seen.startswith("start")
    assert seen.endswith("end")
    assert len(seen) <= MAX_CHARS


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_string_becomes_short_valid_text(text: str) -> None:
    seen = for_model(text)
    seen.encode("utf-8")
    assert len(seen) <= MAX_CHARS


def test_emoticons_that_leak_labels_can_be_taken_out() -> None:
    assert for_model(strip_emoticons("不错[哈哈][哈哈]！")) == "不错 !"
