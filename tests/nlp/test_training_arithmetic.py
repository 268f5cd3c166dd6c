"""The arithmetic of training, without a training: losses, batches, int8 weights, temperatures."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

# ruff: noqa: E402 - these need the extra `train`
from nlp.heads import CATEGORIES
from nlp.training import batching, data, export, losses, network, rebuild
from nlp.training.data import Row
from nlp.training.rounding import Inputs, evening, rounded


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


def test_a_row_with_every_label_is_not_taught() -> None:
    """The teacher is sure of positive; the rows are negative."""
    told = row(sentiment=0, aspects={"taste": 0}, binary=dict.fromkeys(data.BINARY, 0))
    sizes = (3,), (len(CATEGORIES), 4), (len(data.BINARY),), (4,)
    teacher = network.Outputs(*(torch.zeros(3, *size) for size in sizes))
    teacher.sentiment[:, 2] = 9.0
    outputs = network.Outputs(*(torch.zeros(3, *size, requires_grad=True) for size in sizes))
    some = [told, row(sentiment=0), told]
    losses.loss_of(outputs, some, losses.known_categories(some), teacher).backward()
    wanted = -outputs.sentiment.grad  # the way each logit is moved
    assert wanted[0, 0] > 0 > wanted[0, 2]
    assert wanted[1, 2] > 0 > wanted[1, 1]
    alone = network.Outputs(*(torch.zeros(3, *size, requires_grad=True) for size in sizes))
    losses.loss_of(alone, some, losses.known_categories(some)).backward()
    assert torch.allclose(alone.sentiment.grad[[0, 2]], outputs.sentiment.grad[[0, 2]])


def test_two_class_rows_leave_neutral_alone_unless_they_are_verdicts() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    losses.sentiment_loss(logits, [row(sentiment=0, two_class=True)]).backward()
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 0] < 0 < logits.grad[0, 2]
    logits = torch.zeros(1, 3, requires_grad=True)
    losses.sentiment_loss(logits, [row(sentiment=0, two_class=True, verdict=True)]).backward()
    assert logits.grad[0, 1] > 0


def test_what_people_could_have_said_and_did_not_is_learnt_from(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    lines = ('{"text": "a", "label": "negative"}', '{"text": "b", "aspects": {"taste": -1}}')
    (tmp_path / "mine" / "train.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    kinds = {}
    for every_label in (False, True):
        spec = data.SetSpec(every_label=every_label)
        mood, food = data.read_set(tmp_path, "train", "mine", spec)
        kinds[every_label] = (mood.two_class, len(losses.known_categories([food])["mine"]))
    assert kinds == {False: (True, 1), True: (False, len(CATEGORIES))}


def test_aspects_that_agree_say_how_the_text_is_meant(tmp_path: Path) -> None:
    (tmp_path / "food").mkdir()
    lines = (
        '{"text": "both good", "aspects": {"taste": 1, "AMBIENCE#GENERAL": 1}}',
        '{"text": "good and bad", "aspects": {"taste": 1, "staff": -1}}',
        '{"text": "bad in a way of no category of ours", "aspects": {"?": -1}}',
        '{"text": "of nothing", "aspects": {}}',
    )
    (tmp_path / "food" / "train.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    moods = {}
    for agreed in (False, True):
        read = data.read_set(tmp_path, "train", "food", data.SetSpec(agreed=agreed))
        moods[agreed] = [(row.sentiment, len(row.aspects or {})) for row in read]
    assert moods == {
        False: [(None, 2), (None, 2), (None, 0), (None, 0)],
        True: [(2, 2), (None, 2), (0, 0), (None, 0)],
    }


def test_pieces_of_the_unpruned_base_are_appended(tmp_path: Path) -> None:
    """Most letters saved first; no id changes; each with the embedding it has there."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *"กขคง", "▁"]
    words = {"pruned": pieces, "full": ["<s>", "<pad>", "</s>", "<unk>", "กขค", "คง", "กง", *"กขคง", "▁"]}
    for name, listed in words.items():
        folder = tmp_path / name
        folder.mkdir()
        tokenizer = Tokenizer(models.Unigram([(piece, -len(piece)) for piece in listed], unk_id=3))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.save(str(folder / "tokenizer.json"))
        rows = np.array([[sum(map(ord, piece))] for piece in listed], dtype=np.float32)
        save_file({"embeddings.word_embeddings.weight": rows}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"vocab_size": len(listed)}))
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "train.jsonl.gz").write_bytes(gzip.compress('{"text": "กขค คง กขค"}'.encode()))
    plan = {"sets": tmp_path, "base": tmp_path / "pruned", "out": tmp_path}
    start = rebuild.start_of(rebuild.Plan(**plan, unpruned=tmp_path / "full"))
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    assert [tokenizer.id_to_token(place) for place in range(tokenizer.get_vocab_size())] == [*pieces, "กขค", "คง"]
    embeddings = load_file(start / "model.safetensors")["embeddings.word_embeddings.weight"][:, 0]
    assert embeddings.tolist() == [sum(map(ord, piece)) for piece in [*pieces, "กขค", "คง"]]
    assert json.loads((start / "config.json").read_bytes())["vocab_size"] == len(embeddings)
    assert rebuild.start_of(rebuild.Plan(**plan)) == tmp_path / "pruned"


