"""Drafts: the right language, the right words, nothing the brand did not say, nothing private."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import categories
from index.alerts.replies import KINDS, LANGUAGES, draft_reply, fill, language_of, load_replies
from index.documents import Author, Case, Customer
from index.errors import SettingsError

WHEN = datetime(2026, 8, 14, tzinfo=UTC)


def a_case(topic="taste", *, praise=False, name: str | None = "小鹿") -> Case:
    return Case(
        id="case-1",
        rule="r",
        topic=topic,
        brand="星野咖啡",
        state="new",
        reason="",
        reason_zh="",
        opened_at=WHEN,
        due_at=WHEN,
        updated_at=WHEN,
        praise=praise,
        author=Author(id="weibo:7", name=name),
    )


@pytest.fixture
def texts(tmp_path):
    return load_replies(tmp_path)


@pytest.mark.parametrize(
    ("lang", "answered"),
    [
        ("zh-Hans", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hant", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("yue-Hant", "zh-Hant"),
        ("yue-Hans", "zh-Hans"),
        ("en", "en"),
        ("ja", "en"),
        (None, "en"),
    ],
)
def test_people_are_answered_in_their_language_and_others_in_english(lang, answered):
    assert language_of(lang) == answered


def test_every_language_has_words_for_every_aspect_and_kind(texts):
    for lang in LANGUAGES:
        assert set(texts[lang]) >= set(KINDS)
        for kind in ("complaint", "praise"):
            assert set(texts[lang][kind]) == {"default", *categories.names()}


def test_a_customer_is_greeted_by_name_and_order_a_stranger_by_nickname(texts):
    customer = Customer(id="C1", name="王小明", last_order="星野拿铁")
    assert draft_reply(a_case(), "zh-Hans", customer, texts).startswith(
        "王小明您好，关于您购买的星野拿铁，很抱歉口味"
    )
    assert draft_reply(a_case(), "zh-Hant", None, texts).startswith("小鹿您好，很抱歉口味")
    assert draft_reply(a_case(name=None), "en", None, texts).startswith("Hi, we're sorry the taste")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_only_the_private_message_names_customer_and_order_and_asks_for_no_private_message(lang, texts):
    customer = Customer(id="C1", name="王小明", last_order="星野拿铁")
    private, public = (draft_reply(a_case(), lang, known, texts) for known in (customer, None))
    assert "王小明" in private
    assert "星野拿铁" in private
    assert "王小明" not in public
    assert "星野拿铁" not in public
    assert private.endswith(texts[lang]["private_closing"])
    assert public.endswith(texts[lang]["closing"])


def test_complaint_praise_and_question_read_differently(texts):
    drafts = {
        draft_reply(a_case("general"), "en", None, texts),
        draft_reply(a_case("praise", praise=True), "en", None, texts),
        draft_reply(a_case("question"), "en", None, texts),
    }
    assert len(drafts) == 3


def test_nothing_is_promised_that_the_brand_did_not_authorise(texts):
    promise = re.compile(
        r"退款|赔|補償|补偿|賠|免费|免費|优惠|優惠|代金|refund|compensat|voucher|coupon|free |guarantee", re.I
    )
    for lang in LANGUAGES:
        for kind in KINDS:
            assert not [text for text in texts[lang][kind].values() if promise.search(text)]


@pytest.mark.parametrize("private", ["王小明 13800138000", "wang@example.com", "139 0013 9000"])
def test_contact_data_in_a_name_or_order_never_reaches_a_public_reply(texts, private):
    customer = Customer(id="C1", name=private, last_order=f"寄到 {private}")
    draft = draft_reply(a_case(name=private), "zh-Hans", customer, texts)
    assert draft.startswith("您好，很抱歉口味")


@given(name=st.text(min_size=1, max_size=60), order=st.text(max_size=60))
def test_whatever_a_name_holds_is_text(name, order):
    filled = fill("<{name}|{order}|{brand}|{else}>", {"name": name, "order": order, "brand": "B"})
    assert filled == f"<{name}|{order}|B|{{else}}>"


def test_a_name_with_braces_or_line_breaks_stays_literal_and_on_one_line(texts):
    case = a_case(name="{brand}{0.__class__}\n\u202e小鹿%s")
    assert draft_reply(case, "zh-Hans", None, texts).startswith("{brand}{0.__class__} 小鹿%s您好，")


def test_a_brand_speaks_in_its_own_words_and_the_rest_stays(tmp_path):
    (tmp_path / "replies.toml").write_text(
        '[en]\ngreeting = "Dear {name} of {brand}, "\n[en.complaint]\ntaste = "Oh no."\n'
    )
    texts = load_replies(tmp_path)
    assert draft_reply(a_case(), "en", None, texts).startswith("Dear 小鹿 of 星野咖啡, Oh no.")
    assert draft_reply(a_case("price"), "en", None, texts).endswith(
        "send us a direct message so we can look into it properly."
    )


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("[en", "TOML"),
        ("[fr]\ngreeting = 'x'", r"\[fr\]"),
        ("[en]\ngreting = 'x'", "en.greting"),
        ("[en]\ngreeting = 1", "en.greeting"),
        ("[en.complaint]\ntaste = 1", "en.complaint"),
    ],
)
def test_a_mistake_in_the_brands_words_is_named(tmp_path, written, place):
    (tmp_path / "replies.toml").write_text(written)
    with pytest.raises(SettingsError, match=place):
        load_replies(tmp_path)
