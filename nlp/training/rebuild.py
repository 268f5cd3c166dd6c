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

    The larger model is trained in `rounds`, each from the one before, on rows drawn anew; `freeze` is of the first,
    where heads that know nothing would spoil the lowest layers (gradual unfreezing, arXiv 1801.06146). `minutes`
    end the schedule of a round, `student_minutes` that of the smaller model; 0 leaves that out.
    """

    sets: Path
    base: Path
    out: Path
    unpruned: Path | None = None
    specs: Path = data.HERE / "sets.toml"
    own: Path = data.OWN
    rounds: int = 1
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
    weights = plan.out / "weights"
    _rows(plan, 1)
    large = start_of(plan)
    for number in range(1, plan.rounds + 1):
        rows, large = _rows(plan, number), _round(plan, number, large)
    _export(plan, large, rows, weights / ACCURATE, "earshot-12l")
    if plan.student_minutes:
        taught = ["--teacher", large, "--layers", STUDENT_LAYERS, "--minutes", plan.student_minutes]
        student = _train(plan, plan.out / "student", rows, ["--base", large, *taught, "--seed", plan.seed])
        _export(plan, student, rows, weights, "earshot-6l")
    return weights


def _round(plan: Plan, number: int, base: Path) -> Path:
    """One round of the larger model; its folder."""
    options: list[object] = ["--base", base, "--minutes", plan.minutes, "--seed", _seed(plan, number)]
    if number == 1:
        options += ["--freeze", plan.freeze, *([] if _gone_on(plan) else ["--new-heads"])]
    return _train(plan, plan.out / _of_round("large", number), _rows(plan, number), options)


def _gone_on(plan: Plan) -> bool:
    return (plan.base / CARD).exists()


def _seed(plan: Plan, number: int) -> int:
    return plan.seed + number - 1


def _of_round(name: str, number: int) -> str:
    return name if number == 1 else f"{name}{number}"


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


def _rows(plan: Plan, number: int) -> Path:
    """The rows of a round: OUT/rows, OUT/rows2 ..., made or as they are there. Raises SettingsError when OUT was
    begun with something else."""
    rows, source = plan.out / _of_round("rows", number), _source(plan)
    made_from = rows / "made_from"
    if (rows / "dev.jsonl.gz").exists():
        if made_from.exists() and made_from.read_text("utf-8") != source:
            raise SettingsError(
                f"{plan.out} was begun with other --sets, --specs, --own, --seed, --rounds, --base or --unpruned: "
                f"choose another --out or delete {plan.out}"
            )
        return rows
    rows.mkdir(parents=True, exist_ok=True)
    made_from.write_text(source, "utf-8")
    files = ["--sets", plan.sets, "--specs", plan.specs, "--own", plan.own]
    data.main(_words(*files, "--out", rows, "--seed", _seed(plan, number)))
    return rows


def _source(plan: Plan) -> str:
    """A digest of what a run is made from; of the sets only names, sizes and times, for they are large."""
    unpruned = plan.unpruned and plan.unpruned.resolve()
    total = hashlib.sha256(f"{plan.seed}\0{plan.rounds}\0{plan.base.resolve()}\0{unpruned}\n".encode())
    for file in sorted(file for file in plan.sets.rglob("*") if file.is_file()):
        told = file.stat()
        total.update(f"{file.relative_to(plan.sets)}\0{told.st_size}\0{told.st_mtime_ns}\n".encode())
    for file in (plan.specs, *data.own_files(plan.own)):
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def start_of(plan: Plan) -> Path:
    """The BERT folder to train from: `base`, or what is made of it in OUT/start."""
    if not _gone_on(plan) and plan.unpruned is None:
        return plan.base
    start = plan.out / "start"
    if (start / "tokenizer.json").exists():  # written last
        return start
    if _gone_on(plan):
        restore.main(_words("--weights", plan.base, "--out", start))
    else:
        texts = ["--texts", plan.out / "rows" / "train.jsonl.gz"]
        vocabulary.main(_words("--model", plan.base, "--full", plan.unpruned, *texts, "--out", start))
    return start


def _train(plan: Plan, out: Path, rows: Path, options: list[object]) -> Path:
    """One run of `nlp.training.train`; the folder of what was best in it."""
    shared = ["--rows", rows, "--out", out, "--epochs", plan.epochs, "--threads", plan.threads]
    train.main(_words(*shared, *options, *(["--bf16"] if plan.bf16 else [])))
    return out / "model"


def _export(plan: Plan, model: Path, rows: Path, out: Path, name: str) -> None:
    if not (out / CARD).exists():
        # aspects too: most sets gain up to 3 points, but cars, of which a head sees too few, lose 9
        heads.main(_words("--model", model, "--rows", rows, "--threads", plan.threads, "--only", "binary"))
        export.main(_words("--model", model, "--rows", rows, "--out", out, "--name", name))


def _words(*values: object) -> list[str]:
    return [str(value) for value in values]
