"""Owns what is announced to tenants: read with the registry, judged against the clock when asked for."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from dashboard.tenancy.models import TenantRef

# Requests read the registry, and these with it, every five seconds; a second more tells jobs from requests.
OLD_SECONDS = 6.0
AHEAD = timedelta(hours=24)  # how long before its start a notice is shown

# RESET ROLE: the connection may be that of a test's outer transaction, which is somebody's already.
_READ = """
RESET ROLE;
SELECT id, tenant_id, message, is_read_only, starts_at, ends_at FROM public.maintenance
WHERE ends_at IS NULL OR ends_at > clock_timestamp() ORDER BY starts_at, id
"""


@dataclass(frozen=True)
class Notice:
    """An announcement to one tenant, or to all (no tenant), that may also forbid writing."""

    id: int
    tenant_id: int | None
    message: str
    is_read_only: bool
    starts_at: datetime
    ends_at: datetime | None

    def concerns(self, tenant: TenantRef | None) -> bool:
        """Whether it is meant for a tenant; pages of no tenant are told what all are told."""
        return self.tenant_id is None or (tenant is not None and tenant.id == self.tenant_id)

    def is_in_force(self, moment: datetime) -> bool:
        """Whether it holds at a moment."""
        return self.starts_at <= moment and not self.is_over(moment)

    def is_ahead(self, moment: datetime) -> bool:
        """Whether it is to be told of before it begins."""
        return moment < self.starts_at <= moment + AHEAD

    def is_over(self, moment: datetime) -> bool:
        """Whether its end has passed."""
        return self.ends_at is not None and self.ends_at <= moment


@dataclass
class _Board:
    """What was read last."""

    read_at: float = float("-inf")
    notices: tuple[Notice, ...] = ()


_board = _Board()


def read(connection: Connection) -> None:
    """Read the notices anew, on a connection of the application's login."""
    rows = connection.execute(text(_READ)).mappings()
    _board.notices = tuple(Notice(**row) for row in rows)
    _board.read_at = time.monotonic()


def read_if_old(connection: Connection) -> None:
    """Read them on a connection one has anyway: no second one is waited for while holding the first."""
    if time.monotonic() - _board.read_at >= OLD_SECONDS:
        read(connection)


def forget() -> None:
    """Read anew next time."""
    _board.read_at = float("-inf")


def now() -> datetime:
    """The clock notices are judged by."""
    return datetime.now(UTC)


def told_to(tenant: TenantRef | None, moment: datetime | None = None) -> list[Notice]:
    """What is announced to a tenant now or for the next hours."""
    moment = moment or now()
    return [
        notice
        for notice in _board.notices
        if notice.concerns(tenant) and (notice.is_in_force(moment) or notice.is_ahead(moment))
    ]


def forbids_writing(tenant: TenantRef | None, moment: datetime | None = None) -> Notice | None:
    """The notice that makes a tenant read-only now, if any."""
    moment = moment or now()
    return next((n for n in told_to(tenant, moment) if n.is_read_only and n.is_in_force(moment)), None)
