"""The training pipeline, run small but whole: sets to rows, rows to a model, model to a served folder."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("sklearn")

# ruff: noqa: E402 - these need the extra `train`
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from nlp.encoder import Encoder
from nlp.engine import OnnxSentiment
from nlp.training import baseline, data, evaluate, export, train
from nlp.training.data import Row, SetSpec
from nlp.training.rowq import quantise_rows

GOOD = ["很好吃", "喜欢", "delicious", "love it", "推荐", "满意"]
BAD = ["难吃", "讨厌", "awful", "hate it", "退货", "失望"]
PLAIN = ["几点开门", "什么颜色", "opening hours", "on Monday", "有货吗", "在哪里"]
SPECS = (SetSpec("three"), SetSpec("two", verdicts=True), SetSpec("leaky", emoticons_leak=True, weight=0.5))


def labelled(words: dict[str, list[str]], count: int, start: int) -> list[dict[str, str | None]]:
    rows: list[dict[str, str | None]] = []
    for number in range(start, start + count):
        label = list(words)[number % len(words)]
        text = f"{words[label][number % 6]} {words[label][number // 6 % 6]} {number}"
        rows.append({"text": text, "label": label, "lang": "zh-Hans"})
    return [*rows, {"text": f"? {start}", "label": None, "lang": "zh-Hans"}]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    three = {"positive": GOOD, "negative": BAD, "neutral": PLAIN}
    two = {"positive": GOOD, "negative": [f"{word}[怒]" for word in BAD]}
    for name, words in (("three", three), ("two", two), ("leaky", two)):
        (folder / name).mkdir()
        for split, count, start in (("train", 240, 0), ("dev", 60, 1_000)):
            with gzip.open(folder / name / f"{split}.jsonl.gz", "wt", encoding="utf-8") as out:
                out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in labelled(words, count, start))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT without a head, as a pre-trained encoder comes, with a tokenizer of characters."""
    folder = tmp_path_factory.mktemp("base")
    letters = sorted(set("".join([*GOOD, *BAD, *PLAIN, "0123456789?愤怒"])) - {" "})
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>", continuing_subword_prefix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=64,
        pad_token_id=1,
        initializer_range=0.1,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "SETS", SPECS)
        run(data.main, "--sets", sets, "--out", folder, "--per-root", 14)
    return folder


@pytest.fixture(scope="module")
def trained(base: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sizes = ("--batch-tokens", 200, "--max-tokens", 32)
    run(train.main, "--base", base, "--rows", rows, "--out", folder, "--epochs", 8, "--lr", 2e-3, *sizes)
    return folder / "model"


@pytest.fixture(scope="module")
def served(trained: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    run(export.main, "--model", trained, "--rows", rows, "--out", folder, "--name", "tiny", "--check", 100)
    return folder


def run(main: object, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["program", *map(str, arguments)])
        main()  # type: ignore[operator]


def test_rows_are_labelled_balanced_and_kept_apart_from_dev(rows: Path) -> None:
    train_rows, dev_rows = (data.read_rows(rows / f"{split}.jsonl.gz") for split in ("train", "dev"))
    assert len(train_rows) == 3 * round(14 * 240**0.5)
    assert not {row.text for row in train_rows} & {row.text for row in dev_rows}
    assert {row.source: row.two_class for row in train_rows} == {"three": False, "two": True, "leaky": True}
    assert all(row.verdict == (row.source == "two") for row in train_rows)
    assert not [row for row in train_rows if row.source == "leaky" and "[" in row.text]
    assert [row for row in train_rows if row.source == "two" and "[怒]" in row.text]


def test_the_same_seed_draws_the_same_rows(sets: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "SETS", SPECS)
        assert data.build(sets, 5, seed=1) == data.build(sets, 5, seed=1)
        assert data.build(sets, 5, seed=1)[0] != data.build(sets, 5, seed=2)[0]


def test_two_class_rows_leave_neutral_alone_unless_they_are_verdicts() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    train.loss_of(logits, [Row("x", 0, "two", "en", two_class=True, verdict=False, weight=1)]).backward()
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 0] < 0 < logits.grad[0, 2]
    logits = torch.zeros(1, 3, requires_grad=True)
    train.loss_of(logits, [Row("x", 0, "two", "en", two_class=True, verdict=True, weight=1)]).backward()
    assert logits.grad[0, 1] > 0


def test_every_row_is_in_one_batch_within_the_token_limit() -> None:
    lengths = [2 + number * 7 % 60 for number in range(500)]
    plan = train.batches(lengths, 300, seed=1)
    assert sorted(row for batch in plan for row in batch) == list(range(500))
    assert max(len(batch) * max(lengths[row] for row in batch) for batch in plan) <= 300
    assert plan != train.batches(lengths, 300, seed=2)


def test_a_stopped_run_goes_on_where_it_was(base: Path, rows: Path, tmp_path: Path) -> None:
    command = ("--base", base, "--rows", rows, "--out", tmp_path, "--epochs", 2, "--max-tokens", 32)
    run(train.main, *command, "--minutes", 0.001, "--save-minutes", 0)
    stopped = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]
    assert stopped["step"] > 0
    run(train.main, *command, "--minutes", 10)
    finished = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]
    assert finished["step"] > stopped["step"]
    encoder = Encoder(base / "tokenizer.json", 32)
    texts = [row.text for row in data.read_rows(rows / "train.jsonl.gz")]
    assert finished["tokens"] == 2 * sum(
        map(len, encoder.encode(texts))
    )  # every row twice: none lost, none doubled


