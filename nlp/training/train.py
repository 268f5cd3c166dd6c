"""Fine-tune a BERT encoder into the three-class sentiment model.

    python -m nlp.training.train --base FOLDER --rows ROWS --out RUN --minutes 70

Stops after --epochs or --minutes, whichever comes first; the learning rate reaches zero there.
Run the same command again after a stop: it goes on from RUN/checkpoint.pt. RUN/model is a plain
Hugging Face folder, RUN/log.jsonl has one line every 50 steps. On a shared machine set
OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive: contended OpenMP threads cost more than they give.
"""

import argparse
import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch
from torch.nn.functional import cross_entropy
from transformers import BertForSequenceClassification

from nlp.encoder import Encoder
from nlp.engine import LABELS
from nlp.training.data import NEUTRAL, Row, read_rows

VERDICT_SHARE = 0.25
WARM_UP = 0.05
LOG_EVERY = 50  # steps
SORT_WINDOW = 64  # batches that are sorted by length together: little padding, still random


class Progress(msgspec.Struct):
    """Where a run stands: enough to go on after a stop without seeing a row twice an epoch."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def load_base(folder: Path) -> BertForSequenceClassification:
    """The encoder with a new head (pooler = identity), or a model fine-tuned before."""
    model, loaded = BertForSequenceClassification.from_pretrained(
        folder,
        dtype=torch.float32,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={name: index for index, name in enumerate(LABELS)},
        hidden_dropout_prob=0.0,  # costs 10-25 % of the time and gains nothing in two epochs
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",  # the CPU's fused attention has a slow backward
        output_loading_info=True,
    )
    if any("pooler" in name for name in loaded["missing_keys"]):
        with torch.no_grad():
            model.bert.pooler.dense.weight.copy_(torch.eye(model.config.hidden_size))
            model.bert.pooler.dense.bias.zero_()
    return model.train()


def repeated(rows: list[Row], factors: dict[str, float], seed: int) -> list[Row]:
    """Each row as often an epoch as its set's factor says (or that of "all"): 2.5 is 2 or 3 times."""
    rng = random.Random(seed)
    result = []
    for row in rows:
        factor = factors.get(row.source, factors.get("all", 1.0))
        result += [row] * (int(factor) + (rng.random() < factor % 1))
    return result


def factor_of(text: str) -> tuple[str, float]:
    name, _, factor = text.partition("=")
    return name, float(factor)


