"""`earshot pictures`: the text in pictures becomes part of what is analysed. Any number of these may run."""

from __future__ import annotations

import signal
from typing import Annotated

import typer


def pictures(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop when no picture is due instead of waiting.")
    ] = False,
) -> None:
    """Read the text in the pictures of stored mentions, until stopped. `earshot run` starts one when the
    settings name a queue (pictures = ...). Needs the extra `ocr`.

    \b
    earshot pictures
    earshot pictures --until-idle
    """
    from crawlers.pictures import Pictures
    from dashboard.commands.parts import open_parts
    from nlp.images import Reader

    with open_parts() as parts:
        source = Pictures(parts.settings)
        try:
            with Reader() as reader:
                worker = parts.picture_worker(source.fetch, reader)
                for name in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(name, lambda *_: worker.stop())
                worker.run(until_idle=until_idle)
        finally:
            source.close()


def add_to(app: typer.Typer) -> None:
    app.command()(pictures)
