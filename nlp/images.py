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
from typing import NamedTuple

from index.errors import ModelError

MAX_BYTES = 10 * 1024 * 1024
START_SECONDS, SECONDS = 180.0, 60.0  # to load the models; for one picture
MAX_TEXT = 4_000  # characters kept of a picture


class Reading(NamedTuple):
    """What a picture says ("" for none), or why it could not be read."""

    text: str | None
    problem: str | None = None


class Reader:
    """One process, started when first needed. For one thread."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        """Raises ModelError when the extra is not installed."""
        if find_spec("rapidocr") is None:
            raise ModelError("To read the text in pictures, install the extra: pip install 'earshot[ocr]'")
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes) -> Reading:
        """The text of a picture. Total; takes SECONDS at most, and START_SECONDS more for a new process.

        Raises ModelError when the process cannot even start."""
        if not data or len(data) > MAX_BYTES:
            return Reading(None, f"{len(data)} bytes; a picture has 1 to {MAX_BYTES}")
        process = self._started()
        try:
            assert process.stdin is not None  # noqa: S101 - opened with a pipe
            process.stdin.write(struct.pack(">I", len(data)) + data)
            process.stdin.flush()
            line = self._line(process, self._seconds)
        except BrokenPipeError:
            line = b""
        if not line:
            code = process.poll()
            self.close()
            return Reading(None, "reading it took too long" if code is None else "reading it broke the reader")
        answer = json.loads(line)
        text = answer["text"]
        return Reading(None if text is None else text[:MAX_TEXT], answer["problem"])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-m", "nlp.picture_process"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            if self._line(self._process, START_SECONDS) != b"ready\n":
                self.close()
                raise ModelError(
                    "The reader of pictures does not start: run python -m nlp.picture_process to see why."
                )
        return self._process

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        """The next line of the process; empty when it ended or did not answer in time."""
        with selectors.DefaultSelector() as selector:
            assert process.stdout is not None  # noqa: S101 - opened with a pipe
            selector.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline() if selector.select(seconds) else b""

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(BrokenPipeError):  # what was not taken any more
                    if pipe:
                        pipe.close()
            self._process = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
