"""Labelled sets to the two shipped models, step by step: what `earshot train` runs.

Every step leaves its result in a folder of its own and is skipped when that is there, so a run that was stopped
goes on where it stood; training itself goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import msgspec

from index.errors import SettingsError
from nlp.engine import ACCURATE, CARD
from nlp.training import data, export, heads, restore, train, vocabulary

BERT = ("config.json", "model.safetensors", "tokenizer.json")
STUDENT_LAYERS = "1,3,5,7,9,11"  # of the twelve: every second one, as DistilBERT does (arXiv 1910.01108)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to train from what. `base` is a BERT folder or a model folder of Earshot, which is gone on from; of
    `unpruned`, the encoder that a BERT folder was pruned from, it gets the word pieces that the texts want most.

    `minutes` end the schedule of the larger model, `student_minutes` that of the smaller; 0 leaves one out.
    """

    sets: Path
    base: Path
    out: Path
    unpruned: Path | None = None
    specs: Path = data.HERE / "sets.toml"
    own: Path = data.OWN
    minutes: float = 180
    student_minutes: float = 90
    epochs: int = 2
    freeze: int = 0
    threads: int = 1
    seed: int = 13
    bf16: bool = False


def run(plan: Plan) -> Path:
    """Rows; the larger model, its heads, its export into OUT/weights/accurate; the smaller one taught by it, in the
    same way into OUT/weights, which is returned. Raises SettingsError or DataError when a file is wrong, SystemExit
    when an export is not fit to ship."""
    _check(plan)
    _rows(plan)
    weights = plan.out / "weights"
    large = plan.out / "large"
    new_heads = [] if (plan.base / CARD).exists() else ["--new-heads"]
    _train(plan, large, ["--base", start_of(plan), "--minutes", plan.minutes, "--freeze", plan.freeze, *new_heads])
    _export(plan, large, weights / ACCURATE, "earshot-12l")
    if plan.student_minutes:
        student = plan.out / "student"
        taught = ["--teacher", large / "model", "--layers", STUDENT_LAYERS, "--minutes", plan.student_minutes]
        _train(plan, student, ["--base", large / "model", *taught])
        _export(plan, student, weights, "earshot-6l")
    return weights


def _check(plan: Plan) -> None:
    """Raises SettingsError when a file or folder is missing, or the specs cannot be understood."""
    for place, option in ((plan.sets, "--sets"), (plan.base, "--base"), (plan.unpruned, "--unpruned")):
        if place is not None and not place.is_dir():
            raise SettingsError(f"{place} is no folder: correct {option}")
    for place, option in ((plan.base, "--base"), (plan.unpruned, "--unpruned")):
        missing = [name for name in BERT if place and not (place / CARD).exists() and not (place / name).is_file()]
        if missing:
            raise SettingsError(f"{place} has no {missing[0]}: {option} wants a BERT folder of Hugging Face")
    if not plan.specs.is_file():
        raise SettingsError(f"{plan.specs} is no file: correct --specs")
    if not plan.own.exists():
        raise SettingsError(f"{plan.own} is not there: correct --own")
    try:
        data.read_specs(plan.specs)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        keys = ", ".join(data.SetSpec.__struct_fields__)
        raise SettingsError(f"{plan.specs}: {error}. A table [NAME OF A SET] may have the keys {keys}") from error


def _rows(plan: Plan) -> None:
    """Writes OUT/rows, or takes those there. Raises SettingsError when OUT was begun with something else."""
    rows, source = plan.out / "rows", _source(plan)
    made_from = rows / "made_from"
    if (rows / "dev.jsonl.gz").exists():
        if made_from.exists() and made_from.read_text("utf-8") != source:
            raise SettingsError(
                f"{plan.out} was begun with other --sets, --specs, --own, --seed, --base or --unpruned: "
                f"choose another --out or delete {plan.out}"
            )
        return
    rows.mkdir(parents=True, exist_ok=True)
    made_from.write_text(source, "utf-8")
    files = ["--sets", plan.sets, "--specs", plan.specs, "--own", plan.own]
    data.main(_words(*files, "--out", rows, "--seed", plan.seed))


def _source(plan: Plan) -> str:
    """A digest of what a run is made from; of the sets only names, sizes and times, for they are large."""
    unpruned = plan.unpruned and plan.unpruned.resolve()
    total = hashlib.sha256(f"{plan.seed}\0{plan.base.resolve()}\0{unpruned}\n".encode())
    for file in sorted(file for file in plan.sets.rglob("*") if file.is_file()):
        told = file.stat()
        total.update(f"{file.relative_to(plan.sets)}\0{told.st_size}\0{told.st_mtime_ns}\n".encode())
    for file in (plan.specs, *data.own_files(plan.own)):
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def start_of(plan: Plan) -> Path:
    """The BERT folder to train from: `base`, or what is made of it in OUT/start."""
    gone_on = (plan.base / CARD).exists()
    if not gone_on and plan.unpruned is None:
        return plan.base
    start = plan.out / "start"
    if (start / "tokenizer.json").exists():  # written last
        return start
    if gone_on:
        restore.main(_words("--weights", plan.base, "--out", start))
    else:
        texts = ["--texts", plan.out / "rows" / "train.jsonl.gz"]
        vocabulary.main(_words("--model", plan.base, "--full", plan.unpruned, *texts, "--out", start))
    return start


def _train(plan: Plan, out: Path, options: list[object]) -> None:
    shared = ["--rows", plan.out / "rows", "--out", out, "--epochs", plan.epochs, "--threads", plan.threads]
    train.main(_words(*shared, "--seed", plan.seed, *options, *(["--bf16"] if plan.bf16 else [])))


def _export(plan: Plan, run_folder: Path, out: Path, name: str) -> None:
    if not (out / CARD).exists():
        gone_on = ["--only", "binary"] if (plan.base / CARD).exists() else []
        trained = ["--model", run_folder / "model", "--rows", plan.out / "rows", "--threads", plan.threads]
        heads.main(_words(*trained, *gone_on))
        export.main(
            _words("--model", run_folder / "model", "--rows", plan.out / "rows", "--out", out, "--name", name)
        )


def _words(*values: object) -> list[str]:
    return [str(value) for value in values]
