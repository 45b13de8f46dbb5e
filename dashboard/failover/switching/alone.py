"""Keeps the time after a promotion in which only the new primary has what is committed.

Where a second copy is wanted, commits wait for it again once a standby follows. Until then every page that
speaks of durability says so, and it stays on record. It ends by what the servers say: see `steering`.
"""

from datetime import UTC, datetime

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.failover.models import Rehearsal
from dashboard.health.queries import get_reading
from dashboard.replication import service as replication
from dashboard.replication.models import Cause
from dashboard.replication.synchronous.deciding import is_unsafe
from dashboard.replication.synchronous.durability import open_loss


def begin(settings: Settings, row: Rehearsal) -> None:
    """Read the new primary for the pages; keep since when commits wait for nobody, if they should."""
    replication.refresh(settings)
    reading = get_reading(replication.READING)
    values = reading.values if reading else {}
    if values.get("primary_name") == row.to_server and is_unsafe(values):
        open_loss(
            values["wanted"]["names"],
            values,
            cause=Cause.OPERATOR,
            actor=row.actor,
            since=_promoted_at(row),
            reason=f"{row.kind.capitalize()} {row.id}: nobody follows {row.to_server} yet.",
        )
    db.session.commit()


def _promoted_at(row: Rehearsal) -> datetime:
    """Return when the promotion began: from then on the new primary may have confirmed something."""
    begun = [step["began_at"] for step in row.steps if step["name"] == "promote"]
    return datetime.fromisoformat(begun[-1]) if begun else datetime.now(UTC)
