"""Arithmetic on WAL file names: where a segment ends, where a gap is. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

SEGMENT_BYTES = 16 * 2**20  # initdb's default
NAME = re.compile(r"^[0-9A-F]{24}$")
LOG_BYTES = 2**32  # the middle part of a name counts units of 4 GiB


@dataclass(frozen=True)
class WalRun:
    """A stretch of WAL without a gap: first and last file, and where it ends, in bytes of WAL.

    `has_gap` says that there are others.
    """

    first: str
    last: str
    end_position: int
    has_gap: bool


def segment_number(name: str, segment_bytes: int = SEGMENT_BYTES) -> int:
    """Return the running number of a segment; the timeline does not count."""
    per_log = LOG_BYTES // segment_bytes
    return int(name[8:16], 16) * per_log + int(name[16:24], 16)


def runs(names: Iterable[str], segment_bytes: int = SEGMENT_BYTES) -> list[WalRun]:
    """Return the stretches without a gap, the oldest first. History files do not count."""
    by_number: dict[int, str] = {}
    for name in sorted(name for name in names if NAME.match(name)):
        by_number[segment_number(name, segment_bytes)] = name  # of two timelines the newer one counts
    numbers = sorted(by_number)
    firsts = [number for number in numbers if number - 1 not in by_number]
    lasts = [number for number in numbers if number + 1 not in by_number]
    return [
        WalRun(by_number[first], by_number[last], (last + 1) * segment_bytes, has_gap=len(firsts) > 1)
        for first, last in zip(firsts, lasts, strict=True)
    ]


def last_run(names: Iterable[str], segment_bytes: int = SEGMENT_BYTES) -> WalRun | None:
    """Return the newest stretch without a gap; None when there is no WAL."""
    return next(reversed(runs(names, segment_bytes)), None)


def position_of(lsn: str | None) -> int | None:
    """Return a position as PostgreSQL writes it (1/2F000060) in bytes of WAL."""
    if not lsn:
        return None
    high, _, low = lsn.partition("/")
    return int(high, 16) * LOG_BYTES + int(low, 16)
