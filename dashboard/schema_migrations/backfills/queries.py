"""Reads how far each data change has come, for the pages."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.schema_migrations.backfills.declared import DataChange, list_changes
from dashboard.schema_migrations.backfills.models import BackfillProgress
from dashboard.schema_migrations.backfills.service import JOB, reached_by
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.models import SchemaHead, SchemaKind
from dashboard.schema_migrations.revisions import distances
from dashboard.tenancy.models import Tenant

ORDER = ("failed", "running", "interrupted", "behind", "unknown", "pending", "done")
ADVICE = {
    "failed": "Mend what the message names, then resume; other tenants are not touched by it.",
    "interrupted": "Its run is gone. Resume: it goes on behind the last batch.",
    "behind": "Migrate this tenant first, then resume.",
    "unknown": "At a revision that this code does not know; the release that brought it there can go on.",
}


class _Row(NamedTuple):
    schema: str
    name: str
    revision: str | None
    status: str | None
    rows_done: int | None
    rows_total: int | None
    error: str | None
    updated_at: datetime | None


@dataclass(frozen=True)
class TenantProgress:
    """How far a data change has come in one tenant; `status` knows `interrupted`, `behind`, `unknown` too."""

    schema: str
    name: str
    status: str
    rows_done: int
    rows_total: int | None
    error: str
    updated_at: datetime | None

    @property
    def advice(self) -> str:
        """What to do, empty where nothing has to be done."""
        return ADVICE.get(self.status, "")


@dataclass(frozen=True)
class ChangeView:
    """A data change with its tenants and its newest run, if any."""

    change: DataChange
    tenants: Sequence[TenantProgress]
    run: JobRun | None

    @property
    def is_active(self) -> bool:
        """Whether a run is at work or waits for a worker."""
        return self.run is not None and self.run.status in ACTIVE

    @property
    def counts(self) -> dict[str, int]:
        """How many tenants are in each state, those that need something first."""
        found = Counter(tenant.status for tenant in self.tenants)
        return {status: found[status] for status in ORDER if found[status]}

    @property
    def rows_done(self) -> int:
        """Rows gone through in all tenants."""
        return sum(tenant.rows_done for tenant in self.tenants)

    @property
    def rows_total(self) -> int:
        """Rows to go through, as far as they were counted."""
        return sum(max(tenant.rows_total or 0, tenant.rows_done) for tenant in self.tenants)

    @property
    def status(self) -> str:
        """One word for the whole change."""
        if self.is_active:
            return "running"
        if set(self.counts) <= {"done"}:
            return "done" if self.tenants else "pending"
        if "failed" in self.counts:
            return "failed"
        return "paused" if self.rows_done or "done" in self.counts else "pending"

    @property
    def button(self) -> str:
        """What a run would be called; empty when there is nothing to do or one is at work."""
        if self.is_active or self.status == "done":
            return ""
        return "Run" if self.status == "pending" else "Resume"


def list_views() -> list[ChangeView]:
    """Return every declared data change with how far it has come."""
    return [get_view(change) for change in list_changes()]


def get_view(change: DataChange) -> ChangeView:
    """Return one data change, tenants that need something first."""
    run = latest_run(change.name)
    is_active = run is not None and run.status in ACTIVE
    reached, known = reached_by(change), distances(History.TENANT)
    tenants = [_progress(row, reached, known, is_active=is_active) for row in _rows(change)]
    return ChangeView(change, sorted(tenants, key=lambda row: (ORDER.index(row.status), row.name)), run)


def latest_run(name: str) -> JobRun | None:
    """Return the newest run of a data change."""
    query = select(JobRun).where(JobRun.job == JOB, JobRun.args["name"].astext == name)
    return db.session.scalars(query.order_by(JobRun.enqueued_at.desc()).limit(1)).first()


def _rows(change: DataChange) -> list[_Row]:
    seen = BackfillProgress
    query = (
        select(
            SchemaHead.schema_name,
            Tenant.name,
            SchemaHead.revision,
            *(seen.status, seen.rows_done, seen.rows_total, seen.error, seen.updated_at),
        )
        .join(Tenant, Tenant.id == SchemaHead.tenant_id)
        .outerjoin(seen, (seen.schema_name == SchemaHead.schema_name) & (seen.name == change.name))
        .where(SchemaHead.kind == SchemaKind.TENANT)
    )
    return [_Row(*row) for row in db.session.execute(query)]


def _progress(
    row: _Row, reached: frozenset[str], known: Container[str | None], *, is_active: bool
) -> TenantProgress:
    status = row.status or "pending"
    if status != "done" and row.revision not in reached:
        status = "behind" if row.revision in known else "unknown"
    elif status == "running" and not is_active:
        status = "interrupted"
    return TenantProgress(
        row.schema, row.name, status, row.rows_done or 0, row.rows_total, row.error or "", row.updated_at
    )
