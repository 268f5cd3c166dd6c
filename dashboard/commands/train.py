"""`earshot train`: labelled sets to model folders. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from index.errors import ModelError, SettingsError


def train(
    sets: Annotated[Path, typer.Option(metavar="FOLDER", help="One folder a set: train.jsonl.gz, dev.jsonl.gz.")],
    base: Annotated[
        Path, typer.Option(metavar="FOLDER", help="BERT folder to start from, or a model of Earshot to go on from.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Rows, checkpoints, logs and OUT/weights.")],
    specs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="How each set is used (nlp/training/sets.toml).")
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="CSV, or folder of some: texts with every label (nlp/training/own)."),
    ] = None,
    unpruned: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="What BASE was pruned from: its pieces for more languages."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Of the larger model, each from the one before on rows drawn anew.")
    ] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="Of a round of it; the schedule ends there.")] = 180,
    student_minutes: Annotated[float, typer.Option(min=0, help="Of the smaller one; 0: leave it out.")] = 90,
    epochs: Annotated[int, typer.Option(min=1)] = 2,
    freeze: Annotated[
        int, typer.Option(min=0, help="Of the first round: the lowest N layers stay as they are.")
    ] = 0,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option()] = 13,
    bf16: Annotated[bool, typer.Option("--bf16", help="For processors with AVX512_BF16 or AMX.")] = False,
) -> None:
    """Train the models on labelled sets and write them ready to serve; run it again after a stop to go on.

    \b
    earshot train --sets SETS --base multilingual-e5-small --out run       # from an encoder
    earshot train --sets SETS --base nlp/weights/accurate --out run        # on from the shipped model
    earshot corrections --export mine                                      # what people corrected, as sets:
    earshot train --sets mine --specs mine/sets.toml --base nlp/weights/accurate --out run
    EARSHOT_MODEL=run/weights earshot work                                  # use the result
    """
    try:
        from nlp.training import data, rebuild
    except ImportError as error:
        raise ModelError(f"training needs more packages ({error.name}): pip install 'earshot[train]'") from error
    plan = rebuild.Plan(
        sets=sets,
        base=base,
        out=out,
        unpruned=unpruned,
        specs=specs or data.HERE / "sets.toml",
        own=own or data.OWN,
        rounds=rounds,
        minutes=minutes,
        student_minutes=student_minutes,
        epochs=epochs,
        freeze=freeze,
        threads=threads,
        seed=seed,
        bf16=bf16,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{out} cannot be made: {error.strerror}. Choose another --out.") from error
    weights = rebuild.run(plan)
    typer.echo(f"Wrote {weights}. Score it: earshot evaluate --model {weights} --data PATH")


def add_to(app: typer.Typer) -> None:
    app.command()(train)
