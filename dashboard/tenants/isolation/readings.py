"""Large readings for pages: parsed once per process and reading, however many pages ask for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import defer

from dashboard.core.db import db
from dashboard.health.models import Reading

_parsed: dict[str, tuple[datetime | None, dict[str, Any]]] = {}


def header(key: str) -> Reading | None:
    """When a reading was taken and what was wrong; its data is not fetched."""
    return db.session.scalar(select(Reading).where(Reading.key == key).options(defer(Reading.data)))


def contents(key: str) -> Mapping[str, Any]:
    """What a reading says; empty when there is none. Not to be changed: others are given the same."""
    row = db.session.execute(select(Reading.taken_at).where(Reading.key == key)).one_or_none()
    if row is None:
        return {}
    kept = _parsed.get(key)
    if kept is None or kept[0] != row.taken_at:
        found = db.session.execute(select(Reading.taken_at, Reading.data).where(Reading.key == key)).one()
        kept = _parsed[key] = (found.taken_at, found.data)
    return kept[1]


def part(key: str, *path: str) -> Any:
    """One part of a reading, picked out by the server; None where there is none."""
    wanted: Any = Reading.data
    for name in path:
        wanted = wanted[name]
    return db.session.scalar(select(wanted).where(Reading.key == key))
