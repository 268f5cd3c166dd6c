"""Both shipped models, every head: quality on texts of our own, spans, and numbers that no batch mate changes."""

import json

import numpy as np
import pytest
from golden import golden

from nlp.engine import ACCURATE, SHIPPED, OnnxModel, load_model
from nlp.evaluation.report import evaluate
from nlp.reading import read

FLOORS = json.loads((SHIPPED / "quality.json").read_text(encoding="utf-8"))["heads"]
TEXTS = [
    "包装很漂亮，但是奶茶太甜了，喝了两口就扔",
    "呢間嘢好好食！",
    "Where can I buy this?",
    "等了两个小时還沒有人理我，氣死 😡",
    "",
    "a" * 5_000,
    "加V领取优惠券，名额有限，先到先得",
]


@pytest.fixture(scope="module", params=["default", ACCURATE])
def model(request: pytest.FixtureRequest) -> OnnxModel:
    loaded = load_model(None if request.param == "default" else request.param)
    assert isinstance(loaded, OnnxModel)
    return loaded


def test_every_head_stays_above_its_floor(model: OnnxModel) -> None:
    floors, sets = FLOORS[model.name], golden()
    assert set(floors) == set(sets)
    found = {name: evaluate(model, labelled) for name, labelled in sets.items()}
    measures = {name: next(iter(floor.items())) for name, floor in floors.items()}
    below = {
        name: found[name][measure] for name, (measure, least) in measures.items() if found[name][measure] < least
    }
    assert not below


def test_an_aspect_comes_with_the_words_that_show_it(model: OnnxModel) -> None:
    text = TEXTS[0]
    said = {aspect.name: aspect for aspect in read(model, [text])[0].aspects}
    assert said["taste"].sentiment == "negative"
    assert "甜" in (said["taste"].evidence or "")
    assert all(aspect.span and (aspect.evidence or "-") in text[slice(*aspect.span)] for aspect in said.values())


def test_no_number_of_any_head_depends_on_the_batch(model: OnnxModel) -> None:
    together = model.read(TEXTS * 3)
    for text, row in zip(TEXTS * 3, together, strict=True):
        alone = model.read([text])[0]
        for head in ("sentiment", "aspects", "binary", "shares"):
            np.testing.assert_array_equal(getattr(alone, head), getattr(row, head))
    np.testing.assert_array_equal(model.vectors(TEXTS)[0], model.vectors(TEXTS[:1])[0])
