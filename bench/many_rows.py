"""Owns the measuring of a change of many rows: one transaction, one change set, then taken back."""

import os
import time
from contextlib import closing

import psutil
import psycopg2

from bench.load import Loaded
from bench.stage import Stage

ROWS = 100_000
MEGABYTE = 1024 * 1024


def measure(stage: Stage, loaded: Loaded, tenant: str) -> None:
    """Change a field of up to 100,000 suppliers and undo it, and print what each took."""
    from dashboard.app import create_app  # noqa: PLC0415  # reads the environment the stage has set
    from dashboard.changes import service as changes  # noqa: PLC0415
    from dashboard.records import bulk_work, registry, saved_views  # noqa: PLC0415
    from dashboard.records.bulk import Selection  # noqa: PLC0415
    from dashboard.tenancy.queries import get_tenant  # noqa: PLC0415
    from dashboard.tenancy.scope import use_tenant  # noqa: PLC0415

    rows = min(ROWS, loaded.rows)
    floor = _bare_update(stage, loaded, rows)
    print(f"\nOne field of {rows:,} rows; a bare UPDATE with its history: {floor:.1f} s", flush=True)
    with create_app().app_context(), use_tenant(get_tenant(tenant), actor="bench@example.com") as session:
        screen = registry.by_entity()["supplier"]
        query = f"id__to={rows}"
        selection = Selection((), query, everything=True, state=saved_views.read_state(screen.spec, query))
        order = bulk_work.Order("set", selection, "region", "Bench")
        before, start = _memory(), time.perf_counter()
        outcome = bulk_work.carry_out(session, screen.spec, order)
        session.commit()
        taken, grown = time.perf_counter() - start, _memory() - before
        print(f"  changed as one unit: {taken:.1f} s, +{grown:.0f} MB", flush=True)
        start = time.perf_counter()
        result = changes.undo(session, outcome.change_set_id or 0, actor="bench@example.com")
        session.commit()
        print(f"  undone: {time.perf_counter() - start:.1f} s", flush=True)
    if (outcome.done, result.restored) != (rows, rows):
        raise RuntimeError(f"{outcome.done} rows changed and {result.restored} restored of {rows}")


def _bare_update(stage: Stage, loaded: Loaded, rows: int) -> float:
    """Seconds of the same change as one UPDATE, rolled back."""
    with closing(psycopg2.connect(stage.database)) as link, link.cursor() as at:
        at.execute(f"SET search_path TO {loaded.schema}, public")
        start = time.perf_counter()
        at.execute(
            "UPDATE supplier SET region = 'Floor', version = version + 1, updated_at = now() WHERE id <= %s",
            (rows,),
        )
        taken = time.perf_counter() - start
        link.rollback()
        return taken


def _memory() -> float:
    return float(psutil.Process(os.getpid()).memory_info().rss) / MEGABYTE