def batches(lengths: list[int], max_tokens: int, seed: int) -> list[list[int]]:
    """Row numbers in random batches of like lengths, each at most `max_tokens` with padding."""
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    window = SORT_WINDOW * max(1, max_tokens * len(lengths) // max(1, sum(lengths)))
    result = []
    for start in range(0, len(order), window):
        result += list(_cut(sorted(order[start : start + window], key=lengths.__getitem__), lengths, max_tokens))
    rng.shuffle(result)
    return result


def _cut(ordered: list[int], lengths: list[int], max_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for row in ordered:  # ascending, so this row is the longest of its batch
        if batch and (len(batch) + 1) * lengths[row] > max_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def loss_of(logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
    """Weighted cross-entropy of [rows, 3] logits; two-class rows choose between their two classes.

    Verdict rows add VERDICT_SHARE * -log(1 - p(neutral)).
    """
    logits = logits.float()
    masked = torch.zeros(len(rows), len(LABELS), dtype=torch.bool)
    masked[:, NEUTRAL] = torch.tensor([row.two_class for row in rows])
    labels = torch.tensor([row.label for row in rows])
    losses = cross_entropy(logits.masked_fill(masked, -1e4), labels, reduction="none")
    polar = logits[:, [0, 2]].logsumexp(1) - logits.logsumexp(1)
    losses = losses - VERDICT_SHARE * polar * torch.tensor([row.verdict for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    return (losses * weights).sum() / weights.sum()


def padded(ids: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, both [rows, longest]."""
    longest = max(map(len, ids))
    tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    return tokens, mask


def rate(done: float) -> float:
    """Share of the peak learning rate after the share `done` of the run."""
    return min(done / WARM_UP, max(0.0, 1 - done) / (1 - WARM_UP))


def optimizer_for(model: BertForSequenceClassification, lr: float) -> torch.optim.AdamW:
    plain: list[torch.nn.Parameter] = []
    decayed: list[torch.nn.Parameter] = []
    for name, weight in model.named_parameters():
        (plain if weight.ndim == 1 or "embeddings" in name else decayed).append(weight)
    groups = [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.01}]
    return torch.optim.AdamW(groups, lr=lr, fused=True)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rows = repeated(read_rows(args.rows / "train.jsonl.gz"), dict(args.repeat), args.seed)
    encoder = Encoder(args.base / "tokenizer.json", args.max_tokens)
    ids = encoder.encode([row.text for row in rows])
    lengths = [len(row) for row in ids]
    plan = [
        batch for epoch in range(args.epochs) for batch in batches(lengths, args.batch_tokens, args.seed + epoch)
    ]
    model = load_base(args.base)
    optimizer = optimizer_for(model, args.lr)
    progress = resume(args.out / "checkpoint.pt", model, optimizer)
    print(f"{len(rows)} rows, {sum(lengths)} tokens an epoch, {len(plan)} steps, from {progress}", flush=True)
    clock = saved = time.monotonic()
    losses: list[float] = []
    for batch in plan[progress.step :]:
        done = max(progress.step / len(plan), progress.seconds / (args.minutes * 60))
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = args.lr * rate(done)
        tokens, mask = padded([ids[row] for row in batch], encoder.pad_id)
        losses.append(update(model, optimizer, tokens, mask, [rows[row] for row in batch]))
        now = time.monotonic()
        progress.step, progress.seconds = progress.step + 1, progress.seconds + now - clock
        progress.tokens += sum(lengths[row] for row in batch)
        clock = now
        if len(losses) == LOG_EVERY:
            log(args.out / "log.jsonl", progress, sum(losses) / len(losses), done)
            losses = []
        if now - saved > args.save_minutes * 60:
            save(args, model, optimizer, progress)
            saved = time.monotonic()
    save(args, model, optimizer, progress)


def update(
    model: BertForSequenceClassification,
    optimizer: torch.optim.AdamW,
    tokens: torch.Tensor,
    mask: torch.Tensor,
    rows: list[Row],
) -> float:
    """One optimizer step in bf16; returns the loss before it."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=tokens, attention_mask=mask).logits
    loss = loss_of(logits, rows)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def log(path: Path, progress: Progress, loss: float, done: float) -> None:
    speed = round(progress.tokens / progress.seconds)
    line = {"done": round(done, 4), "loss": round(loss, 4), "tokens_per_s": speed}
    text = json.dumps(msgspec.to_builtins(progress) | line)
    print(text, flush=True)
    with open(path, "a", encoding="utf-8") as out:
        out.write(text + "\n")


def resume(path: Path, model: BertForSequenceClassification, optimizer: torch.optim.AdamW) -> Progress:
    """Load a stopped run's weights, optimizer and progress; a new Progress if there is none."""
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return msgspec.convert(state["progress"], Progress)


def save(
    args: argparse.Namespace, model: BertForSequenceClassification, optimizer: torch.optim.AdamW, progress: Progress
) -> None:
    """Write checkpoint and model folder so that a stop at any moment leaves a whole one."""
    part = args.out / "checkpoint.part"
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"progress": msgspec.to_builtins(progress)}, part)
    os.replace(part, args.out / "checkpoint.pt")
    folder = args.out / "model"
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (args.base / name).exists():
            shutil.copyfile(args.base / name, folder / name)
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
    settings.update(msgspec.to_builtins(progress))
    (folder / "training.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="BERT folder to start from")
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--out", type=Path, required=True, help="run folder: checkpoint, log, model")
    parser.add_argument(
        "--repeat",
        type=factor_of,
        nargs="*",
        default=[],
        metavar="SET=FACTOR",
        help="read the rows of a set more or less often, such as wisesight_th=2.5 all=0.4",
    )
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=120, help="end of the learning rate schedule")
    parser.add_argument("--lr", type=float, default=1e-4, help="peak learning rate")
    parser.add_argument("--batch-tokens", type=int, default=2500, help="tokens a step, padding included")
    parser.add_argument("--max-tokens", type=int, default=192, help="longer texts lose their middle")
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=13)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    train(args)


if __name__ == "__main__":
    main()
