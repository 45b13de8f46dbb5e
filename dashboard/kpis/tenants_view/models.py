"""Owns the headline figures that the control database keeps of each tenant."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Numeric, func
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class Headline(ControlModel):
    """One KPI of one tenant in the last whole month; NULL is "no data". A round of the job replaces it."""

    __tablename__ = "kpi_headline"
    __table_args__ = (
        CheckConstraint("verdict IN ('', 'met', 'missed')", name="verdict"),
        CheckConstraint("extract(day FROM month) = 1", name="whole_month"),
    )

    tenant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date]
    value: Mapped[Decimal | None] = mapped_column(Numeric)
    previous: Mapped[Decimal | None] = mapped_column(Numeric)
    """The value of the month before."""
    target: Mapped[Decimal | None] = mapped_column(Numeric)
    verdict: Mapped[str] = mapped_column(default="", server_default="")
    """Whether the target is met; '' where it cannot be said."""
    n: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """How many records stand behind the value."""
    currency: Mapped[str] = mapped_column(default="", server_default="")
    """The tenant's display currency, in which amounts are."""
    as_of: Mapped[datetime | None]
    """Up to when the tenant's figures were computed; None before the first time."""
    read_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
