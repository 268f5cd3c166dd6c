"""What every sentiment model promises, whichever library runs it."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.errors import ModelError
from nlp.engine import SHIPPED, SentimentModel, load_model
from nlp.labels import sentiment_places
from nlp.sentiment import classify

TEXTS = [
    "这家店的奶茶太好喝了！",
    "等了两个小时還沒有人理我，氣死 😡",
    "Where can I buy this?",
    "呢間嘢好好食",
    "这个 lipstick 的 color 真的 so beautiful",
    "good",
    "长" * 40 + "。" + "The queue was long and the soup was cold. " * 30,
]
NASTY = [
    "",
    " \n\t ",
    "\x00\x01\x02",
    "\ud83d",  # half of an emoji
    "\u202e\u200b\ufeff",
    "哈" * 10_000,
    "a" * 1_000_000,
    "ab" * 500_000,
    "[怒]" * 50_000,
    "@" * 100_000,
    "https://" * 50_000,
    "&#x1f600;" * 20_000,
    "\ufdfa" * 50_000,  # one character that normalises to eighteen
    "👨‍👩‍👧‍👦" * 5_000,
    '=HYPERLINK("http://x")',
    "<script>alert(1)</script>",
]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)  # lone surrogates too


@dataclass
class Member:
    model: SentimentModel
    ref: str | None
    tolerance: float  # largest change of a probability that batch mates may cause


@pytest.fixture(scope="module", params=["shipped", "huggingface", "onnx"])
def member(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Member:
    if request.param == "shipped":
        return Member(load_model(), None, 0.0)
    folder = small_bert(tmp_path_factory.mktemp("models") / "small-bert")
    ref = str(folder if request.param == "huggingface" else as_onnx(folder))
    return Member(load_model(ref), ref, 1e-5)


def as_onnx(folder: Path) -> Path:
    """The folder's model as anybody exports it: an .onnx file beside tokenizer.json and config.json."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    names = ["input_ids", "attention_mask"]
    example = tuple(torch.ones(1, 8, dtype=torch.long) for _ in names)
    axes = {name: {0: "batch", 1: "tokens"} for name in names}
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager")
    model.config.return_dict = False
    torch.onnx.export(
        model.eval(), example, folder / "model.onnx", input_names=names, output_names=["logits"],
        dynamic_axes=axes, dynamo=False,
    )  # fmt: skip
    return folder / "model.onnx"


