"""What identifies a person is masked, what only looks like it stays."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp import privacy
from nlp.privacy import Contact, find, mask

CASES_FILE = Path(__file__).parents[1] / "fixtures" / "privacy_cases.tsv"


def _quality() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks/privacy_quality.py"
    spec = importlib.util.spec_from_file_location("privacy_quality", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


quality = _quality()
PARTS = {part: quality.score(quality.read(part)) for part in quality.PARTS}
# Precision and recall that are not to be lost; docs/privacy.md has what was measured.
FLOORS = {
    "phone": (0.93, 0.95),
    "email": (0.99, 0.99),
    "id_card": (0.99, 0.99),
    "bank_card": (0.99, 0.92),
    "wechat": (0.99, 0.90),
    "qq": (0.99, 0.75),
    "address": (0.99, 0.90),
    "order": (0.99, 0.99),
    "name": (0.99, 0.93),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", FLOORS)
def test_precision_and_recall_stay_above_their_floors(part: str, kind: str) -> None:
    precision, recall = FLOORS[kind]
    assert PARTS[part].precision(kind) >= precision
    assert PARTS[part].recall(kind) >= recall


def test_nearly_all_traps_are_left_alone() -> None:
    assert all(one.traps_left_alone >= 0.99 * one.traps for one in PARTS.values())


def test_the_set_is_large_and_half_of_it_are_traps() -> None:
    cases = [case for part in quality.PARTS for case in quality.read(part)]
    texts = {case.text for case in cases}
    traps = {case.text for case in cases if not case.spans}
    assert len(texts) == len(cases) >= 600
    assert 2 * len(traps) >= len(texts)
    assert {span.kind for case in cases for span in case.spans} == set(FLOORS)


def _cases() -> list[tuple[str, str]]:
    lines = []
    for line in CASES_FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# text"):
            text, _, masked = line.replace("\\n", "\n").partition("\t")
            lines.append((text, masked or text))
    return lines


CASES = _cases()


@pytest.mark.parametrize(("text", "masked"), CASES, ids=[text[:24] for text, _ in CASES])
def test_personal_data_is_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask(text).text == masked


_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
WRITTEN: list[Callable[[str], str]] = [str.upper, str.lower, str.title, lambda text: text.translate(_FULL_WIDTH)]


@pytest.mark.parametrize("written", WRITTEN, ids=["upper", "lower", "title", "full width"])
def test_no_way_of_writing_lets_personal_data_past_the_rules(
    written: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts without anything that a rule may match leave early; none may that holds what a rule finds."""
    texts = [written(case.text) for part in quality.PARTS for case in quality.read(part)]
    left_early = {text for text in texts if not find(text)}
    monkeypatch.setattr(privacy, "_suspicious", lambda _: True)
    assert {text: found for text in left_early if (found := find(text))} == {}


@pytest.mark.parametrize("text", [text for text, _ in CASES])
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask(text)
    assert mask(once.text) == (once.text, {}, ())


@pytest.mark.parametrize(
    ("text", "contacts"),
    [
        ("手机１３８ 1234-5678", {Contact("phone", "+8613812345678")}),
        ("0086 138-1234-5678 / +86 13812345678", {Contact("phone", "+8613812345678")}),
        ("幺三八一二三四五六七八", {Contact("phone", "+8613812345678")}),
        ("座机021-62345678", {Contact("phone", "+862162345678")}),
        ("+86 21 6234 5678, +86 (0)21 62345678", {Contact("phone", "+862162345678")}),
        ("一三八 一二三四 五六七八", {Contact("phone", "+8613812345678")}),
        ("(020) 7946 0958", {Contact("phone", "+442079460958")}),
        ("+852 9123 4567", {Contact("phone", "+85291234567")}),
        ("0912-345-678", {Contact("phone", "+886912345678")}),
        ("(415) 555-2671", {Contact("phone", "+14155552671")}),
        ("Mail Jane.Doe@Example.COM", {Contact("email", "jane.doe@example.com")}),
        ("+49 151 23456789", {Contact("phone", "+4915123456789")}),
        ("+44 (0)20 7946 0958", {Contact("phone", "+442079460958")}),
        ("+1 13812345678", set()),  # of China or of America
        ("020-8765 4321, 020-87654321", {Contact("phone", "+862087654321")}),
        ("02087654321, 020 8765 4321", set()),  # in Guangzhou or in London
        ("02162345678, 8621-62345678, +862162345678", {Contact("phone", "+862162345678")}),
        ("微信abc12345, QQ 123456789", set()),
    ],
)
def test_contacts_come_in_the_form_customers_are_matched_by(text: str, contacts: set[Contact]) -> None:
    assert set(mask(text).contacts) == contacts


@pytest.mark.parametrize(
    "between", ["\u200b", "\u00a0", "\u2009", "\u2011", "\u2013", "\u2014", "\u2060", "\ufeff"]
)
def test_odd_blanks_and_dashes_hide_no_number(between: str) -> None:
    text = f"好\u200b的，138{between}1234{between}5678\u200b，021{between}62345678"
    masked = mask(text)
    assert masked.text == "好\u200b的，[phone]\u200b，[phone]"
    assert masked.contacts == (Contact("phone", "+8613812345678"), Contact("phone", "+862162345678"))


def test_each_kind_is_counted() -> None:
    masked = mask("收件人：张伟，13812345678 / 13912345678，微信abc12345")
    assert masked.counts == {"name": 1, "phone": 2, "wechat": 1}


def test_an_identity_card_with_a_wrong_check_character_stays() -> None:
    assert mask("310101199003070018").counts == {}


def test_a_card_number_with_a_wrong_check_digit_stays() -> None:
    assert mask("银行卡 6222021200004567891").counts == {}


_awkward = st.text(
    alphabet=st.one_of(
        st.sampled_from("0123456789 -+()@.:：号室微信vxQ加收件人地址栋单元１３８零一二三\n张·（—\u200b\u00a0路"),
        st.characters(exclude_categories=()),
    ),
    max_size=200,
)


@given(_awkward)
@settings(max_examples=300, deadline=None)
def test_any_text_is_answered_and_masking_is_stable(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text
    assert bool(once.counts) == (once.text != text)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "138",
        "a@",
        "a.",
        "加微信",
        "微信a",
        "12号",
        "地址",
        "1 a ",
        "收件人：",
        "+1 ",
        "[",
        "零",
        "6 2",
        "/1",
        "020 ",
        "13812345678-",
        "1\u00a0",
        "\u200b1",
        "8号 199",
        "地址张",
        "收件人：张 ",
        "联系人：a·",
        "Recipient Aa ",
        "QQ：123 ",
        "a.com/",
    ],
)
def test_a_very_long_text_is_answered(piece: str) -> None:
    text = piece * (300_000 // len(piece)) + "\n。手机：13812345678"
    assert mask(text).text.endswith("\n。手机：[phone]")
