"""Keeps the periods without a synchronous copy. Flushes; the job commits."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update

from dashboard.core.db import db
from dashboard.replication.models import DurabilityLoss
from dashboard.replication.queries import find_open_loss


def open_loss(standbys: Sequence[str], values: Mapping[str, Any], **details: Any) -> DurabilityLoss:
    """Begin a period without a copy on `standbys`; the open one goes on if there is one.

    `values` is the reading it was seen in; `details` are columns of DurabilityLoss.
    """
    found = find_open_loss()
    if found is not None:
        return found
    frozen, primary = values.get("frozen") or {}, values.get("primary") or {}
    columns: dict[str, Any] = {
        "standby": ", ".join(standbys),
        "primary": values.get("primary_name", ""),
        "commits": frozen.get("commits"),
        "held_lsn": _held(standbys, values),
        "since_lsn": primary.get("lsn", ""),
    }
    loss = DurabilityLoss(**(columns | details))
    db.session.add(loss)
    db.session.flush()
    return loss


def close_loss(loss: DurabilityLoss, *, lsn: str, by: str, how: str, at: datetime | None = None) -> None:
    """End a period: a second server has every commit again, or nobody asks for it any more."""
    until = max(at or datetime.now(UTC), loss.since)
    over = update(DurabilityLoss).where(DurabilityLoss.id == loss.id, DurabilityLoss.until.is_(None))
    db.session.execute(over.values(until=until, until_lsn=lsn, closed_by=by, closing=how))
    db.session.refresh(loss)


def _held(standbys: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return how far the furthest of these standbys had confirmed: its slot remembers that."""
    slots = [row["slot"] for row in values.get("standbys", []) if row["name"] in standbys and row["slot"]]
    kept = [slot for slot in slots if slot.get("restart_lsn") and slot.get("retained_bytes") is not None]
    return min(kept, key=lambda slot: slot["retained_bytes"])["restart_lsn"] if kept else ""
