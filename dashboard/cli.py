"""`earshot`: the command line. Reads the words, runs one command, turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong use. Errors go to stderr in one line that says what to do.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from dashboard.commands import (
    cases,
    categories,
    copy_store,
    corrections,
    crawl,
    customers,
    demo,
    doctor,
    erase,
    evaluate,
    export,
    import_file,
    indices,
    init,
    pictures,
    replay,
    rescore,
    run,
    search,
    serve,
    status,
    train,
    work,
)
from index.errors import EarshotError, QueryError

HELP = """Hear what people say about your brands, understand it, and act.

\b
A first look, with invented data:
  $ earshot demo

\b
With your own data:
  $ earshot init                   # writes earshot.toml: name your brands there
  $ earshot import mentions.csv    # CSV, XLSX or JSONL; Chinese or English
  $ earshot run                    # gathers, analyses and shows the desk

EARSHOT_HOME names the folder of settings and data (default: ./earshot-home).
Commands that report take --json; exit codes are 0 done, 1 failed, 2 wrong use.
"""

app = typer.Typer(
    name="earshot",
    help=HELP,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"earshot {version('earshot')}")
        raise typer.Exit


@app.callback()
def earshot(
    context: typer.Context,
    _: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log every step to stderr."),
) -> None:
    if verbose:
        os.environ["EARSHOT_LOG"] = "debug"  # child processes read it too
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


for module in (
    demo,
    init,
    import_file,
    customers,
    search,
    export,
    cases,
    corrections,
    categories,
    pictures,
    rescore,
    status,
    copy_store,
    replay,
    erase,
    doctor,
    indices,
    crawl,
    work,
    serve,
    run,
    evaluate,
    train,
):
    module.add_to(app)


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; never raises. This is the process edge of every command."""
    try:
        return app(list(arguments), prog_name="earshot", standalone_mode=False) or 0
    except QueryError as error:
        return _failed(f"{error} (character {error.position + 1} of the query {error.query!r})", 2)
    except EarshotError as error:
        return _failed(str(error), 1)
    except TyperException as error:
        message = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        return _failed(f"{message}. See: {context.command_path if context else 'earshot'} --help", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("Stopped.", 130)
    except BrokenPipeError:
        _silence_stdout()
        return 1
    except Exception as error:  # noqa: BLE001 - the process edge: logged in full, told in one line
        from dashboard.commands.parts import configure_log
        from index import log

        configure_log()
        log.get("cli").error("command failed", command=_command(arguments), exc_info=True)
        return _failed(f"{type(error).__name__}: {error}. This is a bug; the log above has the place.", 1)


def _failed(message: str, code: int) -> int:
    from dashboard.commands.output import one_line

    print(f"earshot: {one_line(message)}", file=sys.stderr)  # noqa: T201
    return code


def _command(arguments: Sequence[str]) -> str:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    return next((f"{word} " for word in arguments if word in known), "")


def _silence_stdout() -> None:
    """The reader of our output has gone (`earshot search ... | head`): Python must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal in GBK has no emoji; JSON is UTF-8 everywhere
    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
