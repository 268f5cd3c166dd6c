"""A log line is an event and its facts: JSON lines on stderr, or readable text on a terminal.

Text from outside is a value, never part of the event, so a post cannot forge a line; what would drive a terminal
or reorder the line is written as its number. Values whose name says they are secret are cut.
"""

from __future__ import annotations

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)  # not tab and newline
SECRET = ("token", "secret", "password", "cookie", "phone", "email", "authorization", "api_key")


def configure(level: str = "info") -> None:
    """Set up logging for this process; called once by the command line."""
    on_terminal = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            structlog.processors.format_exc_info,
            spell_controls,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # looked up at each line: a cached stream may have been closed since
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut values whose key names a secret."""
    for key in event:
        if any(word in key.lower() for word in SECRET):
            event[key] = "***"
    return event


def spell_controls(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape sequences and marks of direction as text: ESC becomes \\x1b."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    return event


def get(name: str) -> Any:
    """The logger of one part, such as get("worker")."""
    return structlog.get_logger(part=name)
