"""Fine-tune a BERT encoder into the model with all heads, or distil a smaller one from it.

    python -m nlp.training.train --base FOLDER --rows ROWS --out RUN --minutes 70
    python -m nlp.training.train --base RUN/model --teacher RUN/model --layers 1,3,5,7,9,11 --rows ROWS --out RUN6

Stops after --epochs or --minutes, whichever comes first; the learning rate reaches zero there. Run the same command
again after a stop: it goes on from RUN/checkpoint.pt. RUN/model is what was best on dev rows and what
nlp.training.export reads; a run that gains nothing for --patience looks at them ends early. RUN/log.jsonl has a
line every 50 steps and one a look. --freeze N leaves the lowest N layers as they are: 1.5 times as
fast with 6 of 12. On a shared machine set OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive: contended OpenMP threads cost
more than they give.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from nlp.encoder import Encoder
from nlp.training.batching import batches, padded
from nlp.training.data import read_rows
from nlp.training.losses import Known, known_categories, loss_of
from nlp.training.network import Network, Outputs, load, save, shortened
from nlp.training.watch import Watch

WARM_UP = 0.05
LOG_EVERY = 50  # steps
PATIENCE = 8  # looks: in a second round dev rows gain nothing for three while the rate is near its peak
HEAD_RATE = 5.0  # times the encoder's learning rate: heads start from nothing


class Progress(msgspec.Struct):
    """Where a run stands: enough to go on after a stop without seeing a row twice an epoch."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None  # least loss on dev rows so far
    stale: int = 0  # looks at the dev rows since then


def rate(done: float) -> float:
    """Share of the peak learning rate after the share `done` of the run."""
    return min(done / WARM_UP, max(0.0, 1 - done) / (1 - WARM_UP))


def optimizer_for(network: Network, lr: float, new_heads: bool) -> torch.optim.AdamW:
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        decay = 0.0 if weight.ndim == 1 or "embeddings" in name else 0.01
        own = new_heads and name.startswith(("queries", "aspect_", "binary_"))
        groups.setdefault((lr * (HEAD_RATE if own else 1.0), decay), []).append(weight)
    listed = [{"params": found, "lr": peak, "weight_decay": decay} for (peak, decay), found in groups.items()]
    for group in listed:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(listed, lr=lr, fused=True)


