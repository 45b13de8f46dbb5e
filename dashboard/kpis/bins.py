"""Counts of facts by value, many in one number, and the percentiles PostgreSQL's percentile_cont would give.

A row of sums holds the counts of CHUNK neighbouring bins as the digits of one numeric, PLACES digits each.
Numbers add up digit by digit, so such counts are kept, added and taken away like any other sum, in a
hundredth of the rows. The bins 0 to CHUNK - 1 are in chunk 0, and so on. Categories are packed alike, by
their ids.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from math import floor
from struct import Struct

CHUNK = 64
PLACES = 12
"""A bin may count less than 10 to the power of this."""
DIGITS = Struct(f"{PLACES}s" * CHUNK)


def chunk_of(column: str) -> str:
    """SQL of the chunk a number is in: a bin, or anything else that is counted."""
    return f"{column} / {CHUNK}"


def one_of(column: str) -> str:
    """SQL of a one at the place of a number in its chunk."""
    return f"('1e' || {PLACES} * ({column} %% {CHUNK}))::numeric"


def numbers_of(chunk: int) -> range:
    """Return the bins of a chunk."""
    return range(chunk * CHUNK, (chunk + 1) * CHUNK)


def counts_of(packed: str) -> Iterator[int]:
    """Unpack the counts of a chunk, in the order of its bins."""
    digits = DIGITS.unpack(packed.zfill(CHUNK * PLACES).encode())
    return map(int, reversed(digits))  # the last digits are those of the first bin


@dataclass(frozen=True)
class Chunk:
    """The counts of neighbouring bins: how many facts they have together, and all of them as digits.

    `packed` are one or more numbers to be added, which waits until somebody looks into it: most chunks are
    never looked into.
    """

    n: int
    packed: tuple[str, ...]

    @cached_property
    def ends(self) -> list[int]:
        """How many facts each bin has together with those before it in the chunk."""
        only, *others = self.packed
        return list(accumulate(counts_of(str(sum(map(int, self.packed))) if others else only)))


def pack(counted: Mapping[int, int]) -> dict[int, Chunk]:
    """Put counts by bin into chunks, by their number."""
    numbers: dict[int, int] = defaultdict(int)
    facts: dict[int, int] = defaultdict(int)
    for value, count in counted.items():
        numbers[value // CHUNK] += count * 10 ** (PLACES * (value % CHUNK))
        facts[value // CHUNK] += count
    return {number: Chunk(facts[number], (str(packed),)) for number, packed in numbers.items()}


class Ranked:
    """Counted facts in the order of their values: how many there are, up to where, and which one is where.

    Most chunks lie between what is asked for and are never unpacked.
    """

    def __init__(self, chunks: Mapping[int, Chunk]) -> None:
        self.chunks = chunks
        self._numbers = sorted(chunks)
        self._ends = list(accumulate(chunks[number].n for number in self._numbers))
        self._percentiles: dict[Decimal, Decimal] = {}

    @property
    def n(self) -> int:
        """How many facts are counted."""
        return self._ends[-1] if self._ends else 0

    def up_to(self, value: Decimal) -> int:
        """How many facts are not above a value."""
        number, last = divmod(floor(value), CHUNK)
        place = bisect_left(self._numbers, number)
        below = self._ends[place - 1] if place else 0
        return below + self.chunks[number].ends[last] if number in self.chunks else below

    def at(self, rank: int) -> int:
        """Return the value of one fact: 0 is the smallest, n - 1 the largest."""
        place = bisect_right(self._ends, rank)
        number = self._numbers[place]
        before = self._ends[place - 1] if place else 0
        return number * CHUNK + bisect_right(self.chunks[number].ends, rank - before)

    def percentile(self, share: Decimal) -> Decimal | None:
        """Return the value below which a share (0 to 1) of the facts lies; None when there are none.

        Between two neighbours it is interpolated, so that the median of 1 and 4 is 2.5.
        """
        if not self.n:
            return None
        if share not in self._percentiles:  # a fence asks for two of those a box shows
            place = share * (self.n - 1)
            below = floor(place)
            lower, upper = Decimal(self.at(below)), self.at(-floor(-place))
            self._percentiles[share] = lower + (place - below) * (upper - lower)
        return self._percentiles[share]


def together(parts: Sequence[Ranked]) -> Ranked:
    """Return the facts of all of them."""
    if len(parts) == 1:
        return parts[0]
    found: dict[int, list[Chunk]] = defaultdict(list)
    for part in parts:
        for number, chunk in part.chunks.items():
            found[number].append(chunk)
    return Ranked(
        {
            number: Chunk(
                sum(one.n for one in chunks), tuple(packed for one in chunks for packed in one.packed)
            )
            for number, chunks in found.items()
        }
    )
