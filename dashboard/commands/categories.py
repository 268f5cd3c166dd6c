"""`earshot categories`: how well the brand's own categories do on their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from dashboard.commands.output import AsJson, one_line, print_json, print_table

if TYPE_CHECKING:
    from nlp.own_categories import Fitted


def categories(as_json: AsJson = False) -> None:
    """Fit the [[categories]] of earshot.toml and say how well each finds its own examples, each left out in turn.

    \b
    earshot categories
    earshot categories --json
    """
    from dashboard.commands.parts import configure_log
    from index.settings import load
    from nlp.engine import load_model
    from nlp.own_categories import fitted_for

    configure_log()
    settings = load()
    fit = fitted_for(settings, load_model(settings.model, settings.threads)) if settings.categories else None
    found = fit.categories if fit else ()
    if as_json:
        print_json([_facts(one) for one in found])
        return
    if not found:
        typer.echo("No categories of your own: add [[categories]] with examples to earshot.toml.")
        return
    print_table(
        ("category", "examples", "", "precision", "recall"),
        [(o.name, o.examples, "young" if o.young else "", f"{o.probe.precision:.0%}", f"{o.probe.recall:.0%}")
         for o in found],
    )  # fmt: skip
    for one in found:
        for text in one.missed:
            typer.echo(f"{one.name}: unlike its other examples: {one_line(text)[:100]}")


def _facts(one: Fitted) -> dict[str, Any]:
    return {
        "name": one.name,
        "examples": one.examples,
        "young": one.young,
        "threshold": one.probe.threshold,
        "precision": one.probe.precision,
        "recall": one.probe.recall,
        "missed": one.missed,
    }


def add_to(app: typer.Typer) -> None:
    app.command()(categories)
