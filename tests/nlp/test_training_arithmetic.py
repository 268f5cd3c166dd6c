"""The arithmetic of training, without a training: losses, batches, int8 weights, temperatures."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

# ruff: noqa: E402 - these need the extra `train`
from nlp.heads import CATEGORIES
from nlp.training import batching, data, export, losses, network
from nlp.training.data import Row
from nlp.training.rowq import quantise_rows


def row(**labels: object) -> Row:
    return Row(**({"text": "x", "source": "s", "lang": "en"} | labels))


def test_a_head_learns_nothing_from_a_row_without_its_label() -> None:
    outputs = network.Outputs(
        torch.zeros(2, 3, requires_grad=True),
        torch.zeros(2, len(CATEGORIES), 4, requires_grad=True),
        torch.zeros(2, len(data.BINARY), requires_grad=True),
        torch.zeros(2, 4),
    )
    some = [row(sentiment=0), row(source="food", aspects={"taste": 2})]
    losses.loss_of(outputs, some, losses.known_categories(some)).backward()
    assert outputs.sentiment.grad[1].abs().sum() == 0 < outputs.sentiment.grad[0].abs().sum()
    taste = CATEGORIES.index("taste")
    assert outputs.aspects.grad[1, taste].abs().sum() > 0  # the only category that this set's scheme has
    assert outputs.aspects.grad.abs().sum() == outputs.aspects.grad[1, taste].abs().sum()
    assert outputs.binary.grad.abs().sum() == 0


def test_two_class_rows_leave_neutral_alone_unless_they_are_verdicts() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    losses.sentiment_loss(logits, [row(sentiment=0, two_class=True)]).backward()
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 0] < 0 < logits.grad[0, 2]
    logits = torch.zeros(1, 3, requires_grad=True)
    losses.sentiment_loss(logits, [row(sentiment=0, two_class=True, verdict=True)]).backward()
    assert logits.grad[0, 1] > 0


def test_every_row_is_in_one_batch_within_the_token_limit() -> None:
    lengths = [2 + number * 7 % 60 for number in range(500)]
    plan = batching.batches(lengths, 300, seed=1)
    assert sorted(row for batch in plan for row in batch) == list(range(500))
    assert max(len(batch) * max(lengths[row] for row in batch) for batch in plan) <= 300
    assert plan != batching.batches(lengths, 300, seed=2)


def test_int8_rows_are_within_half_a_step() -> None:
    weights = np.random.default_rng(1).normal(size=(40, 64)).astype(np.float32)
    values, scale = quantise_rows(weights)
    assert values.dtype == np.int8
    assert (np.abs(values * scale[:, None] - weights) <= 0.51 * scale[:, None]).all()
    assert (quantise_rows(np.zeros((2, 3), np.float32))[0] == 0).all()


def test_what_training_adds_to_an_int8_model_outlives_the_next_rounding() -> None:
    """Steps too small for the old grid would all be rounded away on it."""
    weights = np.random.default_rng(1).normal(size=(40, 6400)).astype(np.float32)
    values, scale = quantise_rows(weights)
    shipped = values * scale[:, None]
    same, scale = quantise_rows(shipped)
    assert np.allclose(same * scale[:, None], shipped)  # what was frozen loses nothing more
    learnt = 0.1 * scale[:, None]
    values, scale = quantise_rows(shipped + learnt)
    kept = (values * scale[:, None] - shipped).mean(axis=1, keepdims=True) / learnt
    assert np.allclose(kept, 1, atol=0.5)
    assert abs(kept.mean() - 1) < 0.1


def test_temperature_of_an_overconfident_model_is_above_one() -> None:
    labels = np.array([0, 2] * 50)
    logits = np.zeros((100, 3), np.float32)
    logits[np.arange(100), np.where(np.arange(100) < 80, labels, 2 - labels)] = 6.0  # sure, and right in 80 of 100
    assert export.best_temperature(logits, labels, np.ones(100)) > 2