class Run:
    """One run: rows, network, optimizer and progress, resumed when RUN has a checkpoint."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.rows = read_rows(args.rows / "train.jsonl.gz")
        self.known: Known = known_categories(self.rows)
        encoder = Encoder(args.base / "tokenizer.json", args.max_tokens)
        self.pad = encoder.pad_id
        self.ids = encoder.encode([row.text for row in self.rows])
        self.lengths = [len(row) for row in self.ids]
        self.network = load(args.base)
        if args.layers:
            self.network = shortened(self.network, [int(layer) for layer in args.layers.split(",")])
        self.network.train()
        self.teacher = load(args.teacher).eval() if args.teacher else None
        dev = read_rows(args.rows / "dev.jsonl.gz")
        self.watch = Watch(dev, encoder, self.known, args.dev_rows, args.batch_tokens)
        self.optimizer = optimizer_for(self.network, args.lr, args.new_heads)
        self.progress = resume(args.out / "checkpoint.pt", self.network, self.optimizer)

    def steps(self) -> list[list[int]]:
        return [
            batch
            for epoch in range(self.args.epochs)
            for batch in batches(self.lengths, self.args.batch_tokens, self.args.seed + epoch)
        ]

    def train(self) -> None:
        steps, progress, args = self.steps(), self.progress, self.args
        print(f"{len(self.rows)} rows, {sum(self.lengths)} tokens, {len(steps)} steps, from {progress}", flush=True)
        clock = saved = time.monotonic()
        losses: list[float] = []
        for batch in steps[progress.step :]:
            if progress.stale >= args.patience:
                print(f"no gain on dev rows in the last {progress.stale} looks: stopped", flush=True)
                return
            done = max(progress.step / len(steps), progress.seconds / (args.minutes * 60))
            if done >= 1:
                break
            losses.append(self.step(batch, rate(done)))
            now = time.monotonic()
            progress.step, progress.seconds = progress.step + 1, progress.seconds + now - clock
            progress.tokens += sum(self.lengths[row] for row in batch)
            clock = now
            if len(losses) == LOG_EVERY:
                log(args.out / "log.jsonl", progress, done=done, loss=sum(losses) / len(losses))
                losses = []
            if now - saved > args.save_minutes * 60:
                self.save()
                saved = clock = time.monotonic()
        self.save()

    def step(self, batch: list[int], share: float) -> float:
        """One optimizer step; returns the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        tokens, mask = padded([self.ids[row] for row in batch], self.pad)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.args.bf16):
            outputs = self.network(tokens, mask, self.args.freeze)
            taught = self.lesson(tokens, mask)
        loss = loss_of(outputs, [self.rows[row] for row in batch], self.known, taught)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def lesson(self, tokens: torch.Tensor, mask: torch.Tensor) -> Outputs | None:
        if self.teacher is None:
            return None
        with torch.no_grad():
            taught: Outputs = self.teacher(tokens, mask)
        return taught

    def save(self) -> None:
        """Write the checkpoint, and the model folder when dev rows find it the best so far; a stop at any moment
        leaves a whole one."""
        args, part, progress = self.args, self.args.out / "checkpoint.part", self.progress
        found = self.watch.loss(self.network)
        better = progress.best is None or found < progress.best
        progress.best, progress.stale = (found, 0) if better else (progress.best, progress.stale + 1)
        log(args.out / "log.jsonl", progress, dev_loss=found)
        if better:
            self.keep_model()  # before the checkpoint, which says that there is nothing better to wait for
        state = {"model": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(state | {"progress": msgspec.to_builtins(self.progress)}, part)
        os.replace(part, args.out / "checkpoint.pt")

    def keep_model(self) -> None:
        args = self.args
        save(self.network, args.out / "model")
        shutil.copyfile(args.base / "tokenizer.json", args.out / "model" / "tokenizer.json")
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
        settings.update(msgspec.to_builtins(self.progress))
        (args.out / "model" / "training.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def log(path: Path, progress: Progress, **figures: float) -> None:
    line = msgspec.to_builtins(progress) | {name: round(value, 4) for name, value in figures.items()}
    text = json.dumps(line | {"tokens_per_s": round(progress.tokens / max(1e-9, progress.seconds))})
    print(text, flush=True)
    with open(path, "a", encoding="utf-8") as out:
        out.write(text + "\n")


def resume(path: Path, network: Network, optimizer: torch.optim.AdamW) -> Progress:
    """Load a stopped run's weights, optimizer and progress; a new Progress if there is none."""
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return msgspec.convert(state["progress"], Progress)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="BERT folder or RUN/model to start from")
    parser.add_argument("--rows", type=Path, required=True, help="folder written by nlp.training.data")
    parser.add_argument("--out", type=Path, required=True, help="run folder: checkpoint, log, model")
    parser.add_argument("--teacher", type=Path, help="RUN/model whose opinion counts beside the labels")
    parser.add_argument("--layers", help="keep these encoder layers of --base only, such as 1,3,5,7,9,11")
    parser.add_argument(
        "--freeze", type=int, default=0, help="leave the embeddings and the lowest N layers as they are"
    )
    parser.add_argument("--new-heads", action="store_true", help="heads start from nothing: let them learn faster")
    parser.add_argument("--bf16", action="store_true", help="faster where the processor has AVX512_BF16 or AMX")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=120, help="end of the learning rate schedule")
    parser.add_argument("--lr", type=float, default=1e-4, help="peak learning rate")
    parser.add_argument("--batch-tokens", type=int, default=2500, help="tokens a step, padding included")
    parser.add_argument("--max-tokens", type=int, default=192, help="longer texts lose their middle")
    parser.add_argument("--save-minutes", type=float, default=5, help="between looks at dev rows, each saved")
    parser.add_argument("--dev-rows", type=int, default=20, help="rows of a set that a look reads")
    parser.add_argument("--patience", type=int, default=PATIENCE, help="looks without a gain that end a run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=13)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = parser().parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    Run(args).train()


if __name__ == "__main__":
    main()
