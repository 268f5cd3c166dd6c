"""How long others ask us to wait."""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime

DEFAULT_WAIT = 60.0  # seconds, where no time is named
LONGEST_WAIT = 86_400.0  # who asks for more is asked again after a day


def retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks for (a number or an HTTP date), within 0..LONGEST_WAIT."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return DEFAULT_WAIT
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else DEFAULT_WAIT
