"""`earshot init`: a commented earshot.toml and .env.example to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from index.errors import SettingsError


def init(
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    brand: Annotated[list[str] | None, typer.Option("--brand", help="Name a brand of yours; repeatable.")] = None,
) -> None:
    """Write a commented earshot.toml and .env.example into EARSHOT_HOME.

    Example: earshot init --brand 星野茶 --brand "Lumi Care"
    """
    from index.settings import home, load

    folder = home()
    templates = files("dashboard.templates")
    texts = {
        folder / "earshot.toml": _with_brands(
            templates.joinpath("earshot.toml").read_text(encoding="utf-8"), brand or []
        ),
        folder / ".env.example": templates.joinpath("env.example").read_text(encoding="utf-8"),
    }
    if not force and (there := [str(file) for file in texts if file.exists()]):
        raise SettingsError(f"{there[0]} is there already; --force overwrites it.")
    _write(folder, texts)
    load(folder)
    typer.echo("Next: name your brands in earshot.toml, then: earshot import FILE, or earshot run")


def _write(folder: Path, texts: dict[Path, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
            typer.echo(f"Wrote {file}")
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be written: {error.strerror}. Set EARSHOT_HOME to a folder."
        ) from error


def _with_brands(template: str, brands: list[str]) -> str:
    import json

    names = dict.fromkeys(name for name in brands if name.strip())
    blocks = "".join(f"[[brands]]\nname = {json.dumps(name, ensure_ascii=False)}\n\n" for name in names)
    return template + ("\n" + blocks.rstrip("\n") + "\n" if blocks else "")


def add_to(app: typer.Typer) -> None:
    app.command()(init)
