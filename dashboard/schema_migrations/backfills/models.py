"""Owns how far each data change has come in each schema; it commits with the batch."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import SharedModel


class BackfillProgress(SharedModel):
    """One data change in one schema; `last_key` is the last key done, rows are counted."""

    __tablename__ = "backfill_progress"
    __table_args__ = (CheckConstraint("status IN ('pending', 'running', 'done', 'failed')", name="status"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    schema_name: Mapped[str] = mapped_column(Text, primary_key=True)
    status: Mapped[str] = mapped_column(Text, server_default="pending")
    last_key: Mapped[int | None] = mapped_column(BigInteger)
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_total: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(Text, server_default="")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
