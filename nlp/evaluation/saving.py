"""The report of a run as a file, which a run that ends early does not lose."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import msgspec

from index.errors import SettingsError

_ALONE = (errno.EACCES, errno.EPERM, errno.EBUSY)  # only OUT itself may be written: it is mounted into a container


class ReportFile:
    """Replaced as a whole at every `save`; what is no file, as a pipe, gets the last one only.

    Raises SettingsError when OUT cannot be written, first when it is opened: before anything is scored.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        try:
            self._is_file = out.is_file() or out.is_dir() or not out.exists()
            if self._is_file:
                self._try()
        except OSError as error:
            raise self._refusal(error) from error

    def save(self, report: dict[str, Any], last: bool = False) -> None:
        content = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
        try:
            if self._is_file:
                self._replace(content)
            elif last:
                self._out.write_bytes(content)
        except OSError as error:
            raise self._refusal(error) from error

    def _try(self) -> None:
        is_new = not self._out.exists()
        with self._out.open("ab"):
            pass
        if is_new:
            self._out.resolve().unlink()

    def _replace(self, content: bytes) -> None:
        target = self._out.resolve()
        part = target.with_name(f"{target.name}.part")
        try:
            part.write_bytes(content)
            os.replace(part, target)
        except OSError as error:
            if error.errno not in _ALONE:
                raise
            target.write_bytes(content)

    def _refusal(self, error: OSError) -> SettingsError:
        return SettingsError(f"{self._out} cannot be written: {error.strerror}. Choose another place.")
