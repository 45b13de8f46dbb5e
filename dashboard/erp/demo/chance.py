"""Owns repeatable randomness: a generator per entity and row, Zipf choices, seasons, latent types."""

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from dashboard.erp.demo.profiles import DAYS, FIRST_DAY, SEED

ZIPF = 1.1
# Weight of each month of the year: a peak in the fourth quarter, a quiet August.
SEASON = (0.9, 0.9, 1.0, 1.0, 1.0, 0.95, 0.85, 0.5, 1.05, 1.3, 1.4, 1.2)


@dataclass(frozen=True)
class Latent:
    """What a supplier is really like; KPIs should find it out. Days late: mean and deviation."""

    name: str
    share: float
    late_mean: float
    late_deviation: float
    reject_chance: float
    response: float
    price: float
    reliability: float


LATENTS = (
    Latent("excellent", 0.15, -1.5, 1.5, 0.01, 0.9, 1.04, 94),
    Latent("solid", 0.55, -0.5, 2.5, 0.04, 0.7, 1.0, 80),
    Latent("erratic", 0.22, 3.0, 7.0, 0.15, 0.5, 0.97, 58),
    Latent("failing", 0.08, 12.0, 10.0, 0.4, 0.3, 0.93, 30),
)


class Chance:
    """Generators of one world; `salt` tells two tenants apart."""

    def __init__(self, salt: str) -> None:
        self.salt = salt

    def of(self, entity: str, row: int) -> random.Random:
        """Return the generator of one row, the same on every run and machine."""
        return random.Random(f"{SEED}/{self.salt}/{entity}/{row}")  # noqa: S311  # repeatable, not secret

    def latent(self, supplier: int) -> Latent:
        """Return the hidden type of a supplier."""
        rng = self.of("latent", supplier)
        return rng.choices(LATENTS, [latent.share for latent in LATENTS])[0]


class Zipf:
    """Choose the k-th of some things with weight 1 / k^1.1."""

    def __init__(self, things: Sequence[int]) -> None:
        self.things = things
        self.sums = list(accumulate(1 / (rank + 1) ** ZIPF for rank in range(len(things))))

    def one(self, rng: random.Random) -> int:
        """Choose one."""
        return self.things[bisect_left(self.sums, rng.random() * self.sums[-1])]

    def some(self, rng: random.Random, count: int) -> list[int]:
        """Choose different ones, fewer when there are not enough."""
        found: dict[int, None] = {}
        for _ in range(count * 20):
            if len(found) == min(count, len(self.things)):
                break
            found[self.one(rng)] = None
        return list(found)


def _day_weights() -> list[float]:
    days = (FIRST_DAY + timedelta(days=day) for day in range(DAYS))
    return [SEASON[day.month - 1] * (0.15 if day.weekday() >= 5 else 1) for day in days]


_DAY_SUMS = list(accumulate(_day_weights()))


def moment(position: float, rng: random.Random) -> datetime:
    """Return the time at a position (0 to 1) of the two years: more days of it where the season is busy."""
    day = min(bisect_left(_DAY_SUMS, position * _DAY_SUMS[-1]), DAYS - 1)
    start = datetime.combine(FIRST_DAY, datetime.min.time(), tzinfo=UTC) + timedelta(days=day)
    return start + timedelta(seconds=rng.randrange(6 * 3600, 18 * 3600))