def small_bert(folder: Path, labels: tuple[str, ...] = ("neg", "neu", "pos")) -> Path:
    """A real, if untrained, Hugging Face folder: two layers and a vocabulary of characters."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder.mkdir()
    letters = sorted(set("".join(TEXTS).lower()) - set(" \n"))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(5)
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.5,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def assert_probabilities(rows: np.ndarray, count: int) -> None:
    assert rows.shape == (count, 3)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_each_text_gets_three_probabilities_that_sum_to_one(member: Member) -> None:
    assert_probabilities(member.model.predict(TEXTS), len(TEXTS))


def test_no_texts_get_no_rows(member: Member) -> None:
    assert_probabilities(member.model.predict([]), 0)


def test_different_texts_get_different_answers(member: Member) -> None:
    assert len(np.unique(member.model.predict(TEXTS).round(4), axis=0)) > 3


def test_a_text_does_not_depend_on_its_batch(member: Member) -> None:
    together = member.model.predict(TEXTS * 5)
    alone = np.concatenate([member.model.predict([text]) for text in TEXTS] * 5)
    assert np.abs(together - alone).max() <= member.tolerance


def test_the_same_text_gets_the_same_answer_again_and_after_loading_again(member: Member) -> None:
    again = load_model(member.ref)
    assert (again.name, again.version) == (member.model.name, member.model.version)
    np.testing.assert_array_equal(again.predict(TEXTS), member.model.predict(TEXTS))


def test_an_onnx_folder_whose_labels_are_swapped_is_another_version(tmp_path: Path) -> None:
    ref = as_onnx(small_bert(tmp_path / "small-bert"))
    before = load_model(str(ref))
    labels = ref.with_name("config.json")
    swapped = labels.read_text("utf-8").replace('"0": "neg"', '"0": "pos"').replace('"2": "pos"', '"2": "neg"')
    labels.write_text(swapped, encoding="utf-8")
    after = load_model(str(ref))
    np.testing.assert_array_equal(after.predict(TEXTS), before.predict(TEXTS)[:, ::-1])
    assert after.version != before.version


def test_threads_may_share_a_model(member: Member) -> None:
    expected = member.model.predict(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: member.model.predict(TEXTS), range(8)):
            np.testing.assert_array_equal(found, expected)


def test_nasty_texts_are_answered(member: Member) -> None:
    assert_probabilities(member.model.predict(NASTY), len(NASTY))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(ANY_TEXT, max_size=4))
def test_any_string_is_answered(member: Member, texts: list[str]) -> None:
    assert_probabilities(member.model.predict(texts), len(texts))


def test_a_label_is_the_most_probable_class_or_unsure(member: Member) -> None:
    for sentiment in classify(member.model, TEXTS):
        best = max(sentiment.probabilities, key=lambda name: sentiment.probabilities[name])
        sure = sentiment.probabilities[best] >= member.model.unsure_below
        assert sentiment.label == (best if sure else "unsure")


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        (["negative", "neutral", "positive"], [0, 1, 2]),
        (["POS", "NEU", "NEG"], [2, 1, 0]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [0, 1, 2]),
        (["LABEL_0", "LABEL_1"], [0, 2]),
        (["NEGATIVE", "POSITIVE"], [0, 2]),
        (["positive", "negative"], [2, 0]),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], [0, 0, 1, 2, 2]),
        (["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"], [0, 0, 1, 2, 2]),
        (["very_negative", "negative", "neutral", "positive", "very positive"], [0, 0, 1, 2, 2]),
        (["消极", "积极"], [0, 2]),
        (["负面", "中性", "正面"], [0, 1, 2]),
        (["非常负面", "负面", "中性", "正面", "非常正面"], [0, 0, 1, 2, 2]),
        (["很不满意", "中性的", "正面情绪"], [0, 1, 2]),
        (["negative (stars 1, 2 and 3)", "positive (stars 4 and 5)"], [0, 2]),
        (["好评（4-5 星）", "差评（1-3 星）"], [2, 0]),
        (["star 1", "star 2", "star 3", "star 4", "star 5"], [0, 0, 1, 2, 2]),
        (["Star_1", "Star_2", "Star_3", "Star_4", "Star_5"], [0, 0, 1, 2, 2]),
        (["-1", "0", "1"], [0, 1, 2]),
    ],
)
def test_label_names_are_understood(labels: list[str], places: list[int]) -> None:
    assert sentiment_places(dict(enumerate(labels)), None, "model") == places


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["joy", "anger", "fear"], None),
        (["LABEL_0"], None),
        (["neutral", "positive"], None),
        (["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"], None),
        (["LABEL_0 (joy)", "LABEL_1 (anger)"], None),
        (["-1", "0", "1", "2", "3"], None),
        (["5 stars", "4 stars", "3 stars", "2 stars", "1 star"], None),
        (["negative", "neutral", "positive"], "multi_label_classification"),
    ],
)
def test_labels_that_would_be_a_guess_are_refused(labels: list[str], problem: str | None) -> None:
    with pytest.raises(ModelError):
        sentiment_places(dict(enumerate(labels)), problem, "model")


def test_a_model_without_a_neutral_class_never_says_neutral(tmp_path: Path) -> None:
    model = load_model(str(small_bert(tmp_path / "two", labels=("POSITIVE", "NEGATIVE"))))
    rows = model.predict(TEXTS)
    assert_probabilities(rows, len(TEXTS))
    assert (rows[:, 1] == 0).all()


def test_an_emotion_model_is_refused_with_its_labels(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="joy"):
        load_model(str(small_bert(tmp_path / "emotions", labels=("joy", "anger", "fear"))))


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(ModelError, match="no text-classification model"):
        load_model(str(tmp_path))


def test_an_encoder_that_never_learnt_to_classify_is_refused(tmp_path: Path) -> None:
    """transformers gives it a classifier of random numbers, which would be taken for the model's answers."""
    transformers = pytest.importorskip("transformers")
    folder = small_bert(tmp_path / "encoder")
    encoder = transformers.BertModel.from_pretrained(folder)
    encoder.save_pretrained(folder)
    with pytest.raises(ModelError, match=r"classifier\."):
        load_model(str(folder))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "small-bert")
    for file in (*folder.glob("tok*"), *folder.glob("vocab*")):
        file.unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("damaged", "content"),
    [("model.safetensors", b"x" * 100), ("config.json", b"[]"), ("config.json", None)],
    ids=["weights", "config", "another size"],
)
def test_a_damaged_hugging_face_folder_is_a_clear_error(
    tmp_path: Path, damaged: str, content: bytes | None
) -> None:
    folder = small_bert(tmp_path / "small-bert")
    config = (folder / damaged).read_bytes()
    (folder / damaged).write_bytes(content or config.replace(b'"hidden_size": 32', b'"hidden_size": 64'))
    with pytest.raises(ModelError, match="small-bert"):
        load_model(str(folder))


