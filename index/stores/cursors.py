"""Where a page of results ends, as text that is safe in a URL.

It holds the values that the order goes by, the id of the mention last: so a page goes on where the one before it
ended, however many mentions came in since and however late somebody follows the link.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from index.errors import QueryError


def write_cursor(*values: Any) -> str:
    """A place in a list as text that is safe in a URL."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def read_cursor(cursor: str, sort: str, values: int) -> Sequence[Any]:
    """The `values` values. Raises QueryError when the text was damaged or belongs to another order."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not (isinstance(found, list) and found[0] == sort and len(found) == values + 1):
            raise ValueError(sort)
        if not (isinstance(found[-1], str) and all(map(_is_number, found[1:-1]))):
            raise ValueError(sort)
        return found[1:]
    except (ValueError, IndexError, RecursionError) as error:
        message = "The link to this page of results is damaged: start again from the first page."
        raise QueryError(message, cursor, 0) from error


def _is_number(value: Any) -> bool:
    """One that every database takes: JSON in Python reads NaN and numbers of any length too."""
    return isinstance(value, int | float) and abs(value) < 1 << 63
