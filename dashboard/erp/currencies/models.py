"""Owns currencies with their decimals, and exchange rates by day."""

from datetime import date

from sqlalchemy import SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Rate, Record, Words, check, iso_currency, not_blank, positive


class Currency(Record, TenantModel):
    """A currency the tenant trades in; amounts are rounded to its decimals (JPY 0, KWD 3)."""

    __tablename__ = "currency"
    __table_args__ = (
        UniqueConstraint("code"),
        iso_currency("code"),
        *not_blank("name"),
        check("decimals_range", "decimals BETWEEN 0 AND 4"),
    )

    code: Mapped[Words]
    name: Mapped[Words]
    decimals: Mapped[int] = mapped_column(SmallInteger, default=2, server_default=text("2"))

    def __str__(self) -> str:
        return self.code


class FxRate(Record, TenantModel):
    """How many units of one currency a unit of another bought on a day."""

    __tablename__ = "fx_rate"
    __table_args__ = (
        UniqueConstraint("from_currency", "to_currency", "on_date"),
        iso_currency("from_currency"),
        iso_currency("to_currency"),
        check("to_currency_differs", "from_currency <> to_currency"),
        *positive("rate"),
    )

    from_currency: Mapped[Words]
    to_currency: Mapped[Words]
    on_date: Mapped[date]
    rate: Mapped[Rate]

    def __str__(self) -> str:
        return f"{self.from_currency}/{self.to_currency} {self.on_date}"
