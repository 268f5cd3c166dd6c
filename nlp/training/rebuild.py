"""Labelled sets to the two shipped models, step by step: what `earshot train` runs.

Every step leaves its result in a folder of its own and is skipped when that is there, so a run that was stopped
goes on where it stood; training itself goes on from its last checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from nlp.engine import ACCURATE, CARD
from nlp.training import data, export, heads, restore, train

STUDENT_LAYERS = "1,3,5,7,9,11"  # of the twelve: every second one, as DistilBERT does (arXiv 1910.01108)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to train from what. `base` is a BERT folder or a model folder of Earshot, which is gone on from.

    `minutes` end the schedule of the larger model, `student_minutes` that of the smaller; 0 leaves one out.
    """

    sets: Path
    base: Path
    out: Path
    specs: Path = data.HERE / "sets.toml"
    own: Path = data.HERE / "own.csv"
    minutes: float = 180
    student_minutes: float = 90
    epochs: int = 2
    freeze: int = 0
    threads: int = 1
    seed: int = 13
    bf16: bool = False


def run(plan: Plan) -> Path:
    """Rows; the larger model, its heads, its export into OUT/weights/accurate; the smaller one taught by it, in the
    same way into OUT/weights, which is returned. Raises SystemExit when an export is not fit to ship."""
    rows, weights = plan.out / "rows", plan.out / "weights"
    if not (rows / "dev.jsonl.gz").exists():
        files = ["--sets", plan.sets, "--specs", plan.specs, "--own", plan.own]
        data.main(_words(*files, "--out", rows, "--seed", plan.seed))
    large = plan.out / "large"
    new_heads = [] if (plan.base / CARD).exists() else ["--new-heads"]
    _train(plan, large, ["--base", _start(plan), "--minutes", plan.minutes, "--freeze", plan.freeze, *new_heads])
    _export(plan, large, weights / ACCURATE, "earshot-12l")
    if plan.student_minutes:
        student = plan.out / "student"
        taught = ["--teacher", large / "model", "--layers", STUDENT_LAYERS, "--minutes", plan.student_minutes]
        _train(plan, student, ["--base", large / "model", *taught])
        _export(plan, student, weights, "earshot-6l")
    return weights


def _start(plan: Plan) -> Path:
    if not (plan.base / CARD).exists():
        return plan.base
    start = plan.out / "start"
    if not (start / "tokenizer.json").exists():  # written last
        restore.main(_words("--weights", plan.base, "--out", start))
    return start


def _train(plan: Plan, out: Path, options: list[object]) -> None:
    shared = ["--rows", plan.out / "rows", "--out", out, "--epochs", plan.epochs, "--threads", plan.threads]
    train.main(_words(*shared, "--seed", plan.seed, *options, *(["--bf16"] if plan.bf16 else [])))


def _export(plan: Plan, run_folder: Path, out: Path, name: str) -> None:
    if not (out / CARD).exists():
        heads.main(_words("--model", run_folder / "model", "--rows", plan.out / "rows", "--threads", plan.threads))
        export.main(
            _words("--model", run_folder / "model", "--rows", plan.out / "rows", "--out", out, "--name", name)
        )


def _words(*values: object) -> list[str]:
    return [str(value) for value in values]
