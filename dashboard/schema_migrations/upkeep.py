"""Says what is due on the long run: squashing old revisions, and a newer PostgreSQL before support ends."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import ACTIVITY
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.models import SchemaHead
from dashboard.schema_migrations.revisions import distances, list_revisions

SQUASH_AFTER = 50  # revisions behind every schema: a new tenant and every test run go through each of them
WARN_DAYS = 365  # an upgrade of the major version is planned, rehearsed and done within a year
# https://www.postgresql.org/support/versioning/: five years, to a Thursday of November.
SUPPORT_ENDS = {
    12: date(2024, 11, 14),
    13: date(2025, 11, 13),
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}


@dataclass(frozen=True)
class Notice:
    """Something due: `level` is note, warning or danger; `runbook` the file that says how."""

    rule: str
    level: str
    title: str
    text: str
    runbook: str


def due(revisions: Iterable[str | None] | None = None, today: date | None = None) -> list[Notice]:
    """Return what is due, the worst first. Reads rows only; pages may call it.

    `revisions` are those the schemas stand at, where the caller has them already (else the ledger is read).
    """
    standing = set(revisions) if revisions is not None else _standing()
    notices = [*_of_server(today or datetime.now(UTC).date()), *_of_squash(squash_due(standing))]
    return sorted(notices, key=lambda notice: ("danger", "warning", "note").index(notice.level))


def _standing() -> set[str | None]:
    return set(db.session.scalars(select(SchemaHead.revision).distinct()))


def squash_due(standing: Iterable[str | None], history: History = History.TENANT) -> int:
    """Return how many revisions lie before the oldest that any schema stands at: nobody will run them again.

    0 while a schema was never migrated or stands at a revision this code does not know.
    """
    behind = distances(history)
    found = set(standing)
    if not found or None in found or not found <= behind.keys():
        return 0
    return len(list_revisions(history)) - 1 - max(behind[revision] for revision in found)


def _of_squash(old: int) -> list[Notice]:
    if old < SQUASH_AFTER:
        return []
    text = (
        f"{old} revisions lie behind every schema. New databases, tests and rehearsals run each of them;"
        " squash them into one."
    )
    return [Notice("squash", "note", "Old revisions can be squashed.", text, "docs/runbooks/squash.md")]


def _of_server(today: date) -> list[Notice]:
    major = server_major()
    ends = SUPPORT_ENDS.get(major) if major else None
    if major is None or ends is None or (ends - today).days > WARN_DAYS:
        return []
    left = (ends - today).days
    text = (
        f"The last fixes came on {ends}: holes found since stay open. Upgrade now."
        if left < 0
        else f"The last fixes come on {ends}, in {left} days. Plan the upgrade and rehearse it on a restore."
    )
    level = "danger" if left < 0 else "warning"
    title = f"Support of PostgreSQL {major} {'has ended' if left < 0 else 'ends'}."
    return [Notice("server-support", level, title, text, "docs/runbooks/major-upgrade.md")]


def server_major() -> int | None:
    """Return the major version of the server as last read; None before the first reading."""
    reading = get_reading(ACTIVITY)
    version = str(((reading.data if reading else {}).get("server") or {}).get("version", ""))
    digits = version.partition(".")[0].partition(" ")[0]
    return int(digits) if digits.isdigit() else None
