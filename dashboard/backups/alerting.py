"""Conditions over backups: the archiver, gaps, age, failures, proofs. Barman's stream is in replication."""

from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at, listed
from dashboard.backups import queries
from dashboard.backups.drills.models import Drill, Outcome, Verification
from dashboard.backups.models import Backup
from dashboard.backups.reviewing import failed_checks
from dashboard.backups.rpo import ARCHIVE, Measurement, at_risk, parse
from dashboard.backups.rpo import EVERY_SECONDS as RPO_SECONDS
from dashboard.backups.rpo import READING as RPO
from dashboard.backups.service import EVERY_SECONDS as CATALOGUE_SECONDS
from dashboard.backups.watching.service import EVERY_SECONDS
from dashboard.backups.watching.service import READING as WAL
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.filters import duration
from dashboard.health.alerting import trusted
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import ACTIVITY, FAST
from dashboard.settings import queries as settings

FAST_PACE = 0.1  # as the dials on the backups page call it
ENOUGH = 3  # measurements that tell a pace


def _settings() -> Settings:
    found: Settings = current_app.extensions["steward_settings"]
    return found


def _uses_barman() -> bool:
    return _settings().barman_config is not None


def _archiver() -> dict[str, Any] | Unknown:
    reading = trusted(ACTIVITY, "The archiver of the primary")
    return reading if isinstance(reading, Unknown) else reading.values.get("archiver") or {}


@condition("backups.archiver_failing", every=FAST)
def archiver_failing(_watch: Watch) -> Answer:
    """The newest attempt of archive_command failed."""
    found = _archiver()
    if isinstance(found, Unknown):
        return found
    failed, archived = found.get("last_failed_at"), found.get("last_archived_at")
    if not failed or (archived and archived >= failed):
        return []
    return [
        Breach(
            "",
            f"archive_command last failed at {at(failed)} on {found['last_failed_wal']},"
            f" {found['failed']} times in all. Last archived: {found['last_archived_wal'] or 'nothing'},"
            f" at {at(archived)}. {found['waiting_files']} files wait.",
        )
    ]


@condition("backups.archive_queue_long", every=FAST)
@condition("backups.archive_queue_very_long", every=FAST)
def archive_queue(watch: Watch) -> Answer:
    """As many WAL files as the limit, or more, wait to be archived."""
    found = _archiver()
    if isinstance(found, Unknown):
        return found
    waiting = found.get("waiting_files", 0)
    if waiting < watch.limit:
        return []
    return [
        Breach("", f"{waiting} WAL files wait; the last was archived at {at(found.get('last_archived_at'))}.")
    ]


@condition("backups.wal_gap", every=EVERY_SECONDS)
def wal_gap(_watch: Watch) -> Answer:
    """A WAL file is missing between the oldest full backup and the newest file."""
    if not _uses_barman():
        return []
    reading = trusted(WAL, "The repository's WAL")
    if isinstance(reading, Unknown):
        return reading
    found = reading.data
    if not found["missing_count"]:
        return []
    files = "1 WAL file is" if found["missing_count"] == 1 else f"{found['missing_count']} WAL files are"
    return [
        Breach(
            "",
            f"{files} missing from {found['folder']}: {listed(found['missing'])}. The oldest full backup"
            f" {found['backup_id']} begins at {found['begin']}, the newest file is {found['last']}.",
        )
    ]


def _measured() -> Measurement | Unknown:
    reading = trusted(RPO, "What would be lost")
    if isinstance(reading, Unknown):
        return reading
    return parse(reading) or Unknown("What would be lost has not been measured yet.")


@condition("backups.rpo_missed", every=RPO_SECONDS)
def rpo_missed(watch: Watch) -> Answer:
    """On a path back to the data more would be lost than promised, in seconds."""
    found = _measured()
    if isinstance(found, Unknown):
        return found
    risks = {path: at_risk(path, found.primary, found.measured_at) for path in found.paths}
    unknown = [path for path, seconds in risks.items() if path.key == ARCHIVE and seconds is None]
    over = [(path, seconds) for path, seconds in risks.items() if seconds and seconds > watch.limit]
    if unknown and not over:
        return Unknown(unknown[0].reason)
    return [
        Breach(
            path.title,
            f"{path.title}: {duration(seconds)} of work would be lost, {duration(watch.limit)} is promised."
            f" All is safe until {at(path.safe_until_at)}. {path.reason}".rstrip(),
        )
        for path, seconds in over
    ]


@condition("backups.rpo_burning", every=RPO_SECONDS)
def rpo_burning(watch: Watch) -> Answer:
    """More than the limit is at risk in the archive, in seconds, and it grows with the clock."""
    found = _measured()
    if isinstance(found, Unknown):
        return found
    path = next(path for path in found.paths if path.key == ARCHIVE)
    seconds = at_risk(path, found.primary, found.measured_at)
    if seconds is None:
        return Unknown(path.reason)
    pace = _pace(found.trail)
    if seconds <= watch.limit or pace < FAST_PACE:
        return []
    left = float(settings.value("backups.rpo_seconds")) - seconds
    ends = f"the promise is broken in {duration(left / pace)}" if left > 0 else "the promise is broken"
    return [Breach("", f"{duration(seconds)} of work is at risk and nothing gets safe: so {ends}.")]


