"""Jobs of Patroni: read it, and ask it for what a person wants."""

from dataclasses import asdict

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings, get_settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, UnavailableError
from dashboard.failover import queries, service
from dashboard.failover.models import Kind, Status
from dashboard.failover.patroni import client, driving, watching
from dashboard.failover.patroni.client import Patroni, PatroniError
from dashboard.failover.service import Journal
from dashboard.health.connection import libpq_url
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

RUN = "database.failover.run"
PAUSE, RESUME, CANCEL, REINITIALIZE = "pause", "resume", "cancel", "reinitialize"
KINDS = {driving.SWITCHOVER: Kind.SWITCHOVER, driving.FAILOVER: Kind.PROMOTION}


@job(
    "failover.read_patroni",
    title="Read Patroni",
    queue="probes",
    permission="database.failover.view",
    lock="failover.read_patroni",
    timeout=60,
    quiet=True,
)
def read_patroni(_run: Run) -> dict[str, object]:
    """Read Patroni's REST API, where one is configured (every 20 s)."""
    view = watching.refresh(get_settings())
    db.session.commit()
    return {"members": len(view.nodes) if view else None}


@job(
    queries.PATRONI,
    title="Ask Patroni",
    queue="urgent",
    permission=RUN,
    lock=queries.PATRONI,
    timeout=900,
)
def drive_patroni(run: Run, *, action: str, member: str = "", reason: str = "") -> dict[str, object]:
    """Switch over, fail over, reinitialize, pause, resume, or take a scheduled switchover back."""
    settings = get_settings()
    patroni = client.of_settings(settings.patroni_url, settings.patroni_options)
    record_operation(f"patroni.{action}", target=member, actor=run.actor, reason=reason)
    try:
        if action in KINDS:
            return _change(run, settings, patroni, action, member, reason)
        return _wish(run, patroni, action, member)
    except PatroniError as error:
        raise UnavailableError("Patroni", str(error)) from error
    finally:
        watching.refresh(settings)
        db.session.commit()


def _change(
    run: Run, settings: Settings, patroni: Patroni, action: str, member: str, reason: str
) -> dict[str, object]:
    row = service.open_run(
        KINDS[action], actor=run.actor, run_id=run.id, reason=reason, provider="patroni", to_server=member
    )
    journal = Journal(row, run.log)
    dsn = libpq_url(settings.database_direct_url)
    try:
        made = driving.drive(patroni, action, member, dsn, journal, run.check_cancelled)
    except BaseException as error:
        words = f"{error.message} {error.fix}".strip() if isinstance(error, DashboardError) else str(error)
        service.close(row, Status.FAILED if isinstance(error, DashboardError) else Status.BROKEN, words)
        raise
    outage = None if made.outage_seconds is None else round(1000 * made.outage_seconds, 1)
    service.save(
        row,
        from_server=made.from_node,
        timeline_before=made.timeline_before,
        timeline_after=made.timeline_after,
        outage_ms=outage,
        lost_rows=made.lost_rows,
        lost_bytes=0 if made.lost_rows == 0 else None,
    )
    service.note(row, patroni=asdict(made), promised_ms=queries.read_promises().outage_ms)
    service.close(row, Status.DONE, made.note)
    run.log(driving.in_words(made))
    return {"failover": row.id, "outage_ms": outage, "lost_rows": made.lost_rows}


def _wish(run: Run, patroni: Patroni, action: str, member: str) -> dict[str, object]:
    view = patroni.look()
    if action in {PAUSE, RESUME}:
        said = patroni.pause(wanted=action == PAUSE)
    elif action == CANCEL:
        said = patroni.cancel_scheduled()
    elif action == REINITIALIZE:
        node = view.find(member)
        if node is None or node.is_leader:
            raise ConflictError(f"{member} is no standby of Patroni.")
        said = patroni.reinitialize(node)
        run.log(f"Patroni: {said}")
        said = driving.wait_until_streaming(patroni, member, run)
    else:
        raise ConflictError(f"Patroni cannot be asked for {action}.")
    run.log(f"Patroni: {said}")
    return {"said": said}
