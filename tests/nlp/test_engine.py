"""The shipped model: quick to start, light, steady, and as good as its card says."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.engine import BATCH_TOKENS, LABELS, SHIPPED, OnnxModel, load_model, padded_width, plan
from nlp.sentiment import decide

GOLDEN = Path(__file__).parent / "golden_sentiment.jsonl"


@pytest.fixture(scope="module")
def model() -> OnnxModel:
    return OnnxModel(SHIPPED)


@pytest.fixture(scope="module")
def golden() -> list[dict[str, str]]:
    return [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def floors() -> dict[str, float]:
    return json.loads((SHIPPED / "quality.json").read_text(encoding="utf-8"))["golden"]


def share_right(model: OnnxModel, rows: list[dict[str, str]]) -> float:
    guesses = model.predict([row["text"] for row in rows]).argmax(axis=1)
    return float(np.mean([LABELS[guess] == row["label"] for guess, row in zip(guesses, rows, strict=True)]))


@pytest.mark.parametrize("group", sorted(floors()))
def test_quality_stays_above_its_floor(model: OnnxModel, golden: list[dict[str, str]], group: str) -> None:
    rows = [row for row in golden if group in ("all", row["lang"], row["label"])]
    assert len(rows) >= 5
    assert share_right(model, rows) >= floors()[group]


def test_a_plain_complaint_and_plain_praise_are_told_apart(model: OnnxModel) -> None:
    complaint, praise, question = model.predict(
        ["太难吃了，服务态度极差，再也不来了！", "非常好用，强烈推荐，会回购！", "请问门店几点开门？"]
    )
    assert complaint[0] > 0.8
    assert praise[2] > 0.8
    assert question[1] > 0.5


def test_traditional_and_simplified_are_the_same_text(model: OnnxModel) -> None:
    rows = model.predict(["服務態度很差，東西又貴", "服务态度很差，东西又贵"])
    np.testing.assert_array_equal(rows[0], rows[1])


def test_the_end_of_a_long_text_is_read(model: OnnxModel) -> None:
    story = "我们先坐地铁，然后步行十分钟到了店里，看了看菜单。" * 60
    bad, good = model.predict([story + "太难吃了，再也不来！", story + "太好吃了，强烈推荐！"])
    assert bad[0] > good[0]
    assert good[2] > bad[2]


def test_threads_change_no_answer(golden: list[dict[str, str]]) -> None:
    texts = [row["text"] for row in golden]
    np.testing.assert_array_equal(load_model(threads=1).predict(texts), load_model(threads=4).predict(texts))


def test_the_version_follows_everything_that_decides_an_answer(tmp_path: Path, model: OnnxModel) -> None:
    for name in ("model.onnx", "tokenizer.json", "earshot.json"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    assert OnnxModel(tmp_path).version == model.version
    card = json.loads((tmp_path / "earshot.json").read_text(encoding="utf-8"))
    (tmp_path / "earshot.json").write_text(json.dumps(card | {"temperature": 2.0}), encoding="utf-8")
    warmer = OnnxModel(tmp_path)
    assert warmer.version != model.version
    assert warmer.predict(["太好吃了"]).max() < model.predict(["太好吃了"]).max()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory that Linux keeps")
def test_the_shipped_model_needs_no_torch_and_little_memory() -> None:
    program = """
import re, sys
from nlp.engine import load_model
load_model().predict(["很好吃", "x" * 100_000] + ["the queue was long and the soup was cold " * 20] * 16)
# not getrusage: its peak is inherited from the process that started this one
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(int("torch" in sys.modules), peak // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    torch_loaded, megabytes = map(int, done.stdout.split())
    assert not torch_loaded
    assert megabytes < 600


def test_the_folder_is_small_enough_to_ship() -> None:
    sizes = [path.stat().st_size for path in SHIPPED.iterdir()]
    assert sum(sizes) < 60e6
    assert max(sizes) < 50e6


@given(st.lists(st.integers(2, 512), max_size=200))
def test_every_text_is_in_one_batch_wide_enough_and_not_too_big(lengths: list[int]) -> None:
    batches = list(plan(lengths))
    assert sorted(row for rows, _ in batches for row in rows) == list(range(len(lengths)))
    for rows, width in batches:
        assert all(lengths[row] <= width == padded_width(lengths[row]) for row in rows)
        assert len(rows) == 1 or len(rows) * width <= BATCH_TOKENS


def test_a_low_peak_is_unsure() -> None:
    assert decide([0.4, 0.25, 0.35], 0.5).label == "unsure"
    assert decide([0.4, 0.25, 0.35], 0.4).label == "negative"
    assert msgspec.to_builtins(decide([0.1, 0.1, 0.8], 0.5)) == {
        "label": "positive",
        "probabilities": {"negative": 0.1, "neutral": 0.1, "positive": 0.8},
    }
