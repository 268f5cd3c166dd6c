"""Time zones by name, and whether the clocks of the machines that share the work agree."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SKEW = 5.0  # seconds: leases and "the last hour" stay true within that


def zone_of(name: str) -> ZoneInfo:
    """Raises ValueError for what is no zone, such as "Asia", which is a folder of them."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone") from error


def skewed(whose: str, theirs: float, before: float, after: float) -> str | None:
    """A sentence when another clock (seconds since 1970), read between two looks at ours, differs by more."""
    ahead = theirs - min(max(theirs, before), after)
    if abs(ahead) <= SKEW:
        return None
    return (
        f"The clock of {whose} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's. Let"
        ' both follow NTP: leases and "the last hour" are wrong otherwise.'
    )
