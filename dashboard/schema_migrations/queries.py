"""Reads for the migrations page: the ledger of the ERP, and what was last read of it when the ERP is away."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.schema_migrations.fleet.models import OPEN, FleetRun
from dashboard.schema_migrations.graph import Node, lay_out
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.ledger import Standing, thaw
from dashboard.schema_migrations.revisions import (
    AHEAD,
    CURRENT,
    NEVER,
    PENDING,
    Revision,
    distances,
    head_of,
    list_revisions,
    status_of,
)

__all__ = ["Revision", "list_revisions"]  # what the pages of plans need of the code
READING = "schema_migrations"
COPY = "schema_migrations.ledger"  # the ledger as it was last read, for when the ERP is away
TITLES = {
    History.CONTROL: "Control database",
    History.SHARED: "Shared tables",
    History.TENANT: "Tenant tables",
}


@dataclass(frozen=True)
class HistoryView:
    """One of the three histories as a graph; two heads are a mistake. `lost` are unknown to the code."""

    history: History
    title: str
    nodes: list[Node]
    heads: tuple[str, ...]
    at: str | None
    status: str
    lost: dict[str, int]


@dataclass(frozen=True)
class Schema:
    """A schema on the grid. `behind` is in revisions; None: it is not on this history."""

    row: Standing
    status: str
    behind: int | None
    is_drifted: bool

    @property
    def looks(self) -> str:
        """Name how its square looks."""
        if self.status in (AHEAD, NEVER):
            return "lost"
        return "drift" if self.is_drifted else "current" if not self.behind else "behind"


@dataclass(frozen=True)
class Ledger:
    """All standings, and when that was; `error` says why it is not now."""

    rows: list[Standing]
    taken_at: datetime | None
    error: str = ""


def get_heads_reading() -> Reading | None:
    """Return where everything stood when last read."""
    return get_reading(READING)


def get_ledger(reading: Reading | None) -> Ledger:
    """Return the ledger as it was last read; pages outlive the ERP, so none of them asks it."""
    copy = get_reading(COPY)
    rows = thaw(copy.data.get("rows", [])) if copy else []
    return Ledger(
        rows, copy.taken_at if copy else None, reading.error if reading and reading.is_failing else ""
    )


def list_histories(reading: Reading | None, rows: Sequence[Standing]) -> list[HistoryView]:
    """Return the three histories; the tenant history's own status is that of its slowest schema."""
    data = reading.data if reading and reading.taken_at else {}
    control, shared = data.get("control"), (data.get("fleet") or {}).get("shared")
    unknown = "" if data else "unknown"
    return [
        _history(History.CONTROL, {control or "": 1} if data else {}, control, unknown),
        _history(History.SHARED, {shared or "": 1} if data else {}, shared, unknown),
        _history(History.TENANT, Counter(row.revision or "" for row in rows), None, fleet_status(rows)),
    ]


def _history(history: History, counts: dict[str, int], at: str | None, status: str) -> HistoryView:
    revisions = list_revisions(history)
    known = {revision.id for revision in revisions}
    lost = {revision: count for revision, count in counts.items() if revision not in known}
    nodes = lay_out(revisions, counts)
    return HistoryView(
        history, TITLES[history], nodes, head_of(history), at, status or status_of(history, at), lost
    )


def fleet_status(rows: Sequence[Standing]) -> str:
    """Return the word for all schemas together: the worst of them."""
    statuses = {status_of(History.TENANT, revision) for revision in {row.revision for row in rows}}
    return next((status for status in (AHEAD, NEVER, PENDING) if status in statuses), CURRENT)


def list_schemas(rows: Sequence[Standing], drifted: set[str]) -> list[Schema]:
    """Return every schema as the grid shows it; `drifted` are the names of those that differ."""
    to_come = distances(History.TENANT)
    statuses = {revision: status_of(History.TENANT, revision) for revision in {row.revision for row in rows}}
    return [
        Schema(row, statuses[row.revision], to_come.get(row.revision), row.schema in drifted) for row in rows
    ]


def get_open_run() -> FleetRun | None:
    """Return the fleet run that has not ended, if any."""
    return db.session.scalar(select(FleetRun).where(FleetRun.status.in_(OPEN)))


def fleet_of(reading: Reading | None) -> dict[str, Any]:
    """Return what was read of the fleet, with its moments as datetimes; empty when nothing was."""
    data = reading.data if reading and reading.taken_at else {}
    return dict(data.get("fleet") or {})


def stuck_histories() -> list[str]:
    """Return the databases, other than the tenants' schemas, that were not at their heads when last read."""
    reading = get_heads_reading()
    data = reading.data if reading and reading.taken_at else {}
    found = {History.CONTROL: data.get("control"), History.SHARED: (data.get("fleet") or {}).get("shared")}
    return [TITLES[history] for history, at in found.items() if data and status_of(history, at) != CURRENT]