def test_a_model_that_names_no_padding_reads_several_texts(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "small-bert")
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=300, n_embd=32, n_layer=1, n_head=2, n_positions=64, bos_token_id=None, eos_token_id=None,
        id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1},
    )  # fmt: skip
    transformers.GPT2ForSequenceClassification(config).save_pretrained(folder)
    model = load_model(str(folder))
    together = model.predict(["hello", "a longer one"])
    np.testing.assert_allclose(together[:1], model.predict(["hello"]), atol=1e-5)


def test_an_onnx_file_with_another_number_of_labels_is_refused(tmp_path: Path) -> None:
    ref = as_onnx(small_bert(tmp_path / "small-bert"))
    labels = ref.with_name("config.json")
    config = json.loads(labels.read_text("utf-8")) | {"id2label": {"0": "negative", "1": "positive"}}
    labels.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="2 labels"):
        load_model(str(ref))


def test_the_graph_of_a_folder_of_ours_is_that_folder() -> None:
    assert load_model(str(SHIPPED / "model.onnx")).version == load_model().version


@pytest.mark.parametrize("named", ["", "onnx/model.onnx"])
def test_a_graph_lies_a_folder_below_its_tokenizer_as_optimum_writes_it(tmp_path: Path, named: str) -> None:
    folder = small_bert(tmp_path / "small-bert")
    expected = load_model(str(as_onnx(folder)))
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    (folder / "model.safetensors").unlink()
    found = load_model(str(folder / named))
    assert (found.name, found.version) == ("small-bert", expected.version)
    np.testing.assert_array_equal(found.predict(TEXTS), expected.predict(TEXTS))


def test_a_graph_without_a_tokenizer_it_can_read_is_left_to_torch(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "small-bert")
    expected = load_model(str(folder))
    as_onnx(folder)
    (folder / "tokenizer.json").unlink()
    assert (folder / "vocab.txt").exists()
    assert load_model(str(folder)).version == expected.version


def test_without_torch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"earshot\[torch\]"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("damaged", ["model.onnx", "tokenizer.json", "earshot.json"])
def test_a_damaged_folder_is_a_clear_error(tmp_path: Path, damaged: str) -> None:
    for name in ("model.onnx", "tokenizer.json", "earshot.json"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    (tmp_path / damaged).write_text(json.dumps({"name": "cut off"}), encoding="utf-8")
    with pytest.raises(ModelError, match=damaged):
        load_model(str(tmp_path))
