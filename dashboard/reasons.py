"""Why an item waits in quarantine, in the reader's language. It is kept as the gatherers wrote it: in English."""

from __future__ import annotations

import re

from dashboard.words import t

# What people can mend themselves, in their files. The rest is a change of a platform, told in its own words.
_KNOWN = {
    "text_empty": r"The text is empty\.",
    "text_long": r"The text has over (?P<n>[\d,]+) characters; .+",
    "time_empty": r"The time is empty\.",
    "time_unreadable": r"The time (?P<what>['\"].*['\"]) cannot be read\.",
    "time_ahead": r"The publication time (?P<what>.+) lies in the future\.",
    "cells": r"has (?P<n>\d+) cells, the header (?P<of>\d+)",
}


def reason(said: str) -> str:
    """`said` in the reader's language, as far as it is one of ours; what it names from outside is as it was."""
    for name, pattern in _KNOWN.items():
        if found := re.fullmatch(pattern, said, re.DOTALL):
            return t(f"reason.{name}", **found.groupdict())
    return t("reason.other", said=said)


def place(said: str | None) -> str:
    """`row 17` and `Sheet1 row 17` in the reader's language; anything else as it is."""
    found = re.fullmatch(r"(?:(?P<sheet>.+) )?row (?P<n>\d+)", said or "", re.DOTALL)
    if not found:
        return said or ""
    row = t("sources.row", n=found["n"])
    return f"{found['sheet']} · {row}" if found["sheet"] else row
