"""Reads for the migrations page: the revisions in the code, and where everything stood when last read."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from alembic.script import Script, ScriptDirectory

from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.schema_migrations.histories import History

READING = "schema_migrations"
PENDING, CURRENT, AHEAD, NEVER = "pending", "current", "unknown revision", "never migrated"
TITLES = {
    History.CONTROL: "Control database",
    History.SHARED: "Shared tables",
    History.TENANT: "Tenant tables",
}


@dataclass(frozen=True)
class Revision:
    """A revision in the code; `parents` are what it builds on."""

    id: str
    parents: tuple[str, ...]
    title: str
    is_head: bool


@dataclass(frozen=True)
class HistoryView:
    """One of the three histories: its revisions newest first, its heads (more than one is a mistake)."""

    history: History
    title: str
    revisions: list[Revision]
    heads: tuple[str, ...]
    at: str | None
    status: str


@dataclass(frozen=True)
class TenantView:
    """A tenant and how far behind the code's head it is, in revisions (None: not on this history)."""

    facts: dict[str, Any]
    status: str
    behind: int | None
    differs_from_ledger: bool


@lru_cache(maxsize=len(History))
def list_revisions(history: History) -> tuple[Revision, ...]:
    """Return the revisions of a history, newest first. The code of a process does not change."""
    scripts = ScriptDirectory(history.directory)
    heads = set(scripts.get_heads())
    return tuple(_revision(script, heads) for script in scripts.walk_revisions())


def _revision(script: Script, heads: set[str]) -> Revision:
    parents = script.down_revision or ()
    return Revision(
        id=script.revision,
        parents=(parents,) if isinstance(parents, str) else tuple(parents),
        title=(script.doc or "").splitlines()[0] if script.doc else "",
        is_head=script.revision in heads,
    )


def head_of(history: History) -> tuple[str, ...]:
    """Return the heads in the code."""
    return tuple(revision.id for revision in list_revisions(history) if revision.is_head)


def status_of(history: History, at: str | None) -> str:
    """Compare a revision with the code: current, pending, never migrated, or unknown to this code."""
    if at is None:
        return NEVER
    if at in head_of(history):
        return CURRENT
    return PENDING if at in {revision.id for revision in list_revisions(history)} else AHEAD


def behind(history: History, at: str | None) -> int | None:
    """Return how many revisions of a linear history are still to come; None when it cannot be said."""
    ids = [revision.id for revision in list_revisions(history)]
    if at is None:
        return len(ids)
    return ids.index(at) if at in ids else None


def list_histories(reading: Reading | None) -> list[HistoryView]:
    """Return the three histories; the tenant history's own status is that of its slowest tenant."""
    data = reading.data if reading and reading.taken_at else {}
    at = {History.CONTROL: data.get("control"), History.SHARED: (data.get("fleet") or {}).get("shared")}
    return [_history_view(history, at.get(history), reading, is_known=bool(data)) for history in History]


def _history_view(
    history: History, at: str | None, reading: Reading | None, *, is_known: bool
) -> HistoryView:
    status = _fleet_status(reading) if history is History.TENANT else status_of(history, at)
    revisions = list(list_revisions(history))
    return HistoryView(
        history, TITLES[history], revisions, head_of(history), at, status if is_known else "unknown"
    )


def _fleet_status(reading: Reading | None) -> str:
    statuses = {tenant.status for tenant in list_tenant_heads(reading)}
    return next((status for status in (AHEAD, NEVER, PENDING) if status in statuses), CURRENT)


def list_tenant_heads(reading: Reading | None) -> list[TenantView]:
    """Return each tenant with its status, those that need something first."""
    fleet = (reading.values.get("fleet") if reading and reading.taken_at else None) or {}
    views = [
        TenantView(
            row,
            status_of(History.TENANT, row["revision"]),
            behind(History.TENANT, row["revision"]),
            differs_from_ledger=row["revision"] != row["ledger_revision"],
        )
        for row in fleet.get("tenants", [])
    ]
    return sorted(views, key=lambda view: view.status == CURRENT)


def get_heads_reading() -> Reading | None:
    """Return where everything stood when last read."""
    return get_reading(READING)
