"""Reads what the probes stored."""

from collections.abc import Iterable

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.health.models import Reading


def get_reading(key: str) -> Reading | None:
    """Return the last reading of a probe; None when it has never run."""
    return db.session.get(Reading, key)


def list_readings(keys: Iterable[str]) -> dict[str, Reading]:
    """Return the readings that exist among `keys`, in one query."""
    found = db.session.scalars(select(Reading).where(Reading.key.in_(list(keys))))
    return {reading.key: reading for reading in found}
