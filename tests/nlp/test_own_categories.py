"""A brand's own categories: learned from examples, measured on them, found sentence by sentence.

The vectors are hashed character pairs: an honest encoder of what words are there, small enough for a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.documents import Mention
from index.errors import ModelError, SettingsError
from index.settings import Category, Settings, load
from nlp import probe
from nlp.analyse import Analyser
from nlp.engine import Probabilities
from nlp.own_categories import FEWEST, OwnCategories, fitted_for, report, sentences

QUEUE = (
    "排队排了四十分钟", "人太多了，队伍一直排到马路上", "等位等了一个小时", "前面还有五十桌在排队",
    "排队的人实在太多", "取号排队两小时", "每次去都要排很久的队", "门口排着长队", "排队半天才轮到我们",
    "周末排队的人特别多", "等位区坐满了，排队要很久", "叫号叫得太慢，排队排到心烦",
)  # fmt: skip
PET = (
    "可以带狗狗进店", "店里允许带猫", "带宠物来也很欢迎", "狗狗有专门的水碗", "宠物友好，狗可以上桌边",
    "给我家狗狗也准备了零食", "不让带宠物进去", "带着猫一起来喝茶",
)  # fmt: skip


class Grams:
    """Hashed character pairs as unit vectors; a text with 慢, 久 or 烦 is negative."""

    name, unsure_below = "grams", 0.4

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.shown = 0

    def predict(self, texts: Sequence[str]) -> Probabilities:
        bad = [any(char in text for char in "慢久烦") for text in texts]
        return np.array([[0.8, 0.1, 0.1] if b else [0.1, 0.1, 0.8] for b in bad], np.float32).reshape(-1, 3)

    def vectors(self, texts: Sequence[str]) -> probe.Vectors:
        self.shown += len(texts)
        table = np.full((len(texts), 384), 1e-6, np.float32)
        for row, text in enumerate(texts):
            for pair in zip(text, text[1:] + " ", strict=True):
                table[row, crc32("".join(pair).encode("utf-8", "replace")) % 384] += 1
        shortened: probe.Vectors = table / np.linalg.norm(table, axis=1, keepdims=True)
        return shortened


def home(tmp_path: Path, *categories: Category) -> Settings:
    return Settings(home=tmp_path, categories=categories or (Category(name="queue", zh="排队", examples=QUEUE),))


@pytest.fixture(scope="module")
def found_by(tmp_path_factory) -> OwnCategories:
    both = (Category(name="queue", examples=QUEUE), Category(name="pets", examples=PET))
    return OwnCategories(home(tmp_path_factory.mktemp("own"), *both), Grams())


def test_what_is_like_the_examples_is_found_in_its_sentence_with_its_sentiment(found_by):
    text = "味道还可以。就是每次排队要排很久！包装也好看"
    (found,) = found_by.find([text])
    (aspect,) = found
    assert (aspect.name, aspect.sentiment, aspect.evidence) == ("queue", "negative", "就是每次排队要排很久！")
    assert text[slice(*aspect.span)] == aspect.evidence


def test_other_texts_have_none_of_them_and_each_text_has_its_own(found_by):
    texts = ["快递三天就到了", "带狗狗来喝茶，店员还给了水", "排队两小时", "", "，。！"]
    assert [[a.name for a in found] for found in found_by.find(texts)] == [[], ["pets"], ["queue"], [], []]
    assert found_by.find([]) == []


def test_its_numbers_are_those_of_examples_left_out(tmp_path):
    odd = (*QUEUE, "今天天气真好")  # nothing like the others
    (fitted,) = fitted_for(home(tmp_path, Category(name="queue", examples=odd)), Grams()).categories
    assert fitted.young
    assert fitted.examples == 13
    assert "今天天气真好" in fitted.missed
    assert fitted.probe.recall == pytest.approx(1 - len(fitted.missed) / 13)
    assert fitted.probe.precision > 0.7


def test_leaving_one_out_in_closed_form_is_leaving_one_out():
    """The shortcut against the long way: fit again without the row, judge the row."""
    chance = np.random.default_rng(3)
    vectors = chance.normal(size=(40, 12))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    targets = np.where(np.arange(40) < 8, 1.0, -1.0)
    share = np.where(targets > 0, 0.5 / 8, 0.5 / 32)
    _, _, quick = probe._ridge(vectors, targets, share, 0.02)
    for row in range(40):
        rest = np.arange(40) != row
        weights, bias, _ = probe._ridge(vectors[rest], targets[rest], share[rest], 0.02)
        assert quick[row] == pytest.approx(float(vectors[row] @ weights + bias), abs=1e-6)


def test_the_threshold_is_the_one_of_the_largest_f1_and_lies_between_two_scores():
    scores = np.array([0.9, 0.8, 0.1]), np.array([0.5, 0.2, -1.0, -1.0])
    assert probe.best_threshold(*scores) == pytest.approx((0.8 + 0.5) / 2)


def test_a_second_start_reads_the_fit_and_a_change_makes_a_new_one(tmp_path):
    settings, model = home(tmp_path), Grams()
    first = OwnCategories(settings, model)
    shown = model.shown
    assert OwnCategories(settings, model).version == first.version
    assert model.shown == shown
    assert OwnCategories(settings, Grams("2")).version != first.version
    more = home(tmp_path, Category(name="queue", examples=(*QUEUE, "排队排了一天")))
    assert OwnCategories(more, model).version != first.version
    assert report(more).categories[0].examples == 13
    (tmp_path / "own_categories.json").write_bytes(b"{half")
    assert OwnCategories(settings, model).version == first.version


def test_examples_in_a_file_count_like_those_in_the_settings(tmp_path):
    (tmp_path / "queue.csv").write_text(
        "id,text\n1,排队\n" + "\n".join(f"{n},{t}" for n, t in enumerate(QUEUE)), "utf-8"
    )
    (tmp_path / "pets.csv").write_text("\n".join(PET), "gb18030")
    by_file = Category(name="queue", file="queue.csv", examples=QUEUE[:2]), Category(name="pets", file="pets.csv")
    fit = fitted_for(home(tmp_path, *by_file), Grams())
    assert [(one.name, one.examples) for one in fit.categories] == [("queue", len(QUEUE) + 1), ("pets", len(PET))]


def test_too_few_examples_and_a_model_without_vectors_are_explained(tmp_path):
    few = Category(name="queue", examples=QUEUE[: FEWEST - 1])
    with pytest.raises(SettingsError, match="at least 5"):
        fitted_for(home(tmp_path, few), Grams())

    class Plain:
        name, version, unsure_below = "plain", "1", 0.4

    with pytest.raises(ModelError, match="gives no vectors"):
        fitted_for(home(tmp_path), Plain())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('name = "taste"\nexamples = ["x"]', "shipped"),
        ('name = "service"\nexamples = ["x"]', "shipped"),
        ('name = "a:b"\nexamples = ["x"]', "letters"),
        ('name = "queue"', "no examples"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, written, told):
    (tmp_path / "earshot.toml").write_text(f"[[categories]]\n{written}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        load(tmp_path)


def test_an_analysis_holds_them_after_the_shipped_ones_and_its_version_tells(tmp_path):
    analyser = Analyser(home(tmp_path), Grams())
    now = datetime.now(UTC)
    mention = Mention(id="weibo:1", platform="weibo", source="s", text="口味不错。每次排队两小时", published_at=now)
    (understood,) = analyser.analyse([mention])
    names = [aspect.name for aspect in understood.analysis.aspects]
    assert (names[0], names[-1], names.count("queue")) == ("taste", "queue", 1)
    assert understood.analysis.model_version == analyser.version
    assert analyser.version.startswith("1+")
    assert Analyser(Settings(home=tmp_path), Grams()).version == "1"


@given(st.text(max_size=300))
def test_sentences_are_pieces_of_the_text_in_order(text):
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


@pytest.mark.parametrize(
    "text", ["", "😋", "\ud83d", "a" * 1_000_000, "。" * 100_000, "排队！" * 10_000, "\x00\u202e"]
)
def test_any_text_has_an_answer(found_by, text):
    (found,) = found_by.find([text])
    assert len(found) <= 2
