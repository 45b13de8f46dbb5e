"""Puts rows and schemas in agreement after a crash: what was half done goes, what was done is noted."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from dashboard.core.config import Settings
from dashboard.jobs.store import control_transaction
from dashboard.tenants.rewinding import preparing, queries, service, swapping
from dashboard.tenants.rewinding.models import STANDING, Rewind, RewindStatus
from dashboard.tenants.rewinding.naming import aside_name, beside_name

# A row is committed before its job is asked for.
GRACE = timedelta(seconds=30)
KEPT = timedelta(days=60)
LOST = "Its worker died in the middle; what it had begun was removed."


def sweep(owner: Engine, settings: Settings) -> dict[str, int]:
    """Settle every rewind that no job is at work on. Returns how many were cleared and corrected."""
    done = {"cleared": 0, "corrected": 0}
    for rewind in _idle():
        if rewind.status == RewindStatus.PREPARING:
            service.save(rewind, status=RewindStatus.FAILED, reason=LOST, finished_at=datetime.now(UTC))
        if rewind.status == RewindStatus.FAILED:
            done["cleared"] += preparing.clear(rewind, owner, settings)
        elif rewind.status in STANDING:
            done["corrected"] += settle(rewind, owner)
    return done


def _idle() -> list[Rewind]:
    now = datetime.now(UTC)
    with control_transaction() as session:
        recent = session.scalars(
            select(Rewind).where(Rewind.created_at < now - GRACE, Rewind.created_at > now - KEPT)
        )
        return [rewind for rewind in recent if queries.find_running(session, rewind.tenant) is None]


def settle(rewind: Rewind, owner: Engine) -> bool:
    """Believe the schemas: a swap or a drop may have been committed just before its job was killed."""
    beside, aside = (name(rewind.live_schema, rewind.id) for name in (beside_name, aside_name))
    there = swapping.existing(owner, {beside, aside})
    if aside in there and rewind.status != RewindStatus.SWAPPED:
        service.save(rewind, **service.swapped_values(rewind, None))
    elif there == {beside} and rewind.status == RewindStatus.SWAPPED:
        service.save(rewind, status=RewindStatus.UNDONE)
    elif not there:
        service.save(rewind, status=RewindStatus.DISCARDED, finished_at=datetime.now(UTC))
    else:
        return False
    return True
