"""Draws the course of a figure in the corner of its tile: lines with gaps where there is no data."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

WIDTH, HEIGHT, EDGE = 120, 32, 3


def segments(values: Sequence[Decimal | None]) -> list[str]:
    """Return the points of each unbroken piece, as SVG's polyline takes them; a single point is a dash."""
    known = [value for value in values if value is not None]
    if len(known) < 2:  # one point is no course
        return []
    low, reach = min(known), max(known) - min(known)
    step = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1)

    def place(index: int, value: Decimal) -> str:
        share = float((value - low) / reach) if reach else 0.5
        return f"{EDGE + index * step:.1f},{HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE):.1f}"

    drawn = [
        [place(index, value) for index, value in piece if value is not None]
        for is_known, piece in groupby(enumerate(values), key=lambda pair: pair[1] is not None)
        if is_known
    ]
    return [" ".join(piece * 2 if len(piece) == 1 else piece) for piece in drawn]
