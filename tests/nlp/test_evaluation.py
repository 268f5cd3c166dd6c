"""Measures against scikit-learn and by hand; what the report says of a set."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from golden import golden
from hypothesis import given
from hypothesis import strategies as st
from labelled_rows import ROWS

from nlp.engine import Probabilities, load_model
from nlp.evaluation import metrics, report, sets
from nlp.heads import BINARY, category_of

sklearn_metrics = pytest.importorskip("sklearn.metrics")


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=60))
def test_auc_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, scores = np.array([p[0] for p in pairs]), np.array([p[1] / 20 for p in pairs], np.float32)
    found = metrics.auc(labels, scores)
    if len(set(labels.tolist())) == 1:
        assert found is None
    else:
        assert found == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_class_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, guesses = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    found = metrics.class_scores(labels, guesses, ("a", "b", "c"))
    expected = sklearn_metrics.f1_score(labels, guesses, labels=[0, 1, 2], average=None, zero_division=0)
    assert {name: one["f1"] for name, one in found.items()} == pytest.approx(
        {name: expected[i] for i, name in enumerate("abc") if i in labels}
    )


def test_a_model_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    sureness = np.full(4, 0.75, np.float32)
    assert metrics.calibration_error(np.array([True, True, True, False]), sureness) == pytest.approx(0, abs=1e-6)
    assert metrics.calibration_error(np.array([False] * 4), sureness) == pytest.approx(0.75)


def test_the_surest_texts_are_answered_first() -> None:
    curve = metrics.abstention(np.array([True, False, True, False]), np.array([0.9, 0.6, 0.8, 0.55], np.float32))
    assert [(point["coverage"], point["accuracy"]) for point in curve if point["coverage"] in (1.0, 0.5)] == [
        (1.0, 0.5),
        (0.5, 1.0),
    ]


class Sayings:
    """A model that is as sure of everything."""

    name, version, unsure_below = "sayings", "1", 0.5

    def predict(self, texts: Sequence[str]) -> Probabilities:
        return np.tile(np.array([[0.2, 0.35, 0.45]], np.float32), (len(texts), 1))


def test_of_any_two_labels_the_third_probability_is_left_out() -> None:
    examples = [sets.Example("a", "negative"), sets.Example("b", "neutral"), sets.Example("c", "neutral")]
    found = report.evaluate(Sayings(), sets.LabelledSet("two", examples))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["ece"] == pytest.approx(2 / 3 - 0.35 / 0.55, abs=1e-6)


def test_all_measures_of_a_task_are_of_the_answers_at_its_threshold() -> None:
    rows, model = golden()["praise"].examples[:80], load_model()
    scores = [one.binary[BINARY.index("praise")] for one in model.read([row.text for row in rows])]
    threshold = model.card.thresholds["praise"]
    assert any(threshold <= score < 0.5 for score in scores)
    labels, said = [row.label for row in rows], [score >= threshold for score in scores]
    found = report.evaluate(model, sets.LabelledSet("praise", rows))
    assert found["accuracy"] == found["abstention"][0]["accuracy"]
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, said))
    assert found["macro_recall"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(labels, said))


def test_a_set_without_any_label_is_skipped() -> None:
    for example in (sets.Example("x"), sets.Example("x", None, "en", "complaint")):
        found = report.evaluate(load_model(), sets.LabelledSet("none", [example]))
        assert (found["n"], found["skipped"]) == (0, "no row has a label")


def test_a_set_of_two_classes_is_scored_over_those_two() -> None:
    found = report.evaluate(
        load_model(), sets.LabelledSet("two", [msgspec.convert(row, sets.Example) for row in ROWS])
    )
    assert found["n"] == 4
    assert set(found["per_class"]) == {"negative", "positive"}
    assert found["accuracy"] == found["macro_f1"] == 1.0
    assert found["languages"]["en"]["n"] == 2
    assert {"ece", "abstention", "macro_recall", "texts_per_second", "cpu_seconds"} <= set(found)


def test_a_task_without_a_head_is_skipped_with_the_reason() -> None:
    example = sets.Example("you fool", 1, "en", "offensive")
    found = report.evaluate(load_model(), sets.LabelledSet("offence", [example]))
    assert found["n"] == 0
    assert "offensive" in found["skipped"]


def test_people_who_could_have_said_neutral_rule_it_out() -> None:
    """Of a set with two classes only nobody knows; a correction to "negative" of what a model calls neutral is one
    mistake of the model."""
    calm = [sets.Example("门店几点开门"), sets.Example("What is the size of this table?")]
    assert [shares.argmax() for shares in load_model().predict([one.text for one in calm])] == [1, 1]
    wrong = [
        msgspec.structs.replace(one, label=label) for one, label in zip(calm, ("negative", "positive"), strict=True)
    ]
    assert report.evaluate(load_model(), sets.LabelledSet("x", wrong, every_label=True))["accuracy"] == 0


def test_an_aspect_that_people_took_away_was_wrong() -> None:
    text = "奶茶太甜了，价格也贵"
    taste = sets.Example(text, aspects={"taste": -1})
    found = report.evaluate(load_model(), sets.LabelledSet("x", [taste] * 2, every_label=True))
    assert found["mention_f1"] < 1  # price was said too
    none = sets.Example(text, aspects={})
    found = report.evaluate(load_model(), sets.LabelledSet("x", [none], every_label=True))
    assert (found["n"], found["mention_f1"]) == (1, 0)


def test_terms_of_the_text_that_meet_our_names_by_accident_are_no_categories() -> None:
    terms = ["price", "Keyboard", "force quit", "preloaded software", "speed"]
    by_term = [sets.Example(f"The {term} is awful", aspects={term: -1}) for term in terms]
    found = report.evaluate(load_model(), sets.LabelledSet("terms", by_term))
    assert (found["n"], found["kind"]) == (0, "aspects")
    assert "only 1 of its 5 aspects" in found["skipped"]
    assert report.evaluate(load_model(), sets.LabelledSet("terms", by_term, every_label=True))["mapped"] == 0.2
    mostly = [sets.Example("x", aspects={"Food#Taste": -1, "PRICE": 0, "Service#Queue": 1, "staff": 1, "寿司": 1})]
    found = report.evaluate(load_model(), sets.LabelledSet("names", mostly))
    assert (found["n"], found["mapped"]) == (1, 0.8)
    assert set(found["per_class"]) == {"taste", "price", "staff"}


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("FOOD#QUALITY", "taste"), ("food#quality", "taste"), ("Food#Taste", "taste"), ("Price#Level", "price"),
        ("Location#Easy_to_find", "location"), ("Ambience#Noise", "store"), ("Dish_Taste", "taste"),
        ("Taste", "taste"), ("SERVICE", "staff"), ("service", None), ("Food#Recommend", None), ("", None),
    ],
)  # fmt: skip
def test_names_of_categories_in_any_case(name: str, category: str | None) -> None:
    assert category_of(name) == category


def test_the_sentiment_beside_aspects_is_scored_too() -> None:
    rows = [
        sets.Example("这家奶茶太好喝了，强烈推荐", "positive", aspects={"taste": 1}),
        sets.Example("难喝死了，再也不来", "negative", aspects={"taste": -1}),
        sets.Example("What is the size of this table?", "neutral"),
    ]
    found = report.evaluate(load_model(), sets.LabelledSet("both", rows))
    assert (found["kind"], found["n"]) == ("aspects", 2)
    assert (found["sentiment"]["n"], found["sentiment"]["accuracy"]) == (3, 1)
    assert found["sentiment"]["ece"] is not None
    for model in (Sayings(), load_model()):
        kept = [msgspec.structs.replace(row, aspects={"拿铁": 1}) for row in rows]
        found = report.evaluate(model, sets.LabelledSet("both", kept))
        assert (found["kind"], found["n"]) == ("sentiment", 3)
        assert found["aspects"]["skipped"]
