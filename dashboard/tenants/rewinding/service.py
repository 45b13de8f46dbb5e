"""What may be done with a rewind and when; the row's steps. Engines and jobs do the work."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from dashboard.backups.restoring.models import Target
from dashboard.backups.restoring.planning import TargetSpec, check_target
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.rewinding import queries
from dashboard.tenants.rewinding.models import Rewind, RewindStatus
from dashboard.tenants.rewinding.naming import aside_name, beside_name

BEFORE = {
    "swap": (RewindStatus.READY, RewindStatus.UNDONE),
    "undo": (RewindStatus.SWAPPED,),
    "bring_back": (RewindStatus.READY, RewindStatus.UNDONE, RewindStatus.SWAPPED),
    "compare": (RewindStatus.READY, RewindStatus.UNDONE, RewindStatus.SWAPPED),
    "discard": (RewindStatus.READY, RewindStatus.UNDONE, RewindStatus.SWAPPED),
}


def open_rewind(session: Session, tenant: TenantRef, at: datetime, *, actor: str) -> Rewind:
    """Make the row of a new rewind; the caller commits and asks for the job.

    Raises InvalidInputError for a time out of reach, ConflictError while another one is open or where the
    tenant was migrated since.
    """
    check_target(TargetSpec(Target.TIME, at))
    _check_ledger(session, tenant, at)
    if found := queries.find_open(session, tenant.slug):
        raise ConflictError(
            f"Rewind {found.id} of {tenant.name} is {found.status}.",
            fix="Use or discard it first; two at once would swap each other away.",
        )
    rewind = Rewind(tenant=tenant.slug, live_schema=tenant.schema, target_at=at, actor=actor)
    session.add(rewind)
    try:
        session.flush()
    except IntegrityError as error:  # another one was quicker by a moment
        raise ConflictError(f"Another rewind of {tenant.name} has just begun.") from error
    rewind.beside_schema = beside_name(tenant.schema, rewind.id)
    session.flush()
    return rewind


def _check_ledger(session: Session, tenant: TenantRef, at: datetime) -> None:
    """Say at once what the restore would only find out after minutes."""
    since = queries.migrations_since(session, tenant, at)
    if not since:
        return
    moment, before, _after = since[0]
    after = since[-1][2]
    if before == "nothing":
        message = f"{tenant.name} did not exist then: it was made at {_utc(moment)}."
        raise InvalidInputError(message, fields={"at": message})
    raise ConflictError(
        f"The tenant's tables were at migration {before} then and are at {after} now: they do not fit.",
        fix=f"Choose a time after {_utc(since[-1][0])}, or restore to a scratch server to look into it.",
    )


def check_may(rewind: Rewind, action: str) -> None:
    """Raise ConflictError when a rewind's state does not allow an action."""
    if rewind.status not in BEFORE[action]:
        raise ConflictError(
            f"Rewind {rewind.id} is {rewind.status}: {action.replace('_', ' ')} is not possible.",
            fix="Open its page again to see what is.",
        )


def save(rewind: Rewind, **values: Any) -> None:
    """Write some columns at once, whatever becomes of the caller's own transaction."""
    with control_transaction() as session:
        session.execute(update(Rewind).where(Rewind.id == rewind.id).values(**values))
    for name, value in values.items():
        set_committed_value(rewind, name, value)


def swapped_values(rewind: Rewind, ms: float | None) -> dict[str, Any]:
    """What the row says after the old state took the live place."""
    return {
        "status": RewindStatus.SWAPPED,
        "aside_schema": aside_name(rewind.live_schema, rewind.id),
        "swap_ms": ms,
        "swapped_at": datetime.now(UTC),
    }


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
