"""Every timed job, in one list, and the process that fires them: `python -m dashboard.schedule`.

To time a job add one line. `every` is in seconds; a cron line is read in `zone` (UTC unless said otherwise).
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from dashboard.alerts.deadman import ping_if_due
from dashboard.alerts.deliveries.jobs import deliver_if_missed
from dashboard.alerts.jobs import evaluate_if_missed
from dashboard.app import create_app
from dashboard.core.config import Settings
from dashboard.health.alerting import look_at_broker
from dashboard.jobs import timing
from dashboard.jobs.broker import RedisError
from dashboard.jobs.pace import pace
from dashboard.jobs.relay import relay_once
from dashboard.jobs.slots import Schedule
from dashboard.metrics.resident import keep_sampling

SCHEDULES: tuple[Schedule, ...] = (
    Schedule("health.activity", "health.probe_activity", "Read sessions, waits, Redis and disk", every=10),
    Schedule("alerts.evaluate", "alerts.evaluate", "Judge the alert rules", every=10),
    Schedule("alerts.deliver", "alerts.deliver", "Send alerts by mail and webhook", every=10),
    Schedule("backups.look_at_wal", "backups.look_at_wal", "Look for gaps in the repository's WAL", every=10),
    Schedule("replication.probe", "replication.probe", "Read replication", every=10),
    Schedule("replication.settings", "replication.check_settings", "Check the servers' settings", every=30),
    Schedule("metrics.minute", "metrics.sample_minute", "Sample what is read every minute", every=60),
    Schedule("metrics.quarter", "metrics.sample_quarter", "Sample what is read every 15 minutes", every=900),
    Schedule("metrics.roll_up", "metrics.roll_up", "Roll figures up", every=60),
    Schedule("metrics.keep", "metrics.keep_partitions", "Keep the partitions of figures", every=3600),
    Schedule("backups.rpo", "backups.measure_rpo", "Measure what would be lost now", every=10),
    Schedule("health.statements", "health.probe_statements", "Read slow queries", every=60),
    Schedule("actions.look_after", "actions.look_after", "Open maintenance windows", every=60),
    Schedule("health.inventory", "health.probe_inventory", "Read sizes, extensions and settings", every=900),
    Schedule("health.minute", "health.probe_minute", "Read log, encryption, queues and files", every=60),
    Schedule("health.storage", "health.probe_storage", "Read tables, indexes and sequences", every=900),
    Schedule("health.bloat", "health.probe_bloat", "Measure bloat", every=21_600),
    Schedule("health.certificates", "health.probe_certificates", "Read certificates", every=3600),
    Schedule("schema_migrations.heads", "schema_migrations.read_heads", "Read migration heads", every=60),
    Schedule("schema_migrations.drift", "schema_migrations.look_for_drift", "Look for drift", every=3600),
    Schedule("schema_migrations.moved", "schema_migrations.look_at_moved", "Read moved schemas", every=60),
    Schedule("rehearsal.keep", "rehearsal.keep", "Clear away after rehearsals that died", every=60),
    # Barman needs its cron every minute: it keeps receive-wal alive and enforces retention.
    Schedule("backups.cron", "backups.cron", "Let Barman do its minute's work", every=60),
    Schedule("backups.catalogue", "backups.sync_catalogue", "Read the backup catalogue", every=60),
    Schedule("backups.keeping", "backups.review_keeping", "Read how backups are kept", every=60),
    Schedule("backups.verify", "backups.verify", "Verify the backup seen longest ago", cron="50 3 * * *"),
    Schedule("backups.offsite", "backups.copy_offsite", "Copy backups off-site", every=300),
    Schedule("backups.offsite_proof", "backups.prove_offsite", "Restore from off-site", cron="30 4 * * 6"),
    Schedule("backups.hourly", "backups.back_up", "Hourly backup", cron="5 * * * *", setting="backups.every"),
    Schedule(
        "backups.drill",
        "backups.drill",
        "Restore drill",
        cron="30 2 * * 0",
        setting="drills.every",
    ),
    Schedule("backups.keep_drills", "backups.keep_drills", "Clear away after drills that died", every=60),
    Schedule(
        "failover.rehearse",
        "failover.rehearse",
        "Rehearse a failover",
        cron="0 5 1 1,4,7,10 *",
        setting="failover.every",
    ),
    Schedule("failover.keep", "failover.keep", "Clear away after failovers that died", every=60),
    Schedule("failover.patroni", "failover.read_patroni", "Read Patroni", every=20),
    Schedule("backups.canary", "backups.write_canary", "Write the clocked row of drills", every=60),
    Schedule("backups.sweep_restores", "backups.sweep_restores", "Tidy up scratch servers", every=60),
    Schedule(
        "copies.daily",
        "backups.copy_daily",
        "Make the daily copies",
        cron="30 2 * * *",
        setting="copies.every",
    ),
    Schedule("tenants.inspect", "tenants.inspect", "Check and size all tenants", every=900),
    Schedule("tenants.isolation", "tenants.try_isolation", "Try to get out of each tenant", every=900),
    Schedule("tenants.keep_spares", "tenants.keep_spares", "Keep schemas for new tenants ready", every=60),
    Schedule("tenants.sweep_rewinds", "tenants.sweep_rewinds", "Clear what a broken rewind left", every=60),
    Schedule("tenants.sweep_archives", "tenants.sweep_archives", "Settle broken work on tenants", every=60),
    Schedule("insights.refresh", "insights.refresh", "Bring the KPIs up to date", every=60),
    Schedule("insights.mail", "insights.mail", "Send insights by mail", every=60),
    Schedule("insights.headlines", "insights.headlines", "Read figures of all tenants", every=900),
    Schedule("tenants.keep_partitions", "tenants.keep_partitions", "Keep partitions of tenants", every=3600),
    Schedule("tenants.archive", "tenants.archive_history", "Put old history away", cron="10 1 * * *"),
    Schedule("files.clean_up", "files.clean_up", "Remove files that belong to no record", cron="40 3 * * *"),
    Schedule("sourcing.keep", "sourcing.keep", "Open sealed bids, remind suppliers, deliver mails", every=60),
    Schedule(
        "suppliers.duplicates",
        "suppliers.find_duplicates",
        "Look for duplicate suppliers",
        cron="40 1 * * *",
    ),
    Schedule("compliance.judge", "compliance.judge", "Judge all promises", every=60),
    Schedule("compliance.look", "compliance.look", "Look at sessions, logins and history", every=300),
    Schedule("compliance.follow", "compliance.follow", "Follow the chains of evidence", every=900),
    Schedule("compliance.report", "compliance.report", "Monthly report of promises", cron="0 6 1 * *"),
    Schedule("jobs.prune", "jobs.prune", "Forget old job runs", cron="20 3 * * *"),
)

log = structlog.get_logger()
TICK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
WATCH_SECONDS = 10.0
Work = Callable[[Flask, threading.Event], None]  # goes on until the event is set


def main() -> None:
    """Fire schedules until INT or TERM, through restarts of the broker and the control database."""
    os.environ["TZ"] = "UTC"  # rq-scheduler and cron lines must not depend on the machine's zone
    time.tzset()
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    serve(create_app(), SCHEDULES, stop, keep_sampling)


def serve(app: Flask, schedules: tuple[Schedule, ...], stop: threading.Event, *more: Work) -> None:
    """Tick, relay, watch, tell and do what `more` does until `stop` is set."""
    beside = [
        threading.Thread(target=work, args=(app, stop), name=work.__name__.strip("_"), daemon=True)
        for work in (_relay, _watch, _tell, *more)
    ]
    for thread in beside:
        thread.start()
    with app.app_context():
        _tick(schedules, stop)
    for thread in beside:
        thread.join(timeout=10)


def _tick(schedules: tuple[Schedule, ...], stop: threading.Event) -> None:
    is_synced, wait = False, TICK_SECONDS
    while not stop.is_set():
        try:
            if not is_synced:
                timing.sync(schedules)
                is_synced = True
            timing.tick()
            wait = TICK_SECONDS
        except (RedisError, SQLAlchemyError) as error:
            wait = min(wait * 2, LONGEST_PAUSE_SECONDS)
            log.warning("schedule_waits", seconds=wait, error=str(error))
        stop.wait(wait)


def _relay(app: Flask, stop: threading.Event) -> None:
    with app.app_context():
        while not stop.is_set():
            relay_once()
            stop.wait(pace().relay)


def _watch(app: Flask, stop: threading.Event) -> None:
    """Judge the alert rules here while no job does it: the broker and the workers are watched, too."""
    settings: Settings = app.extensions["steward_settings"]
    with app.app_context():
        while not stop.wait(WATCH_SECONDS):
            evaluate_if_missed(lambda: look_at_broker(settings))


def _tell(app: Flask, stop: threading.Event) -> None:
    """Ping the outside, and send alerts while no job does. Apart from the watch: a receiver may be slow."""
    settings: Settings = app.extensions["steward_settings"]
    with app.app_context():
        while not stop.wait(WATCH_SECONDS):
            ping_if_due(settings)
            deliver_if_missed()


if __name__ == "__main__":
    main()
