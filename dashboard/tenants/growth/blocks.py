"""How partitions are cut: by blocks of ids, one block for each month. Pure.

A table is partitioned by its id, so that id alone stays its primary key and whatever names a row by its id
goes on. A month has a block of a thousand million ids; when it begins, the sequence jumps to its block. Where
nobody made it jump in time, rows go on in the block before: none is ever refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

BLOCK = 1_000_000_000
# Ids that may still be drawn while a table is converted.
MARGIN = 10_000_000


@dataclass(frozen=True)
class Part:
    """A partition: ids from `lower` (None: the beginning) to before `upper`."""

    name: str
    lower: int | None
    upper: int


@dataclass(frozen=True)
class Wanted:
    """What is to be done for a month: partitions to be made, and where the sequence has to be at least."""

    make: tuple[Part, ...]
    start: int


def first_bound(last_id: int) -> int:
    """Where the rows that are there end: the next block, far enough for what is written meanwhile."""
    return (last_id + MARGIN) // BLOCK * BLOCK + BLOCK


def first_name(table: str, month: date) -> str:
    """The name of the partition with the rows that were there before."""
    return f"{table}_before_{month:%Y_%m}"


def name_of(table: str, month: date) -> str:
    """The name of a month's partition."""
    return f"{table}_{month:%Y_%m}"


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def wanted(table: str, parts: Sequence[Part], today: date) -> Wanted:
    """Return what is missing: this month's partition and the next one's. `parts` may be in any order."""
    month = today.replace(day=1)
    here = {part.name: part for part in parts}
    upper = max(part.upper for part in parts)
    make = []
    for day in (month, next_month(month)):
        name = name_of(table, day)
        if name not in here:
            here[name] = Part(name, upper, upper + BLOCK)
            make.append(here[name])
            upper += BLOCK
    return Wanted(tuple(make), here[name_of(table, month)].lower or 0)
