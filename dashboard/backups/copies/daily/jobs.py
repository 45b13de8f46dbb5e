"""Jobs: dumps of databases and tenants, copies of files and broker, each proven as it is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.backups.copies import archives, control, dumps, keeping, service
from dashboard.backups.copies.archives import ArchiveError, BrokenArchiveError
from dashboard.backups.copies.dumps import Order
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.setup import TENANTS
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.files.setup import current_setup
from dashboard.files.store import StoreError
from dashboard.jobs import service as jobs
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run, RunStoppedError
from dashboard.servers import ServerError
from dashboard.settings.queries import value
from dashboard.tenancy.queries import get_tenant, list_active, list_standing, list_tenants

RUN = "database.backups.run"
HOURS = 3600
Problems = (ArchiveError, StoreError, ServerError)


@job(
    "backups.dump_database",
    title="Dump the ERP database",
    queue="restores",
    permission=RUN,
    lock="copies:database",
    timeout=12 * HOURS,
)
def dump_database(run: Run) -> dict[str, object]:
    """Dump the whole ERP database and prove the dump by restoring it."""
    return _take(run, dumps.of_database(get_settings()))


@job(
    "backups.dump_tenant",
    title="Dump a tenant",
    queue="restores",
    permission=RUN,
    lock="copies:tenant:{slug}",
    timeout=12 * HOURS,
)
def dump_tenant(run: Run, *, slug: str) -> dict[str, object]:
    """Dump one tenant's schema and prove the dump by restoring it."""
    return _take(run, dumps.of_tenant(get_settings(), get_tenant(slug)))


@job(
    "backups.dump_control",
    title="Dump the control database",
    queue="restores",
    permission=RUN,
    lock="copies:control",
    timeout=2 * HOURS,
)
def dump_control(run: Run) -> dict[str, object]:
    """Dump Steward's own database, with the evidence of drills in it."""
    return _take(run, control.of_control(get_settings()))


@job(
    "backups.copy_broker",
    title="Copy the broker",
    queue="restores",
    permission=RUN,
    lock="copies:broker",
    timeout=HOURS,
)
def copy_broker(run: Run) -> dict[str, object]:
    """Copy the queues and locks as of one moment, and start a server from the copy."""
    copy = keeping.begin_broker(run)
    key = dumps.key_of(copy, "rdb")
    with _recorded(copy):
        made = keeping.copy_broker(key, get_settings(), run)
        keeping.finish_broker(copy, made)
    db.session.commit()
    removed = dumps.forget_old(CopyKind.BROKER, get_settings())
    return _told(copy) | {"removed_by_retention": removed}


@job(
    "backups.copy_files",
    title="Copy the uploaded files",
    queue="restores",
    permission=RUN,
    lock="copies:files",
    timeout=12 * HOURS,
)
def copy_files(run: Run, *, read_all: bool = False) -> dict[str, object]:
    """Copy what is new, and read copies back: new ones at once, each one at least once a week."""
    tenants = list_tenants()
    expected = keeping.expected_hashes(list_active(), run)  # the rows of closed tenants cannot be read
    store = current_setup().store
    copy = keeping.begin_files(store, run)
    with _recorded(copy):
        report = keeping.copy_files(store, tenants, expected, get_settings(), run, read_all=read_all)
        keeping.finish_files(copy, report, get_settings())
    db.session.commit()
    keeping.refuse_damage(report)
    return _told(copy) | {"copied": report.copied, "copied_bytes": report.copied_bytes}


@job(
    "backups.prove_copy",
    title="Prove a copy",
    queue="restores",
    permission=RUN,
    lock="copies:prove:{copy_id}",
    timeout=12 * HOURS,
)
def prove_copy(run: Run, *, copy_id: int) -> dict[str, object]:
    """Fetch a dump again and restore it; one that does not restore stops counting as a backup."""
    copy = db.session.get(BackupCopy, copy_id)
    if copy is None:
        raise NotFoundError("There is no such copy.")
    check = _proof_of(copy, run)
    db.session.commit()
    try:
        check()
    except BrokenArchiveError as error:
        problem = dumps.broken(copy, error)
        db.session.commit()
        raise problem from error
    except (ArchiveError, ServerError) as error:
        raise dumps.not_proven(error) from error
    service.mark_proven(copy, dumps.PROOF)
    return _told(copy)


def _proof_of(copy: BackupCopy, run: Run) -> Callable[[], object]:
    settings, stored = get_settings(), dumps.stored_of(copy)
    if copy.kind == CopyKind.BROKER:
        return lambda: keeping.prove_broker(stored, settings, run)
    sources: dict[str, Callable[[], Order]] = {
        CopyKind.DATABASE: lambda: dumps.of_database(settings),
        CopyKind.CONTROL: lambda: control.of_control(settings),
        CopyKind.TENANT: lambda: dumps.of_tenant(settings, get_tenant(copy.subject)),
    }
    if copy.kind not in sources:
        raise NotFoundError("Such a copy is proven by its own job.")
    source: archives.Source = sources[copy.kind]().source
    return lambda: dumps.prove_again(stored, source, settings, run)


@job("backups.copy_daily", title="Make the daily copies", permission=RUN, lock="copies.daily")
def copy_daily(run: Run) -> dict[str, object]:
    """Ask for every copy; each is a run of its own, so that one that fails holds up no other."""
    for name in ("dump_control", "dump_database", "copy_files", "copy_broker"):
        jobs.enqueue(f"backups.{name}", actor=run.actor)
    tenants = list_standing() if value(TENANTS) else []
    for tenant in tenants:
        jobs.enqueue("backups.dump_tenant", {"slug": tenant.slug}, actor=run.actor)
    return {"asked": 4 + len(tenants)}


def _take(run: Run, order: Order) -> dict[str, object]:
    settings = get_settings()
    copy = dumps.begin(order, run)
    key = dumps.key_of(copy)
    with _recorded(copy):
        made = dumps.make(key, order, settings, run)
        dumps.finish(copy, made)
    db.session.commit()
    removed = dumps.forget_old(order.kind, settings)
    return _told(copy) | {"removed_by_retention": removed}


@contextmanager
def _recorded(copy: BackupCopy) -> Iterator[None]:
    """Keep the row whatever happens: running while it is worked on, then done or failed with the reason."""
    db.session.commit()
    try:
        yield
    except Problems as error:
        problem = dumps.failed(copy, error)
        db.session.commit()
        raise problem from error
    except RunStoppedError:
        service.fail(copy, "It was stopped; what it had written does not count.")
        db.session.commit()
        raise


def _told(copy: BackupCopy) -> dict[str, object]:
    return {
        "copy": copy.id,
        "location": copy.location,
        "size_bytes": copy.size_bytes,
        "sha256": copy.sha256,
    } | {name: count for name, count in copy.details.items() if name != "key"}
