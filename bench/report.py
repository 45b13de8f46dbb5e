"""Owns the table that is printed: figures, ratios, and whether each bar was met."""

from dataclasses import dataclass

from bench.measure import Sample


@dataclass(frozen=True)
class Row:
    """One case: ours and stock, and what the case asks of the ratios (0: nothing is asked)."""

    name: str
    ours: Sample
    stock: Sample
    times_faster: float = 0
    times_more: float = 0

    @property
    def faster(self) -> float:
        """How many times shorter our median alone is."""
        return self.stock.p50_alone / self.ours.p50_alone

    @property
    def more(self) -> float:
        """How many times more requests a second we answer at eight at once."""
        return self.ours.per_second / self.stock.per_second


@dataclass(frozen=True)
class Bar:
    """A promise: what was measured, what is asked, and whether it holds."""

    name: str
    measured: float
    asked: float
    unit: str
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the measured value is on the right side of the bar."""
        return self.measured <= self.asked if self.at_most else self.measured >= self.asked

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        verdict = "met" if self.is_met else "MISSED"
        asked = f"{sign} {self.asked:g} {self.unit}"
        return f"{self.name:<44}{self.measured:>9.2f} {self.unit:<6} {asked:<12} {verdict}"


HEADING = (
    f"{'':<26}{'ours':^32} {'stock Flask-Admin':^32} {'times':^15}\n"
    f"{'case':<26}{'p50 ms':>8}{'p50 at 8':>12}{'req/s at 8':>12} "
    f"{'p50 ms':>8}{'p50 at 8':>12}{'req/s at 8':>12} {'p50':>7}{'req/s':>8}"
)


def line(row: Row) -> str:
    """Return a row of the table."""
    sides = " ".join(
        f"{side.p50_alone:>8.1f}{side.p50_at_once:>12.1f}{side.per_second:>12.1f}"
        for side in (row.ours, row.stock)
    )
    return f"{row.name:<26}{sides} {row.faster:>7.1f}{row.more:>8.1f}"


def bars_of(row: Row) -> list[Bar]:
    """Return the promises a row of the table carries."""
    asked = ((row.times_faster, row.faster, "p50"), (row.times_more, row.more, "requests/s"))
    return [
        Bar(f"{row.name}: {what} against stock", value, bar, "times") for bar, value, what in asked if bar
    ]
