"""`earshot demo`: a filled desk from nothing, with invented brands, customers and mentions."""

from __future__ import annotations

import typer


def demo() -> None:
    """Fill a demo desk."""


def add_to(app: typer.Typer) -> None:
    app.command()(demo)
