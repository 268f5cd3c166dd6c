"""Whatever a platform sends gets a label or "unsure" from the shipped model, and nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.documents import SENTIMENTS, Mention
from index.settings import Settings
from nlp.analyse import Analyser, Understood
from nlp.engine import load_model
from nlp.similar import signature

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def analyser(tmp_path_factory: pytest.TempPathFactory) -> Analyser:
    return Analyser(Settings(home=tmp_path_factory.mktemp("home")), load_model())


def mention(number: int, text: str, title: str | None = None) -> Mention:
    return Mention(id=f"weibo:{number}", platform="weibo", source="test", text=text, title=title, published_at=NOW)


def check(found: Understood, text: str) -> None:
    """A label, probabilities that sum to 1, spans inside the text, and a text that can be stored."""
    analysis, whole = found.analysis, found.mention.full_text
    assert analysis.sentiment in SENTIMENTS
    assert sum(analysis.probabilities.values()) == pytest.approx(1, abs=1e-4)
    assert analysis.spam is None or 0 <= analysis.spam <= 1
    assert all(0 <= a.span[0] <= a.span[1] <= len(whole) for a in analysis.aspects if a.span)
    assert bool(analysis.masked) == (found.mention.text != text)
    signature(whole)


AWKWARD = {
    "empty": "",
    "a blank": " ",
    "one emoji": "😡",
    "a family of emoji": "👨‍👩‍👧‍👦🏳️‍🌈",
    "a megabyte of Chinese": "这家店的奶茶真难喝，服务也差。" * (MEGABYTE // 15),
    "a megabyte of one word": "a" * MEGABYTE,
    "a megabyte of words": "bad service " * (MEGABYTE // 12),
    "a megabyte of digits": "13812345678" * (MEGABYTE // 11),
    "a megabyte of brackets": "[(（【" * (MEGABYTE // 4),
    "half surrogate pairs": "\ud83d\ude00 \ud800 难喝 \udfff",
    "surrogates alone": "\ud800" * 500,
    "control characters": "".join(map(chr, range(32))) + "难喝\x7f\x85\u2028",
    "right to left": "الخدمة سيئة جدا ‮אבג‬ مرحبا",
    "an override of direction": "\u202e喝难\u202c\u2066好\u2069",
    "10,000 repeated characters": "哈" * 10_000,
    "10,000 repeated emoji": "😂" * 10_000,
    "combining marks": "e" + "\u0301" * 10_000,
    "mixed scripts": "好喝 delicious おいしい 맛있다 อร่อย вкусно लذيذ मजेदार γεύση",
    "markers of a tokenizer": "</s><s><pad><mask><unk>[CLS][SEP]",
    "code": "<script>alert(1)</script>'; DROP TABLE mention; -- {{7*7}} %s %n \\x00",
    "not characters": "\ufffe\uffff\U0010ffff",
}


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_text_is_answered(analyser: Analyser, text: str) -> None:
    alone, titled = analyser.analyse([mention(1, text), mention(2, text[:100], title=text[:500] or None)])
    check(alone, text)
    assert titled.analysis.sentiment in SENTIMENTS


def test_awkward_texts_do_not_change_what_is_said_of_the_text_beside_them(analyser: Analyser) -> None:
    plain = "这家店的奶茶真难喝，服务也差"
    (alone,) = analyser.analyse([mention(0, plain)])
    texts = [text[:5_000] for text in AWKWARD.values()]
    *_, together = analyser.analyse([mention(n, text) for n, text in enumerate([*texts, plain])])
    assert together.analysis.probabilities == alone.analysis.probabilities


pieces = st.sampled_from(
    ["难喝", "退款", "13812345678", "加V", "地址", "@", "http://", "[泪]", "😂", "\n", "!", "好" * 50]
)
anything = st.text(st.characters(exclude_categories=()), max_size=80)  # surrogates and controls too
mixed = st.lists(st.one_of(pieces, anything), max_size=8).map("".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(texts=st.lists(mixed, min_size=1, max_size=4))
def test_any_texts_are_answered(analyser: Analyser, texts: list[str]) -> None:
    found = analyser.analyse([mention(number, text) for number, text in enumerate(texts)])
    assert [one.mention.id for one in found] == [f"weibo:{number}" for number in range(len(texts))]
    for one, text in zip(found, texts, strict=True):
        check(one, text)
