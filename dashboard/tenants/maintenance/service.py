"""Announces and ends maintenance; each at once, on the owner's connection. The registry carries it."""

from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select, update

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.tenancy import notices
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Maintenance, TenantRef

# After so many seconds every process knows of it; transactions that had begun before end as they began.
IN_FORCE_AFTER_SECONDS = notices.OLD_SECONDS
LONGEST_MESSAGE = 500


def announce(
    message: str,
    *,
    tenant: TenantRef | None = None,
    read_only: bool = False,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    actor: str = "system",
) -> int:
    """Tell a tenant, or all, of maintenance from now or `starts_at` on; return its id.

    With `read_only` PostgreSQL refuses every change in the tenants' transactions that begin while it lasts.
    Raises InvalidInputError for a message or an end that cannot be.
    """
    message = " ".join(message.split())
    _check(message, starts_at, ends_at)
    values = {
        "tenant_id": tenant.id if tenant else None,
        "message": message,
        "is_read_only": read_only,
        "starts_at": starts_at or func.clock_timestamp(),
        "ends_at": ends_at,
        "actor": actor,
    }
    with db.engines["owner"].begin() as connection:
        made: int = connection.execute(
            insert(Maintenance).values(values).returning(Maintenance.id)
        ).scalar_one()
    tenancy.forget()
    slug = tenant.slug if tenant else None
    record_operation(
        "maintenance.announce", str(made), tenant=slug, actor=actor, message=message, read_only=read_only
    )
    return made


def end(maintenance_id: int, *, actor: str = "system") -> None:
    """End what goes on; one that has not begun is taken back. Raises NotFoundError when it is over."""
    now = func.clock_timestamp()
    mine = Maintenance.id == maintenance_id
    is_open = Maintenance.ends_at.is_(None) | (Maintenance.ends_at > now)
    with db.engines["owner"].begin() as connection:
        ended = connection.execute(
            update(Maintenance).where(mine, Maintenance.starts_at < now, is_open).values(ends_at=now)
        ).rowcount
        if not ended:
            ended = connection.execute(delete(Maintenance).where(mine, is_open)).rowcount
    tenancy.forget()
    if not ended:
        raise NotFoundError("This maintenance is over already.")
    record_operation("maintenance.end", str(maintenance_id), actor=actor)


def list_maintenance(limit: int = 50) -> list[Maintenance]:
    """What goes on and what is ahead first, then what is over; the newest first."""
    is_over = func.coalesce(Maintenance.ends_at <= func.clock_timestamp(), False)  # SQL's false
    query = select(Maintenance).order_by(is_over, Maintenance.starts_at.desc()).limit(limit)
    return list(db.session.scalars(query))


def _check(message: str, starts_at: datetime | None, ends_at: datetime | None) -> None:
    fields: dict[str, str] = {}
    if not message or len(message) > LONGEST_MESSAGE:
        fields["message"] = f"Say in 1 to {LONGEST_MESSAGE} characters what is done and what people notice."
    now = datetime.now(UTC)
    if ends_at is not None and ends_at <= max(starts_at or now, now):
        fields["ends_at"] = "The end must be ahead, and after the start."
    if fields:
        raise InvalidInputError(" ".join(fields.values()), fields=fields)