def test_every_row_is_in_one_batch_within_the_token_limit() -> None:
    lengths = [2 + number * 7 % 60 for number in range(500)]
    plan = batching.batches(lengths, 300, seed=1)
    assert sorted(row for batch in plan for row in batch) == list(range(500))
    assert max(len(batch) * max(lengths[row] for row in batch) for batch in plan) <= 300
    assert plan != batching.batches(lengths, 300, seed=2)


def test_int8_rows_are_within_half_a_step() -> None:
    weights = np.random.default_rng(1).normal(size=(40, 64)).astype(np.float32)
    values, scale = rounded(weights)
    assert values.dtype == np.int8
    assert (np.abs(values * scale[:, None] - weights) <= 0.51 * scale[:, None]).all()
    assert (rounded(np.zeros((2, 3), np.float32))[0] == 0).all()


def alike(count: int, columns: int) -> torch.Tensor:
    """Rows whose columns go together, one of them far larger than the others."""
    random = torch.Generator().manual_seed(1)
    states = torch.randn(count, 8, generator=random) @ torch.randn(8, columns, generator=random)
    states += 0.3 * torch.randn(count, columns, generator=random)
    states[:, 3] *= 30
    return states


def test_rounding_that_saw_the_inputs_changes_the_product_less() -> None:
    weights = np.random.default_rng(1).normal(size=(40, 200)).astype(np.float32)  # more than a block of columns
    states, others = alike(3000, 200).split([2000, 1000])

    def error(moments: object) -> float:
        values, scale = rounded(weights, moments)
        assert np.abs(values).max() <= 127
        return float(np.square(others.numpy() @ (values * scale[:, None] - weights).T).mean())

    assert error(Inputs.of(states).moments) < 0.3 * error(None)


def test_what_training_adds_to_an_int8_model_outlives_the_next_rounding() -> None:
    """Changes of a tenth of a step would all be rounded away where each weight goes to its nearest step."""
    random = np.random.default_rng(1)
    values, scale = rounded(random.normal(size=(40, 200)).astype(np.float32))
    shipped = values * scale[:, None]
    states = alike(2000, 200)
    moments = Inputs.of(states).moments
    same, scale = rounded(shipped, moments)
    assert np.allclose(same * scale[:, None], shipped)  # what was frozen loses nothing more
    learnt = 0.1 * scale[:, None] * random.choice([-1, 1], size=shipped.shape)
    values, scale = rounded((shipped + learnt).astype(np.float32), moments)
    assert (rounded((shipped + learnt).astype(np.float32))[0] == same).all()
    left = states.numpy() @ (values * scale[:, None] - shipped - learnt).T
    assert np.square(left).mean() < 0.3 * np.square(states.numpy() @ learnt.T).mean()


def test_evened_columns_give_the_same_product_and_are_more_alike() -> None:
    weights = np.random.default_rng(1).normal(size=(40, 64)).astype(np.float32)
    states = alike(500, 64)
    even = evening(Inputs.of(states).peaks, weights)
    assert np.allclose(
        (states.numpy() / even) @ (weights * even).T, states.numpy() @ weights.T, rtol=1e-3, atol=1e-3
    )
    seen = Inputs.of(states).divided(even)
    assert seen.peaks.max() / np.median(seen.peaks) < 0.3 * states.abs().max() / np.median(Inputs.of(states).peaks)
    assert np.allclose(seen.moments, Inputs.of(states / torch.from_numpy(even)).moments, rtol=1e-3, atol=1e-2)
    assert np.isfinite(evening(np.zeros(64, np.float32), np.zeros((40, 64), np.float32))).all()


def test_temperature_of_an_overconfident_model_is_above_one() -> None:
    labels = np.array([0, 2] * 50)
    logits = np.zeros((100, 3), np.float32)
    logits[np.arange(100), np.where(np.arange(100) < 80, labels, 2 - labels)] = 6.0  # sure, and right in 80 of 100
    assert export.best_temperature(logits, labels, np.ones(100)) > 2
