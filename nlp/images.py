"""Text in pictures: read by rapidocr (extra `ocr`, models in its wheel) in a process that may fail.

A picture comes from a stranger: too large, broken, no picture at all, or made to fill the memory. Each of these is
a Reading with a problem; the process that met it is replaced when it does not answer.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import struct
import subprocess
import sys
from importlib.util import find_spec
from typing import IO, NamedTuple, cast

from index.errors import ModelError

MAX_BYTES = 10 * 1024 * 1024
START_SECONDS, SECONDS = 180.0, 60.0  # to load the models; for one picture
MAX_TEXT = 4_000  # characters kept of a picture


class Reading(NamedTuple):
    """What a picture says ("" for none), or why it could not be read."""

    text: str | None
    problem: str | None = None


class _Running(NamedTuple):
    """The process, and the pipes to and from it."""

    process: subprocess.Popen[bytes]
    ask: IO[bytes]
    answers: IO[bytes]


class Reader:
    """One process, started when first needed. For one thread."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        """Raises ModelError when the extra is not installed."""
        if find_spec("rapidocr") is None:
            raise ModelError("To read the text in pictures, install the extra: pip install 'earshot[ocr]'")
        self._seconds = seconds
        self._running: _Running | None = None

    def read(self, data: bytes) -> Reading:
        """The text of a picture. Total; takes SECONDS at most, and START_SECONDS more for a new process.

        Raises ModelError when the process cannot even start."""
        if not data or len(data) > MAX_BYTES:
            return Reading(None, f"{len(data)} bytes; a picture has 1 to {MAX_BYTES}")
        running = self._started()
        try:
            running.ask.write(struct.pack(">I", len(data)) + data)
            running.ask.flush()
            line = _line(running.answers, self._seconds)
        except BrokenPipeError:
            line = b""
        if not line:
            self.close()
            return Reading(None, "reading it took too long" if line is None else "reading it broke the reader")
        answer = json.loads(line)
        text = answer["text"]
        return Reading(None if text is None else text[:MAX_TEXT], answer["problem"])

    def _started(self) -> _Running:
        if self._running is None:
            command = [sys.executable, "-m", "nlp.picture_process"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            self._running = _Running(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))
            if _line(self._running.answers, START_SECONDS) != b"ready\n":
                self.close()
                raise ModelError(
                    "The reader of pictures does not start: run python -m nlp.picture_process to see why."
                )
        return self._running

    def close(self) -> None:
        if self._running is None:
            return
        self._running.process.kill()
        self._running.process.wait()
        self._running.answers.close()
        with contextlib.suppress(BrokenPipeError):  # what was not taken any more
            self._running.ask.close()
        self._running = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(answers: IO[bytes], seconds: float) -> bytes | None:
    """The next line of the process; empty when it ended, None when it did not answer in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        return answers.readline() if selector.select(seconds) else None
