"""Writes figures small: most are 0 most of the time, and an array spends one bit on a NULL. Pure.

So a stored NULL is the figure 0, and a stored NaN is what nobody knows. Nothing outside this feature sees it.
"""

import math

UNKNOWN = math.nan
TINY = 1e-30  # single precision ends not far below


def pack(value: float | None) -> float | None:
    """Return what is stored for a figure; None (unknown) is stored as NaN."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return None if abs(value) < TINY else float(value)


def unpack(stored: float | None) -> float | None:
    """Return the figure; None where it is unknown."""
    if stored is None:
        return 0.0
    return None if math.isnan(stored) else stored
