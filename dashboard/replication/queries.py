"""Reads the periods without a synchronous copy."""

from collections.abc import Sequence

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.replication.models import DurabilityLoss


def find_open_loss() -> DurabilityLoss | None:
    """Return the period without a synchronous copy that goes on now, if any."""
    return db.session.scalar(select(DurabilityLoss).where(DurabilityLoss.until.is_(None)))


def list_losses(limit: int = 20) -> Sequence[DurabilityLoss]:
    """Return the newest periods without a synchronous copy, the open one among them."""
    newest = select(DurabilityLoss).order_by(DurabilityLoss.since.desc(), DurabilityLoss.id.desc())
    return db.session.scalars(newest.limit(limit)).all()
