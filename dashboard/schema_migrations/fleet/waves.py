"""Splits a fleet into waves: one canary, then growing shares, and last what nobody works in."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

# Of the tenants, reached with each wave after the canary.
SHARES = (0.05, 0.25, 1.0)


@dataclass(frozen=True)
class Candidate:
    """A schema of the ledger; `pages` is how big it was when last analysed."""

    schema: str
    kind: str
    revision: str | None
    pages: int


def split(
    found: Sequence[Candidate], *, canary: str = "", shares: Sequence[float] = SHARES
) -> list[list[Candidate]]:
    """Return the waves in order, none of them empty: the small ones first, spares and templates last."""

    def rank(one: Candidate) -> tuple[bool, bool, int, str]:
        return (one.schema != canary, one.kind != "tenant", one.pages, one.schema)

    ordered = sorted(found, key=rank)
    tenants = sum(one.kind == "tenant" or one.schema == canary for one in ordered)
    ends = {1, *(ceil(tenants * share) for share in shares if 0 < share < 1)}
    bounds = sorted(end for end in ends if 0 < end < len(ordered) and (end < tenants or end == 1))
    waves = [ordered[begin:end] for begin, end in zip([0, *bounds], [*bounds, len(ordered)], strict=True)]
    return [wave for wave in waves if wave]
