"""The promises and limits of backups that are settings: the business owns them, not the code."""

from dashboard.jobs.timing import retime
from dashboard.settings.registry import Definition, declare, when_changed

PROMISES, KEEPING, DRILLS = "Backups: promises", "Backups: keeping", "Restore drills"
HOUR, DAY = 3600, 86_400

declare(
    Definition(
        "backups.rpo_seconds",
        PROMISES,
        "RPO: lose at most",
        HOUR,
        kind="length",
        least=10,
        most=7 * DAY,
        text="The most recent work that may be lost when the primary is lost.",
    ),
    Definition(
        "backups.rto_seconds",
        PROMISES,
        "RTO: back within",
        4 * HOUR,
        kind="length",
        least=60,
        most=14 * DAY,
        text="The longest it may take from the decision to restore until people work again.",
    ),
    Definition(
        "backups.late_seconds",
        PROMISES,
        "A backup is late after",
        3 * HOUR,
        kind="length",
        least=600,
        most=30 * DAY,
        text="The newest backup may be this old; older ones make a restore replay more WAL.",
    ),
    Definition(
        "backups.every",
        PROMISES,
        "Backups are made",
        "5 * * * *",
        kind="cron",
        text="When a backup is made by itself; a change holds after the run that is already planned.",
    ),
    Definition(
        "backups.full_every_hours",
        PROMISES,
        "A full backup every",
        24,
        unit="hours",
        least=1,
        most=24 * 31,
        text="Between two full backups the others are incremental (PostgreSQL 17 and newer).",
    ),
    Definition(
        "backups.retention_days",
        KEEPING,
        "Backups are kept for",
        30,
        unit="days",
        least=1,
        most=3650,
        text="How far back a restore must be able to go.",
    ),
    Definition(
        "backups.minimum_redundancy",
        KEEPING,
        "Backups kept at least",
        1,
        unit="backups",
        least=1,
        most=100,
        text="Retention never leaves fewer full backups than these, however old they are.",
    ),
    Definition(
        "backups.verify_every_days",
        KEEPING,
        "A backup is verified every",
        1,
        unit="days",
        least=1,
        most=365,
        text="How old the last passed verification may become before it is called overdue.",
    ),
    Definition(
        "drills.every",
        DRILLS,
        "Drills are made",
        "30 2 * * 0",
        kind="cron",
        text="When a backup is restored by itself, only to prove it; a change holds after the planned run.",
    ),
    Definition(
        "drills.every_days",
        DRILLS,
        "A drill must have passed within",
        8,
        unit="days",
        least=1,
        most=365,
        text="After that the proof counts as old, and the restore time as unproven.",
    ),
)


def follow_schedules() -> None:
    """Let the timed jobs follow the settings that say when they run."""
    when_changed("backups.every", lambda cron: retime("backups.back_up", cron))
    when_changed("drills.every", lambda cron: retime("backups.drill", cron))
