"""Owns the money of the demo world: currencies, monthly rates, and how prices walk."""

import math
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from dashboard.erp.demo.chance import Chance
from dashboard.erp.demo.profiles import FIRST_DAY, MONTHS

# Units of the currency for one euro at the start, its decimals and name.
CURRENCIES = {
    "EUR": (1.0, 2, "Euro"),
    "USD": (1.09, 2, "US dollar"),
    "GBP": (0.84, 2, "Pound sterling"),
    "CNY": (7.8, 2, "Yuan renminbi"),
    "JPY": (163.0, 0, "Yen"),
    "KWD": (0.334, 3, "Kuwaiti dinar"),
    "CHF": (0.95, 2, "Swiss franc"),
}
SHOCK_MONTH, SHOCK = 14, 1.35
SHOCKED_CATEGORY = 1
EIGHT = Decimal("0.00000001")


def money(amount: float | Decimal, currency: str) -> Decimal:
    """Round to the decimals of the currency, half up."""
    unit = Decimal(1).scaleb(-CURRENCIES[currency][1])
    return Decimal(str(amount)).quantize(unit, ROUND_HALF_UP)


def month_of(day: date) -> int:
    """Count months from the first one, 0 to MONTHS - 1."""
    return min(max((day.year - FIRST_DAY.year) * 12 + day.month - FIRST_DAY.month, 0), MONTHS - 1)


def first_of(month: int) -> date:
    """Return the first day of a month counted from the start."""
    index = FIRST_DAY.year * 12 + FIRST_DAY.month - 1 + month
    return date(index // 12, index % 12 + 1, 1)


class Market:
    """Walks of prices per category and of exchange rates, month by month."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.per_euro = {code: self._walk(code, start, 0.012) for code, (start, _, _) in CURRENCIES.items()}
        self.per_euro["EUR"] = [1.0] * MONTHS
        self.prices: dict[int, list[float]] = {}

    def _walk(self, name: str, start: float, step: float) -> list[float]:
        rng = self.chance.of(f"walk {name}", 0)
        values = [start]
        for _ in range(MONTHS - 1):
            values.append(values[-1] * math.exp(rng.gauss(0, step)))
        return values

    def rate(self, source: str, target: str, month: int) -> Decimal:
        """Return how many units of `target` one of `source` bought in a month."""
        ratio = self.per_euro[target][month] / self.per_euro[source][month]
        return Decimal(str(ratio)).quantize(EIGHT)

    def level(self, category: int, month: int) -> float:
        """Return the price level of a category: a monthly walk, and for one of them a shock that stays."""
        if category not in self.prices:
            self.prices[category] = self._walk(f"category {category}", 1.0, 0.02)
        shock = SHOCK if category == SHOCKED_CATEGORY and month >= SHOCK_MONTH else 1.0
        return self.prices[category][month] * shock
