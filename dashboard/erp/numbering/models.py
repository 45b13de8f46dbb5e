"""Owns the last number given per organization, kind of document and year."""

from sqlalchemy import BigInteger, ForeignKey, Identity, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Key, Words, check, not_negative


class NumberSequence(TenantModel):
    """The row that a transaction locks to draw the next number, so that a rollback leaves no gap."""

    __tablename__ = "number_sequence"
    __table_args__ = (
        UniqueConstraint("org_id", "type", "year"),
        check("year_range", "year BETWEEN 2000 AND 2999"),
        *not_negative("last"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[Key] = mapped_column(ForeignKey("organization.id"))
    type: Mapped[Words]
    year: Mapped[int]
    last: Mapped[int] = mapped_column(server_default=text("0"))

    def __str__(self) -> str:
        return f"{self.type}-{self.year}-{self.last:05}"
