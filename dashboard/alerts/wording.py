"""Writes moments into reasons, which are stored as text and read in any time zone."""

from datetime import UTC, datetime


def at(moment: datetime | None) -> str:
    """Write a moment: "06:55:12 UTC", with its day when that is not today; "never" for None."""
    if moment is None:
        return "never"
    there = moment.astimezone(UTC)
    day = "" if there.date() == datetime.now(UTC).date() else f"{there.day} {there:%b %Y}, "
    return f"{day}{there:%H:%M:%S} UTC"


def listed(names: list[str], most: int = 3, between: str = ", ") -> str:
    """Write the first of many names: "a, b, c and 4 more"."""
    rest = len(names) - most
    return between.join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
