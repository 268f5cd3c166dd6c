"""Texts per CPU-second: both shipped models with all heads beside transformers.pipeline on the 12 layers in fp32.

    python benchmarks/model_speed.py [--texts FILE]

The pipeline gets the weights of the accurate model multiplied out (nlp.training.restore). FILE holds one text a
line (or JSON lines with "text"); without it, sentences written for this benchmark. The ways take turns on the same
texts, round after round, one thread each, and the best round of each counts: CPU time and turns distort least on a
busy machine.
"""

import argparse
import itertools
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SUBJECTS = ["这家店的奶茶", "新出的面霜", "這支口紅", "the delivery", "this phone", "客服", "呢間餐廳", "包装"]
VERDICTS = [
    "真的太好用了",
    "让人很失望",
    "普普通通吧",
    "is amazing",
    "broke after two days",
    "難用到爆",
    "几点开门",
]
TAILS = [
    "",
    "，会回购。",
    "！！！",
    " 😂",
    "，等了快两个小时还没有人理我，打电话也没人接。",
    " and I will tell all my friends.",
]


def own_texts(count: int) -> list[str]:
    """Sentences of 5 to about 120 characters, in a seeded order."""
    rng = random.Random(7)
    every = ["".join(parts) for parts in itertools.product(SUBJECTS, VERDICTS, TAILS)]
    return [" ".join(rng.sample(every, rng.choice([1, 1, 1, 2, 3]))) for _ in range(count)]


def read_texts(path: Path, count: int) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] if line.startswith("{") else line for line in lines]
    return random.Random(7).sample(texts, min(count, len(texts)))


def cpu_seconds(run: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    start = time.process_time()
    run(texts)
    return time.process_time() - start


def as_hugging_face(weights: Path, out: Path) -> Path:
    """The model as a folder that transformers loads."""
    import torch
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

    from nlp.training.restore import restore

    network = restore(weights)
    network.config.num_labels = 3
    model = BertForSequenceClassification(network.config)
    kept = {
        name: value for name, value in network.state_dict().items() if name.startswith(("bert.", "classifier."))
    }
    model.load_state_dict(kept, strict=False)
    with torch.no_grad():
        model.save_pretrained(out)
    PreTrainedTokenizerFast(
        tokenizer_file=str(weights / "tokenizer.json"), pad_token="<pad>", unk_token="<unk>", model_max_length=512
    ).save_pretrained(out)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="one text a line, or JSON lines")
    parser.add_argument("--count", type=int, default=400, help="texts a round")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    import torch
    from transformers import pipeline

    from nlp.engine import ACCURATE, SHIPPED, load_model
    from nlp.reading import read

    torch.set_num_threads(1)
    texts = read_texts(args.texts, args.count) if args.texts else own_texts(args.count)
    start = time.perf_counter()
    small = load_model()
    read(small, texts[:1])
    ready = time.perf_counter() - start
    large = load_model(ACCURATE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = as_hugging_face(SHIPPED / ACCURATE, Path(scratch))
        reference = pipeline("text-classification", model=str(folder), device="cpu", dtype=torch.float32)
    cut = {"truncation": True, "max_length": 192}
    ways: dict[str, Callable[[Sequence[str]], object]] = {
        "6 layers, all heads": lambda part: read(small, part),
        "12 layers, all heads": lambda part: read(large, part),
        "pipeline, one text a call": lambda part: [reference(text, **cut) for text in part],
        "pipeline, batch_size=32": lambda part: reference(list(part), batch_size=32, **cut),
    }
    for run in ways.values():
        run(texts[:32])
    best = dict.fromkeys(ways, float("inf"))
    for _, (name, run) in itertools.product(range(args.rounds), ways.items()):
        best[name] = min(best[name], cpu_seconds(run, texts))
    print(f"{len(texts)} texts, mean {sum(map(len, texts)) / len(texts):.0f} characters; first label {ready:.2f} s")
    slowest = best["pipeline, one text a call"]
    print(f"{'':28s} {'texts per CPU-s':>16s} {'times the pipeline, one a call':>32s}")
    for name, seconds in best.items():
        print(f"{name:28s} {len(texts) / seconds:16.0f} {slowest / seconds:31.1f}x")
    print("\nhow cost grows (6 layers, one batch of n texts)")
    for count in (1, 10, 100, len(texts)):
        seconds = min(cpu_seconds(ways["6 layers, all heads"], texts[:count]) for _ in range(args.rounds))
        print(f"{count:6d} texts {1000 * seconds / count:8.2f} CPU-ms a text")


if __name__ == "__main__":
    main()
