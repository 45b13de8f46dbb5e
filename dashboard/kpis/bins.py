"""Counts of facts by value, many in one number, and the percentiles PostgreSQL's percentile_cont would give.

A row of sums holds the counts of CHUNK neighbouring bins as the digits of one numeric, PLACES digits each.
Numbers add up digit by digit, so such counts are kept, added and taken away like any other sum, in a
hundredth of the rows. The bins 0 to CHUNK - 1 are in chunk 0, and so on.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import accumulate, compress
from math import floor
from struct import Struct

CHUNK = 64
PLACES = 12
"""A bin may count less than 10 to the power of this."""
IN_CHUNK = f"bin / {CHUNK}"
"""SQL of a fact's chunk."""
PACKED = f"('1e' || {PLACES} * (bin %% {CHUNK}))::numeric"
"""SQL of a fact's one, at its bin's place."""
DIGITS = Struct(f"{PLACES}s" * CHUNK)


def unpack(chunk: int, packed: Decimal) -> Iterator[tuple[int, int]]:
    """Yield the bins of a chunk with how many facts each has, in order."""
    digits = format(packed, "f").zfill(CHUNK * PLACES).encode()
    counts = [*map(int, reversed(DIGITS.unpack(digits)))]  # the last digits are those of the first bin
    values = range(chunk * CHUNK, (chunk + 1) * CHUNK)
    return zip(compress(values, counts), filter(None, counts), strict=True)


class Ranked:
    """Counted facts in the order of their values: how many there are, up to where, and which one is where."""

    def __init__(self, counted: Mapping[int, int]) -> None:
        self.values = sorted(compress(counted, counted.values()))
        self._ends = list(accumulate(map(counted.__getitem__, self.values)))

    @property
    def n(self) -> int:
        """How many facts are counted."""
        return self._ends[-1] if self._ends else 0

    def up_to(self, value: Decimal) -> int:
        """How many facts are not above a value."""
        place = bisect_right(self.values, floor(value))
        return self._ends[place - 1] if place else 0

    def percentile(self, share: Decimal) -> Decimal | None:
        """Return the value below which a share (0 to 1) of the facts lies; None when there are none.

        Between two neighbours it is interpolated, so that the median of 1 and 4 is 2.5.
        """
        if not self._ends:
            return None
        place = share * (self.n - 1)
        below = floor(place)
        lower, upper = self._at(below), self._at(-floor(-place))
        return lower + (place - below) * (upper - lower)

    def _at(self, rank: int) -> Decimal:
        return Decimal(self.values[bisect_right(self._ends, rank)])


def percentile(bins: Mapping[int, int], share: Decimal) -> Decimal | None:
    """Return the value below which a share (0 to 1) of the counted facts lies; None when there are none."""
    return Ranked(bins).percentile(share)
