"""Jobs of the tenant time machine; all of a tenant hold one lock: one at a time touches its schemas."""

import time
from datetime import UTC, datetime
from typing import Any

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.jobs.registry import Opens, job
from dashboard.jobs.run import Run
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.queries import get_tenant
from dashboard.tenants.rewinding import bringing_back, preparing, queries, service, settling, swapping
from dashboard.tenants.rewinding.bringing_back import Sides
from dashboard.tenants.rewinding.loading import transaction
from dashboard.tenants.rewinding.models import Rewind, RewindStatus
from dashboard.tenants.rewinding.naming import aside_name
from dashboard.tenants.rewinding.swapping import Exchange, Swapped

VIEW, RUN = "database.rewinds.view", "database.rewinds.run"
LOCK = queries.lock_of("{tenant}")
LONGEST_SECONDS = 12 * 3600
MAX_LINES = 50


@job(
    "tenants.rewind",
    title="Bring a tenant's past beside it",
    queue="restores",
    permission=RUN,
    lock=LOCK,
    timeout=LONGEST_SECONDS,
    opens=Opens("See what differs", "rewinds.details", {"rewind_id": "rewind"}),
)
def rewind_tenant(run: Run, *, rewind: int) -> dict[str, object]:
    """Restore to a scratch server, load beside the live schema, compare. The live tenant does not notice."""
    row = _row(rewind)
    preparing.prepare(run, row, get_tenant(row.tenant), get_settings())
    return {"rewind": row.id, "reached_at": row.reached_at, "notes": row.notes}


@job(
    "tenants.compare_rewind",
    title="Compare a tenant with its past",
    queue="default",
    permission=RUN,
    lock=LOCK,
    timeout=3600,
)
def compare(run: Run, *, rewind: int) -> dict[str, object]:
    """Count again what differs now."""
    row = _row(rewind)
    service.check_may(row, "compare")
    preparing.compare(row, preparing.owner_engine(get_settings()), run)
    return {"rewind": row.id}


@job(
    "tenants.swap_rewind",
    title="Put a tenant's past into its place",
    queue="default",
    permission=RUN,
    lock=LOCK,
    timeout=600,
)
def swap(run: Run, *, rewind: int) -> dict[str, object]:
    """Swap the old state in; what was live stands aside and can be swapped back."""
    row = _row(rewind)
    service.check_may(row, "swap")
    aside = aside_name(row.live_schema, row.id)
    done = _swap(run, row, row.beside_schema, aside)
    service.save(row, **service.swapped_values(row, done.ms))
    return _after(run, row, "tenant.rewind.swap", done)


@job(
    "tenants.undo_rewind",
    title="Put a tenant's present back",
    queue="default",
    permission=RUN,
    lock=LOCK,
    timeout=600,
)
def undo(run: Run, *, rewind: int) -> dict[str, object]:
    """Swap back; what was written after the swap stands beside again."""
    row = _row(rewind)
    service.check_may(row, "undo")
    done = _swap(run, row, row.aside_schema, row.beside_schema)
    service.save(row, status=RewindStatus.UNDONE, swap_ms=done.ms)
    return _after(run, row, "tenant.rewind.undo", done)


@job(
    "tenants.bring_back",
    title="Bring rows of a tenant's past back",
    queue="default",
    permission=RUN,
    lock=LOCK,
    timeout=3600,
)
def bring_back(run: Run, *, rewind: int, choice: dict[str, Any]) -> dict[str, object]:
    """Write chosen rows into the live schema as one change that can be undone."""
    row = _row(rewind)
    service.check_may(row, "bring_back")
    title = (
        "Brought over from the state put aside"
        if row.status == RewindStatus.SWAPPED
        else f"Brought back as of {row.target_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    done = bringing_back.Brought()
    owner = preparing.owner_engine(get_settings())
    with run.step("bring_back", store="erp") as step, transaction(owner) as connection:
        if step.is_new:
            sides = Sides(connection, row.live_schema, row.other_schema)
            done = bringing_back.bring_back(
                db.session(),
                sides,
                bringing_back.read_choice(choice),
                title=title,
                actor=run.actor,
                run_id=str(run.id),
                tick=run.check_cancelled,
            )
    for table, record_id, reason in done.refused[:MAX_LINES]:
        run.log(f"left as it is: {table.replace('_', ' ')} {record_id}: {reason}")
    result = {
        "rows": done.rows,
        "count": done.count,
        "refused": len(done.refused),
        "change_set": done.change_set,
    }
    noted = {**result, "at": datetime.now(UTC).isoformat(), "actor": run.actor}
    service.save(row, brought_back=[*row.brought_back, noted])
    record_operation(
        "tenant.rewind.bring_back", row.live_schema, tenant=row.tenant, actor=run.actor, **result
    )
    preparing.compare(row, owner, run)
    return result


@job(
    "tenants.discard_rewind",
    title="Discard a tenant's other state",
    queue="default",
    permission=RUN,
    lock=LOCK,
    timeout=600,
)
def discard(run: Run, *, rewind: int) -> dict[str, object]:
    """Drop the schema that stands beside the live one."""
    row = _row(rewind)
    service.check_may(row, "discard")
    schema = row.other_schema
    swapping.drop(preparing.owner_engine(get_settings()), schema)
    service.save(row, status=RewindStatus.DISCARDED, finished_at=datetime.now(UTC))
    record_operation("tenant.rewind.discard", schema, tenant=row.tenant, actor=run.actor)
    run.log(f"{schema} was dropped")
    return {"dropped": schema}


@job(
    "tenants.sweep_rewinds",
    title="Clear what a broken rewind left",
    queue="default",
    permission=RUN,
    lock="tenants.sweep_rewinds",
    timeout=300,
    quiet=True,
)
def sweep(_run: Run) -> dict[str, object]:
    """Drop schemas and scratch servers of rewinds whose worker died (every 60 s)."""
    settings = get_settings()
    return dict(settling.sweep(preparing.owner_engine(settings), settings))


def _row(rewind_id: int) -> Rewind:
    """The row on no session: a job takes long, and nothing may stay open meanwhile."""
    with control_transaction() as session:
        return queries.get_rewind(session, rewind_id)


def _swap(run: Run, row: Rewind, incoming: str, outgoing: str) -> Swapped:
    exchange = Exchange(row.live_schema, incoming, outgoing, get_tenant(row.tenant).role)
    return swapping.swap(preparing.owner_engine(get_settings()), exchange, run.check_cancelled)


def _after(run: Run, row: Rewind, action: str, done: Swapped) -> dict[str, object]:
    run.log(f"swapped in {done.ms:.1f} ms at attempt {done.attempt}")
    if done.put_off:
        run.log(f"{done.put_off} openings of sealed bids were put off to the later date")
    result = {"swap_ms": round(done.ms, 1), "attempt": done.attempt, "openings_put_off": done.put_off}
    record_operation(action, row.live_schema, tenant=row.tenant, actor=run.actor, **result)
    started = time.monotonic()
    preparing.compare(row, preparing.owner_engine(get_settings()), run)
    return {**result, "compared_seconds": round(time.monotonic() - started, 1)}
