"""Moments as numbers, and the local days they fall into."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from index.documents import EPOCH

SECOND = 1_000_000
MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exact; negative before."""
    return (moment - EPOCH) // MICROSECOND


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment on the clocks of a zone; in UTC at the very ends of the calendar, where no zone fits."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


class Days:
    """Local days of a zone, numbered as date.toordinal()."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        # A zone changes its offset on a quarter of an hour at the finest
        self._quarter = lru_cache(maxsize=4096)(self._day_of_quarter)

    def day(self, ts: int) -> int:
        """The local day of a moment in microseconds since 1970."""
        return self._quarter(ts // (900 * SECOND))

    def _day_of_quarter(self, quarter: int) -> int:
        return local(EPOCH + timedelta(seconds=quarter * 900), self.zone).toordinal()

    def start(self, day: int) -> datetime:
        """When a local day begins, in UTC."""
        try:
            return datetime.fromordinal(day).replace(tzinfo=self.zone).astimezone(UTC)
        except (OverflowError, ValueError):  # the calendar ends here
            return datetime.min.replace(tzinfo=UTC) if day <= 1 else datetime.max.replace(tzinfo=UTC)
