"""Places of an aspect in the text as written, whatever normalising did to it."""

import numpy as np
from hypothesis import given
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
