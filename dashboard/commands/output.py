"""What commands print. Text from outside is made harmless for a terminal: no control characters, no markup."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 240  # columns of a table that goes into a file or another program

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts (see docs/commands.md).")]
Metrics = Annotated[
    str | None,
    typer.Option(help="Offer numbers for Prometheus at http://HOST:PORT/metrics.", metavar="[HOST:]PORT"),
]


def one_line(text: str) -> str:
    """`text` without line breaks and control characters (an escape sequence in a post could drive a terminal)."""
    shown = ("" if unicodedata.category(c) in ("Cc", "Cf") and c not in "\u200d\n\t" else c for c in text)
    return " ".join("".join(shown).split())


def print_json(value: Any) -> None:
    """One JSON value in one line, UTF-8 whatever the terminal's locale says."""
    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def all_fields(value: Any) -> Any:
    """A document with the fields that are None, which its JSON leaves out: a script may rely on every key."""
    if isinstance(value, msgspec.Struct):
        return {name: all_fields(getattr(value, name)) for name in value.__struct_fields__}
    return [all_fields(each) for each in value] if isinstance(value, tuple) else value


def progress_console() -> Console:
    """Progress and notes go to stderr, so that stdout stays clean for results."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; `None` shows as a dash."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="ellipsis", no_wrap=True)
    for row in rows:
        table.add_row(*(Text("-" if cell is None else one_line(str(cell))) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(table)
