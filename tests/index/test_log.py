"""What a log line lets through."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr

import pytest

from index import log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Said = Callable[[Callable[[], None]], str]


@pytest.fixture(params=[Terminal, io.StringIO], ids=["terminal", "file"])
def said(request: pytest.FixtureRequest) -> Said:
    """said(act) is what `act` logs, on a terminal or into a file."""

    def during(act: Callable[[], None]) -> str:
        with redirect_stderr(request.param()) as stream:
            log.configure()
            act()
        return str(stream.getvalue())

    return during


def test_text_from_outside_drives_no_terminal_and_forges_no_line(said: Said) -> None:
    facts = {"reason": "\x1b]0;mine\x07\n茶茶 \x9b2J", "name": "\x1b[2J"}
    line = said(lambda: log.get("worker").warning("not read", **facts))
    assert line.count("\n") == 1
    assert "\\x9b2J" in line
    assert "\x1b]0;mine" not in line
    assert "\x1b[2J" not in line
    assert "茶茶" in line


def test_nor_does_the_message_of_a_fault(said: Said) -> None:
    def fail() -> None:
        try:
            raise ValueError("bad \x1b[2J name")
        except ValueError:
            log.get("worker").error("failed", exc_info=True)

    lines = said(fail)
    assert "ValueError: bad" in lines
    assert "\x1b[2J" not in lines


def test_what_is_called_a_secret_is_cut(said: Said) -> None:
    assert "hush" not in said(lambda: log.get("worker").info("asked", api_key="hush", refresh_token="hush"))
