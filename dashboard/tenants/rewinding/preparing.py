"""The long way of a rewind: restore, load beside the live schema, compare; or leave nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.models import Restore, RestoreStatus, Target
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.jobs.run import Run, RunCancelledError, RunStoppedError
from dashboard.jobs.store import control_transaction
from dashboard.servers.binaries import postgres_bin
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.rewinding import comparing, loading, service, swapping
from dashboard.tenants.rewinding.loading import Loaded, Passage, engine_of
from dashboard.tenants.rewinding.models import Rewind, RewindStatus
from dashboard.tenants.rewinding.naming import beside_name
from dashboard.tenants.rewinding.tools import Tools

log = structlog.get_logger()
# Of the whole bar: the restore, then the load, then the comparison.
RESTORED, LOADED, ALL = 70, 85, 100


class _Share:
    """A run whose progress is part of a longer one."""

    def __init__(self, run: Run, begin: int, end: int) -> None:
        self.run = run
        self.begin, self.end = begin, end

    def check_cancelled(self) -> None:
        self.run.check_cancelled()

    def log(self, text: str) -> None:
        self.run.log(text)

    def progress(self, done: int, total: int, text: str = "") -> None:
        share = (self.end - self.begin) * min(done, total) // max(total, 1)
        self.run.progress(self.begin + share, ALL, text)


def prepare(run: Run, rewind: Rewind, tenant: TenantRef, settings: Settings) -> None:
    """Do all of it. Whatever goes wrong leaves nothing but the row with its reason."""
    if rewind.status != RewindStatus.PREPARING:
        raise ConflictError(f"Rewind {rewind.id} is {rewind.status}.", fix="Begin a new one.")
    service.save(rewind, run_id=run.id)
    owner = owner_engine(settings)
    try:
        with _scratch(run, rewind, settings) as then_url:
            loaded = _load(run, rewind, tenant, settings, then_url)
        compare(rewind, owner, _Share(run, LOADED, ALL))
        _finish(rewind, loaded)
    except BaseException as error:
        _give_up(rewind, owner, settings, _reason(error))
        raise
    run.progress(ALL, ALL, "Ready: nothing of the live tenant has changed")


@contextmanager
def _scratch(run: Run, rewind: Rewind, settings: Settings) -> Iterator[str]:
    """The whole cluster as it was then, on a scratch server; it is taken down at the end."""
    run.progress(0, ALL, "Choosing the backup")
    target = TargetSpec(Target.TIME, rewind.target_at)
    with control_transaction() as session:
        restore = restoring.plan(
            session, settings, purpose="tenant", target=target, actor=run.actor, run_id=run.id
        )
    db.session.commit()  # planning read with it, and nothing may stay open for the hours that follow
    service.save(rewind, restore_id=restore.id)
    server = restoring.bring_back(restore, settings, _Share(run, 0, RESTORED))
    try:
        service.save(rewind, reached_at=restore.reached_at)
        yield server.url(make_url(settings.database_direct_url).database or "")
    finally:
        take_down(restore.id)


def _load(run: Run, rewind: Rewind, tenant: TenantRef, settings: Settings, then_url: str) -> Loaded:
    passage = Passage(
        then_url,
        settings.database_direct_url,
        tenant.schema,
        rewind.beside_schema,
        tenant.role,
        application_of(rewind),
        folder_of(rewind, settings),
        settings.database_sslmode,
    )
    done = iter(range(len(loading.PHASES)))
    share = _Share(run, RESTORED, LOADED)

    def on_phase(name: str) -> None:
        run.log(f"Beside the live schema: {name}.")
        share.progress(next(done), len(loading.PHASES), f"Beside the live schema: {name}")

    return loading.load(passage, Tools(programs(settings), run.check_cancelled), on_phase)


def compare(rewind: Rewind, owner: Engine, hooks: Any) -> None:
    """Compare table by table and keep the counts in the row."""
    found = []
    for done, total, difference in comparing.compare(owner, rewind.live_schema, rewind.other_schema):
        hooks.progress(done, total, f"Comparing {difference.table}")
        found.append(comparing.as_stored(difference))
    service.save(rewind, differences=found, compared_at=datetime.now(UTC))


def _finish(rewind: Rewind, loaded: Loaded) -> None:
    shared = [f"Shared rows put back into {table}: {n}." for table, n in loaded.shared_rows.items()]
    back = [f"Sequences set back to where they stood: {loaded.sequences}."] if loaded.sequences else []
    service.save(
        rewind,
        status=RewindStatus.READY,
        ready_at=datetime.now(UTC),
        notes=[*shared, *back, *loaded.notes],
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, RunCancelledError):
        return "Cancelled."
    if isinstance(error, RunStoppedError):
        return "Its worker was stopped in the middle."
    if isinstance(error, DashboardError):
        return f"{error.message} {error.fix}".strip()
    return str(error) or type(error).__name__


def _give_up(rewind: Rewind, owner: Engine, settings: Settings, reason: str) -> None:
    """Leave nothing; what cannot be removed now is removed by the sweep."""
    service.save(rewind, status=RewindStatus.FAILED, reason=reason, finished_at=datetime.now(UTC))
    try:
        clear(rewind, owner, settings)
    except (SQLAlchemyError, DashboardError, OSError) as error:
        log.warning("rewind_not_cleared", rewind=rewind.id, error=str(error))


def clear(rewind: Rewind, owner: Engine, settings: Settings) -> bool:
    """Remove what a rewind that failed may have left: sessions, schema, dump, scratch server."""
    names = {beside_name(rewind.live_schema, rewind.id)}
    swapping.end_sessions(owner, application_of(rewind))
    left = swapping.existing(owner, names)
    for schema in left:
        swapping.drop(owner, schema)
    shutil.rmtree(folder_of(rewind, settings), ignore_errors=True)
    gone = take_down(rewind.restore_id) if rewind.restore_id else False
    return bool(left) or gone


def take_down(restore_id: int) -> bool:
    """Take the scratch server of a rewind down; False when that was done before."""
    with control_transaction() as session:
        restore = session.get(Restore, restore_id)
        if restore is None or restore.gone_at is not None or restore.status == RestoreStatus.GONE:
            return False
        restoring.tear_down(session, restore)
    return True


def owner_engine(settings: Settings) -> Engine:
    """The owner login, for connections that carry the name of the time machine."""
    return engine_of(settings.database_direct_url, settings.database_sslmode)


def programs(settings: Settings) -> Path:
    """The folder with pg_dump and pg_restore."""
    return postgres_bin(None, settings.home / "bin", explicit=settings.pg_bin)


def folder_of(rewind: Rewind, settings: Settings) -> Path:
    """The private folder a rewind's dump passes through, on the disk of the restores."""
    return settings.home / "rewinds" / str(rewind.id)


def application_of(rewind: Rewind) -> str:
    """What sessions of a rewind's load call themselves, so that a killed one can be ended."""
    return f"steward-rewind-{rewind.id}"
