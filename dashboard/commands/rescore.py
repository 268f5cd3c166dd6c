"""`earshot rescore`: score stored mentions again after the model changed."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dashboard.commands.filters import Filters, QueryText, build_query
from dashboard.commands.output import AsJson, print_json, progress_console

if TYPE_CHECKING:
    from dashboard.commands.parts import Parts
    from index.query import MentionQuery
    from nlp.analyse import Analyser
    from nlp.rescore import Outcome
    from nlp.scores import Scores

STOPPED = 130


def rescore(
    query: QueryText = "",
    threads: Annotated[int | None, typer.Option(min=1, help="Model batches side by side.")] = None,
    as_json: AsJson = False,
    since: Filters.Since = None,
    until: Filters.Until = None,
    brand: Filters.Brand = None,
    platform: Filters.Platform = None,
    lang: Filters.Lang = None,
    source: Filters.Source = None,
) -> None:
    """Score again what another version of the model scored; go on after a stop by starting it once more.

    Labels corrected by people stay as they are, and no case is opened for an old mention.

    \b
    earshot rescore
    earshot rescore 'platform:weibo' --since 90d
    """
    from dashboard.commands.parts import open_parts
    from nlp.analyse import Analyser
    from nlp.engine import load_model

    with open_parts() as parts:
        question = build_query(
            query, parts.settings, sort="newest", since=since, until=until, brands=brand, platforms=platform,
            langs=lang, sources=source,
        )  # fmt: skip
        analyser = Analyser(parts.settings, load_model(parts.settings.model, threads or parts.settings.threads))
        done = _run(parts, analyser, question)
    report = {**msgspec.structs.asdict(done), "model": analyser.model.name, "model_version": analyser.version}
    if as_json:
        print_json(report)
    else:
        typer.echo(
            f"{done.rescored} of {done.examined} mentions scored again by {analyser.model.name} {analyser.version};"
            f" {done.current} were current, {done.skipped} changed meanwhile, {done.failed} failed."
        )
    if done.stopped:
        raise typer.Exit(STOPPED)


def _run(parts: Parts, analyser: Analyser, question: MentionQuery) -> Outcome:
    """With a progress bar; Ctrl-C and SIGTERM end it after the batch in hand."""
    from rich.progress import Progress

    from nlp.rescore import rescore as score_again

    stop = threading.Event()
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Progress(console=progress_console(), transient=True) as bar:
            task = bar.add_task("Scoring", total=parts.store.count(question))
            done = score_again(
                parts.store, analyser, question, batch=parts.settings.batch, scores=_scores(parts), stop=stop,
                on_progress=lambda n: bar.advance(task, n),
            )  # fmt: skip
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    return done


def _scores(parts: Parts) -> Scores:
    from index.crm.customers import Customers
    from nlp.scores import Scores

    return Scores(parts.settings, parts.store, Customers(parts.settings, parts.records))


def add_to(app: typer.Typer) -> None:
    app.command()(rescore)