def test_int8_rows_are_within_half_a_step() -> None:
    weights = np.random.default_rng(1).normal(size=(40, 64)).astype(np.float32)
    values, scale = quantise_rows(weights)
    assert values.dtype == np.int8
    assert (np.abs(values * scale[:, None] - weights) <= 0.51 * scale[:, None]).all()
    assert (quantise_rows(np.zeros((2, 3), np.float32))[0] == 0).all()


def test_temperature_of_an_overconfident_model_is_above_one() -> None:
    labels = np.array([0, 2] * 50)
    logits = np.zeros((100, 3), np.float32)
    logits[np.arange(100), np.where(np.arange(100) < 80, labels, 2 - labels)] = 6.0  # sure, and right in 80 of 100
    assert export.best_temperature(logits, labels, np.ones(100)) > 2


def test_the_exported_model_learnt_the_sets_and_agrees_with_torch(trained: Path, served: Path, rows: Path) -> None:
    dev = data.read_rows(rows / "dev.jsonl.gz")
    scores = evaluate.grouped(dev, evaluate.predictions(OnnxSentiment(served), dev), lambda row: row.source)
    assert min(score["accuracy"] for score in scores.values()) > 0.9
    found = export.check(trained, served, [row.text for row in dev])
    assert found["agreement"] >= 0.99
    assert found["largest_batch_difference"] == 0


def test_a_model_that_does_not_agree_is_not_exported(base: Path, rows: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "LEAST_AGREEMENT", 1.01)
        with pytest.raises(SystemExit, match="not fit to ship"):
            run(export.main, "--model", trained, "--rows", rows, "--out", tmp_path, "--check", 20)


def test_evaluation_tells_when_a_set_is_behind_the_baseline(
    served: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / "baseline.json"
    run(baseline.main, "--rows", rows, "--out", scores)
    found = json.loads(scores.read_text(encoding="utf-8"))
    assert {name: score["train"] for name, score in found.items()} == dict.fromkeys(["three", "two", "leaky"], 217)
    for score in found.values():
        score["macro_f1"] = 0.0
    scores.write_text(json.dumps(found), encoding="utf-8")
    command = ("--rows", rows, "--baseline", scores, "--model", served, "--out", tmp_path / "scores.json")
    run(evaluate.main, *command)
    assert "three" in capsys.readouterr().out
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["sets"]["two"]["dev"] == 60
    found["two"]["macro_f1"] = 1.01
    scores.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(SystemExit, match="two"):
        run(evaluate.main, *command)
