"""The training pipeline, run small but whole: sets to rows, rows to a model, model to a served folder."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("sklearn")

# ruff: noqa: E402 - these need the extra `train`
from tiny_sets import BAD, GOOD, PLAIN, STAFF, TASTE, write_sets
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from index.errors import SettingsError
from nlp.encoder import Encoder
from nlp.engine import ACCURATE, SHIPPED, OnnxModel, load_model
from nlp.evaluation import report
from nlp.evaluation import sets as labelled_sets
from nlp.training import baseline, batching, compare, data, export, heads, merge, network, rebuild, restore, train
from nlp.training.data import SetSpec


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_sets(folder)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("own") / "own.csv"
    file.write_text(
        "text,lang,sentiment,aspects,intents,sarcasm\n"
        "soup awful 太,en,negative,taste:negative;staff:neutral,complaint;question,0\n"
        "love it 呵呵,en,negative,,,1\n",
        encoding="utf-8",
    )
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT without a head, as a pre-trained encoder comes, with a tokenizer of characters."""
    folder = tmp_path_factory.mktemp("base")
    letters = sorted(set("".join([*GOOD, *BAD, *PLAIN, *TASTE, *STAFF, "0123456789?愤怒"])) - {" "})
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
def rows(sets: Path, own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    run(data.main, "--sets", sets, "--specs", sets / "sets.toml", "--own", own, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def trained(base: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sizes = ("--batch-tokens", 250, "--max-tokens", 32, "--new-heads")
    run(train.main, "--base", base, "--rows", rows, "--out", folder, "--epochs", 8, "--lr", 2e-3, *sizes)
    return folder / "model"


@pytest.fixture(scope="module")
def served(trained: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    run(export.main, "--model", trained, "--rows", rows, "--out", folder, "--name", "tiny", "--check", 100)
    return folder


def run(main: object, *arguments: object) -> None:
    main([str(argument) for argument in arguments])  # type: ignore[operator]


def test_rows_keep_to_their_specs_and_apart_from_dev(rows: Path) -> None:
    train_rows, dev_rows = (data.read_rows(rows / f"{split}.jsonl.gz") for split in ("train", "dev"))
    of = {name: [r for r in train_rows if r.source == name] for name in ("three", "two", "leaky", "food", "angry")}
    assert {name: len(found) for name, found in of.items()} == {
        "three": 240, "two": 200, "leaky": 240, "food": 480, "angry": 240,
    }  # fmt: skip
    assert not {r.text for r in train_rows} & {r.text for r in dev_rows}
    assert [{r.two_class for r in of[name]} for name in ("three", "two", "leaky")] == [{False}, {True}, {True}]
    assert [{r.verdict for r in of[name]} for name in ("three", "two", "leaky")] == [{False}, {True}, {False}]
    assert not [r for r in of["leaky"] if "[" in r.text]
    assert [r for r in of["two"] if "[怒]" in r.text]
    assert {name for r in of["food"] for name in r.aspects or ()} == {"taste", "staff"}
    assert {r.binary["complaint"] for r in of["angry"]} == {0, 1}
    assert all(r.sentiment is None for r in [*of["food"], *of["angry"]])


def test_texts_of_our_own_have_every_label(own: Path) -> None:
    first, second = data.read_own(own)
    assert (first.sentiment, first.aspects) == (0, {"taste": 0, "staff": 1})
    assert {name for name, value in first.binary.items() if value} == {"complaint", "question"}
    assert {name for name, value in second.binary.items() if value} == {"sarcasm"}


def test_several_names_of_one_category_are_summed_to_a_sign() -> None:
    named = {"FOOD#QUALITY": 1, "DRINKS#QUALITY": -1, "SERVICE#GENERAL": -1, "dish_recommendation": 1, "价格": 1}
    assert data.merged_aspects(named) == {"taste": 1, "staff": 0, "price": 2}


def test_the_same_seed_draws_the_same_rows(sets: Path, own: Path) -> None:
    specs = {"three": SetSpec(rows=50)}
    assert data.build(sets, own, specs, seed=1) == data.build(sets, own, specs, seed=1)
    assert data.build(sets, own, specs, seed=1)[0] != data.build(sets, own, specs, seed=2)[0]


def test_a_language_whose_labels_are_noise_is_left_out(sets: Path, own: Path) -> None:
    specs = {"three": SetSpec(), "angry": SetSpec(task="complaint", without=["en"])}
    for rows in data.build(sets, own, specs, seed=1):
        assert {row.source for row in rows} == {"three", "own"}


def test_a_setting_that_no_set_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sets.toml").write_text("[three]\nrow = 5\n", encoding="utf-8")
    with pytest.raises(msgspec.ValidationError, match="row"):
        data.read_specs(tmp_path / "sets.toml")


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


def test_a_run_that_gains_nothing_on_dev_rows_ends_and_keeps_what_was_best(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    command = ("--base", base, "--rows", rows, "--out", tmp_path, "--epochs", 50, "--max-tokens", 32)
    ruinous = ("--lr", 0.5, "--save-minutes", 0, "--patience", 3, "--dev-rows", 5)
    run(train.main, *command, *ruinous)
    progress = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]
    looks = [
        line for line in map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines()) if "dev_loss" in line
    ]
    assert progress["stale"] == 3 < len(looks)
    assert progress["best"] == pytest.approx(min(look["dev_loss"] for look in looks), abs=1e-4)
    kept = json.loads((tmp_path / "model" / "training.json").read_text(encoding="utf-8"))
    assert kept["step"] == looks[-4]["step"] < progress["step"]
    run(train.main, *command, *ruinous)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"] == progress


def test_a_run_that_ends_while_it_saves_has_its_best_model_in_the_end(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    command = ("--base", base, "--rows", rows, "--out", tmp_path, "--epochs", 1, "--max-tokens", 32)
    (tmp_path / "model").touch()  # no folder can be made here
    with pytest.raises(FileExistsError):
        run(train.main, *command)
    (tmp_path / "model").unlink()
    run(train.main, *command)
    network.load(tmp_path / "model")


def test_the_exported_model_learnt_the_sets_and_agrees_with_torch(
    trained: Path, served: Path, rows: Path, sets: Path
) -> None:
    model = OnnxModel(served)
    names = ("three", "two", "food", "angry")
    scores = {name: report.evaluate(model, labelled_sets.read(sets / name)) for name in names}
    assert min(scores[name]["accuracy"] for name in ("three", "two")) > 0.9
    assert scores["food"]["micro_f1"] > 0.9
    assert scores["angry"]["f1"] > 0.9
    assert scores["angry"]["auc"] > 0.95
    found = export.check(trained, served, [r.text for r in data.read_rows(rows / "dev.jsonl.gz")])
    assert found["agreement"] >= 0.98
    assert found["largest_batch_difference"] == 0


def test_a_shipped_folder_is_gone_on_from(trained: Path, served: Path, rows: Path) -> None:
    texts = [r.text for r in data.read_rows(rows / "dev.jsonl.gz")][:50]
    again = restore.restore(served, heads=2).eval()
    encoder = Encoder(served / "tokenizer.json", 32)
    tokens, mask = batching.padded(encoder.encode(texts), encoder.pad_id)
    with torch.inference_mode():
        logits = again(tokens, mask)
    raw = OnnxModel(served).raw(texts)
    assert raw.aspects is not None
    assert (logits.sentiment.argmax(1).numpy() == raw.sentiment.argmax(1)).mean() >= 0.96
    assert (logits.aspects.argmax(2).numpy() == raw.aspects.argmax(2)).mean() >= 0.96
    first = network.load(trained)
    kept = [name for name, _ in first.named_parameters() if not name.startswith("bert.")]
    for name in kept:  # heads are not rounded: nothing of them may be lost, of which a text's label tells little
        assert torch.equal(again.get_parameter(name), first.get_parameter(name)), name
    assert "queries" in kept


@pytest.mark.parametrize("folder", [SHIPPED, SHIPPED / ACCURATE])
def test_both_shipped_models_are_gone_on_from(folder: Path) -> None:
    texts = ["太难喝了，再也不来", "回购无数次了", "门店几点开门", "Broke after two days", "呢間嘢好好食！"]
    raw = OnnxModel(folder).raw(texts)
    encoder = Encoder(folder / "tokenizer.json", 64)
    with torch.inference_mode():
        logits = restore.restore(folder).eval()(*batching.padded(encoder.encode(texts), encoder.pad_id))
    assert raw.sentiment == pytest.approx(logits.sentiment.numpy(), abs=0.5)


def test_heads_that_had_their_training_can_be_left_alone(trained: Path, rows: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "model")
    run(heads.main, "--model", tmp_path / "model", "--rows", rows, "--only", "binary", "--epochs", 1)
    before, after = network.load(trained).state_dict(), network.load(tmp_path / "model").state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"queries", "binary_weight", "binary_bias"}
    kinds = len(network.CATEGORIES)
    assert torch.equal(before["queries"][:kinds], after["queries"][:kinds])


def test_one_command_makes_both_models_and_goes_on_after_a_stop(
    base: Path, sets: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "STUDENT_LAYERS", "0")
    monkeypatch.setattr(export, "LEAST_AGREEMENT", 0.5)  # half a minute of training makes no sharp model
    plan = rebuild.Plan(
        sets=sets,
        base=base,
        out=tmp_path,
        specs=sets / "sets.toml",
        own=own,
        rounds=2,
        minutes=0.1,
        student_minutes=0.1,
        freeze=1,
    )
    weights = rebuild.run(plan)
    rounds = [
        json.loads((tmp_path / name / "model" / "training.json").read_bytes()) for name in ("large", "large2")
    ]
    assert [(each["seed"], each["freeze"], each["new_heads"]) for each in rounds] == [(13, 1, True), (14, 0, False)]
    assert rounds[1]["base"] == str(tmp_path / "large" / "model")
    large, small = load_model(str(weights / ACCURATE)), load_model(str(weights))
    assert (large.name, small.name) == ("earshot-12l", "earshot-6l")
    written = (weights / "model.onnx").stat().st_mtime_ns
    assert rebuild.run(plan) == weights
    assert (weights / "model.onnx").stat().st_mtime_ns == written
    for other in ({"base": weights}, {"rounds": 3}):
        with pytest.raises(SettingsError, match="begun with other"):
            rebuild.run(msgspec.structs.replace(plan, **other))


def test_a_model_that_does_not_agree_is_not_exported(base: Path, rows: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "LEAST_AGREEMENT", 1.01)
        with pytest.raises(SystemExit, match="not fit to ship"):
            run(export.main, "--model", trained, "--rows", rows, "--out", tmp_path, "--check", 20)
    assert list(tmp_path.iterdir()) == []  # nothing that a second call would take for finished


def test_the_baseline_reads_all_rows_of_a_set(sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = data.read_specs(sets / "sets.toml")
    monkeypatch.setattr(baseline, "read_specs", lambda: specs)
    run(baseline.main, "--sets", sets, "--out", tmp_path / "baseline.json")
    found = json.loads((tmp_path / "baseline.json").read_text(encoding="utf-8"))
    assert {name: score["train"] for name, score in found.items()} == dict.fromkeys(["three", "two", "leaky"], 240)
    assert min(score["macro_f1"] for score in found.values()) > 0.9


def test_the_baseline_reads_the_rows_of_a_training(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = data.read_specs(sets / "sets.toml")
    few = {name: msgspec.structs.replace(spec, rows=30, repeat=3) for name, spec in specs.items()}
    monkeypatch.setattr(baseline, "read_specs", lambda: specs)
    train, _ = data.build(sets, data.OWN, few, seed=1)
    data.write_rows(tmp_path / "train.jsonl.gz", train)
    run(baseline.main, "--sets", sets, "--rows", tmp_path, "--out", tmp_path / "baseline.json")
    found = json.loads((tmp_path / "baseline.json").read_text(encoding="utf-8"))
    assert {name: score["train"] for name, score in found.items()} == dict.fromkeys(["three", "two", "leaky"], 30)


def test_a_share_of_what_others_learnt_is_added(trained: Path, rows: Path, tmp_path: Path) -> None:
    start, other, out = tmp_path / "start", tmp_path / "other", tmp_path / "out"
    learnt = network.load(trained)
    network.save(learnt, other)
    with torch.no_grad():
        learnt.classifier.bias -= torch.tensor([1.0, 2.0, 3.0])
        learnt.bert.encoder.layer[0].output.dense.weight -= 0.5
    network.save(learnt, start)
    for name in ("tokenizer.json", "training.json"):
        shutil.copyfile(trained / name, other / name)
    run(merge.main, "--base", start, "--add", f"{other}:0.25", "--add", f"{start}:1", "--out", out)
    run(export.main, "--model", out, "--rows", rows, "--out", tmp_path / "served", "--check", 20)
    first, last = network.load(start).state_dict(), network.load(out).state_dict()
    moved = {name: (last[name] - first[name]).flatten() for name in first}
    assert torch.allclose(moved.pop("classifier.bias"), torch.tensor([0.25, 0.5, 0.75]))
    assert torch.allclose(moved.pop("bert.encoder.layer.0.output.dense.weight"), torch.tensor(0.125))
    assert not any(value.any() for value in moved.values())
    network.save(network.shortened(learnt, [0]), other)
    with pytest.raises(ValueError, match="did not start from"):
        merge.merge(start, {other: 0.5})


def test_networks_are_compared_on_dev_rows_head_by_head(
    trained: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = network.load(trained)
    with torch.no_grad():
        for head in (lost.classifier.weight, lost.aspect_weight, lost.binary_weight):
            head.zero_()
    network.save(lost, tmp_path)
    shutil.copyfile(trained / "tokenizer.json", tmp_path / "tokenizer.json")
    run(compare.main, trained, tmp_path, f"{tmp_path}+{trained}:1", "--rows", rows, "--max-tokens", 32)
    lines = capsys.readouterr().out.splitlines()[3:]
    found = {line[:40].strip(): [float(cell) for cell in line[40:].split()] for line in lines}
    assert set(found) == {
        *("sentiment, three", "sentiment, two", "sentiment, leaky", "aspects, food", "binary, angry"),
        *("sentiment, mean of 3", "aspects, mean of 1", "binary, mean of 1"),
    }
    for learnt, forgot, merged in found.values():
        assert learnt > 85 > forgot
        assert merged == pytest.approx(learnt, abs=0.1)
    run(compare.main, trained, "--rows", rows, "--max-tokens", 32, "--sets", "own")
    own = {line[:40].strip() for line in capsys.readouterr().out.splitlines()[1:]}
    assert {"sentiment, own", "aspects, own", "binary, own"} < own
    with pytest.raises(SystemExit):
        run(compare.main, tmp_path / "gone", "--rows", rows)
    assert f"{tmp_path / 'gone'}: " in capsys.readouterr().err
