"""Says how much of the processors' time the machine's host gave to others: measures are longer by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAT = Path("/proc/stat")
COUNTED, STOLEN = slice(1, 9), 7
"""user to steal of the first line, in ticks; what guests take is in user already. See proc_stat(5)."""


@contextmanager
def telling() -> Iterator[None]:
    """Print the share at the end of the block; nothing where the system does not count it."""
    begun = ticks()
    yield
    if begun and (ended := ticks()):
        taken, all_of = ended[STOLEN] - begun[STOLEN], sum(ended) - sum(begun)
        print(
            f"{taken / max(1, all_of):.0%} of the processors' time was taken by the machine's host",
            flush=True,
        )


def ticks() -> list[int]:
    """Return what all processors have spent since the machine started, by kind; [] when it is unknown."""
    if not STAT.exists():
        return []
    with STAT.open() as lines:
        return [int(part) for part in lines.readline().split()[COUNTED]]