def _pace(trail: list[dict[str, Any]]) -> float:
    """Return by how many seconds the loss grows in a second: 1 when nothing gets safe any more."""
    known = [row for row in trail if row["safe_until_at"]]
    if len(known) < ENOUGH:
        return 0.0
    begin, end = (datetime.fromisoformat(row["at"]) for row in (known[0], known[-1]))
    passed = (end - begin).total_seconds()
    gained = (known[-1]["safe_until_at"] - known[0]["safe_until_at"]).total_seconds()
    return (passed - gained) / passed if passed > 0 else 0.0


@condition("backups.repository_away", every=CATALOGUE_SECONDS)
def repository_away(_watch: Watch) -> Answer:
    """Barman, or its folder, cannot be read."""
    failing = [reading for key in (queries.REPOSITORY, WAL) if (reading := get_reading(key))]
    failing = [reading for reading in failing if reading.is_failing]
    if not failing:
        return []
    return [Breach("", f"{failing[0].error} It was last read at {at(failing[0].taken_at)}.")]


@condition("backups.checks_failing", every=CATALOGUE_SECONDS)
def checks_failing(_watch: Watch) -> Answer:
    """One of Barman's own checks fails."""
    if not _uses_barman():
        return []
    reading = trusted(queries.REPOSITORY, "The backup repository")
    if isinstance(reading, Unknown):
        return reading
    names = failed_checks(reading)
    return [Breach("", f"barman check says no to: {listed(names, 5)}.")] if names else []


@condition("backups.too_old", every=0)
def too_old(watch: Watch) -> Answer:
    """The newest backup ended longer ago than the limit, or there is none."""
    newest = queries.find_newest(_settings().backup_server)
    if newest is None:
        return _no_backup_yet()
    if newest.end_at is None or watch.now - newest.end_at <= timedelta(seconds=watch.limit):
        return []
    age, limit = duration(watch.now - newest.end_at), duration(watch.limit)
    return [Breach("", f"The newest backup {newest.backup_id} ended {age} ago; {limit} is promised.")]


def _no_backup_yet() -> Answer:
    reading = queries.get_repository()
    if reading is None or reading.taken_at is None:
        return Unknown("The catalogue of backups has not been read yet.")
    if queries.find_running():
        return Unknown("The first backup is under way.")
    return [Breach("", "There is no backup to restore from.")]


@condition("backups.failed", every=0)
def failed(_watch: Watch) -> Answer:
    """The last backup failed, and none went well since."""
    failure = queries.find_failure(_settings().backup_server)
    return [Breach("", f"{at(failure.at)}: {failure.reason}")] if failure else []


@condition("backups.verification_failed", every=0)
def verification_failed(_watch: Watch) -> Answer:
    """The last verification of a backup that is still there failed."""
    newest = (
        select(Verification)
        .ext(distinct_on(Verification.backup_id))
        .join(Backup, (Backup.server == Verification.server) & (Backup.backup_id == Verification.backup_id))
        .where(Verification.server == _settings().backup_server, Backup.gone_at.is_(None))
        .order_by(Verification.backup_id, Verification.at.desc(), Verification.id.desc())
    )
    return [
        Breach(row.backup_id, f"{at(row.at)}, by {row.method}: {row.broken_file} {row.reason}".rstrip())
        for row in db.session.scalars(newest)
        if not row.passed
    ]


@condition("backups.verification_overdue", every=0)
def verification_overdue(watch: Watch) -> Answer:
    """No verification has passed for longer than the limit, in days."""
    passed = select(func.max(Verification.at)).where(
        Verification.server == _settings().backup_server, Verification.passed
    )
    return _overdue(db.session.scalar(passed), watch, "verification of a backup")


@condition("drills.backup_broken", every=0)
def drill_failed(_watch: Watch) -> Answer:
    """The last drill says that the backup is broken."""
    return _last_drill(Outcome.BACKUP_BROKEN)


@condition("drills.drill_broken", every=0)
def drill_broken(_watch: Watch) -> Answer:
    """The last drill broke by itself and proves nothing."""
    return _last_drill(Outcome.DRILL_BROKEN)


def _last_drill(outcome: Outcome) -> Answer:
    judged = (Outcome.PASSED, Outcome.BACKUP_BROKEN, Outcome.DRILL_BROKEN)
    query = select(Drill).where(Drill.server == _settings().backup_server, Drill.outcome.in_(judged))
    last = db.session.scalar(query.order_by(Drill.started_at.desc(), Drill.id.desc()).limit(1))
    if last is None or last.outcome != outcome:
        return []
    what = f"Drill {last.id} of {last.backup_id or 'the newest backup'}, {at(last.finished_at)}"
    return [Breach("", f"{what}: {last.broken_file} {last.reason}".rstrip())]


@condition("drills.overdue", every=0)
def drill_overdue(watch: Watch) -> Answer:
    """No drill has passed for longer than the limit, in days."""
    passed = select(func.max(Drill.finished_at)).where(
        Drill.server == _settings().backup_server, Drill.outcome == Outcome.PASSED
    )
    return _overdue(db.session.scalar(passed), watch, "drill")


def _overdue(passed_at: datetime | None, watch: Watch, what: str) -> Answer:
    """Count from the last that passed; before the first, from the first backup: until then none is due."""
    since = passed_at or db.session.scalar(
        select(func.min(Backup.end_at)).where(Backup.server == _settings().backup_server)
    )
    if since is None or watch.now - since <= timedelta(days=watch.limit):
        return []
    last = f"passed at {at(passed_at)}" if passed_at else "has never passed"
    return [Breach("", f"A {what} last {last}." if passed_at else f"A {what} {last}.")]
