"""Stores figures. Flushes; the caller commits."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.metrics.models import MetricLayout, MetricPosition, MetricRound
from dashboard.metrics.packing import pack

PRIMARY = "primary"
# Exact to the byte and looked up by value: a single-precision number would be off by megabytes.
EXACT = frozenset({"wal.position"})


def record(values: Mapping[str, float | None], *, at: datetime | None = None, source: str = PRIMARY) -> None:
    """Store one figure per series, all of one moment; None (unknown) stays unknown, never 0.

    `source` is the server they come from, or "primary" for what concerns the whole cluster.
    """
    moment = at or datetime.now(UTC)
    for name in EXACT & values.keys():
        if values[name] is not None:
            row = {"name": name, "at": moment, "value": values[name]}
            db.session.execute(insert(MetricPosition).values(row).on_conflict_do_nothing())
    names = sorted(values.keys() - EXACT)
    if any(values[name] is not None for name in names):
        row = {
            "layout_id": layout_of(source, names),
            "at": moment,
            "readings": [pack(values[name]) for name in names],
        }
        db.session.execute(insert(MetricRound).values(row).on_conflict_do_nothing())


def layout_of(source: str, names: Sequence[str]) -> int:
    """Return the number of the layout with these names, made when it is new."""
    digest = hashlib.sha256("\n".join([source, *names]).encode()).hexdigest()
    known = select(MetricLayout.id).where(MetricLayout.key == digest)
    found: int | None = db.session.scalar(known)
    if found is None:
        new = insert(MetricLayout).values(key=digest, source=source, names=list(names))
        db.session.execute(new.on_conflict_do_nothing(index_elements=["key"]))
        found = db.session.scalar(known)
    if found is None:  # another writer made it and took it back
        raise LookupError(f"the layout of {source} could not be stored")
    return found
