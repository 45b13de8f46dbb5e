"""Makes named restore points: places in the WAL one can restore to, set before something risky."""

import re
from contextlib import closing

import psycopg2
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.backups.restoring.models import RestorePoint
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, InvalidInputError, UnavailableError

# What PostgreSQL takes without cutting it off (MAXFNAMELEN), and a shell or a URL without quoting.
NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")
CONNECT_SECONDS = 10
CREATE = (
    "SELECT made.lsn - '0/0'::pg_lsn, clock_timestamp(), pg_switch_wal() IS NOT NULL"
    " FROM (SELECT pg_create_restore_point(%s) AS lsn) AS made"
)


def check_name(session: Session, name: str) -> None:
    """Raise InvalidInputError or ConflictError for a name that cannot be used."""
    if not NAME.match(name):
        message = "Lower-case letters, digits, dots, hyphens and underscores; at most 63."
        raise InvalidInputError(f"{name or 'An empty text'} is no name. {message}", fields={"name": message})
    if session.scalar(select(RestorePoint.id).where(RestorePoint.name == name)) is not None:
        message = f"There is already a restore point called {name}."
        raise ConflictError(message, fields={"name": message})


def create_point(session: Session, settings: Settings, *, name: str, reason: str, actor: str) -> RestorePoint:
    """Write a restore point into the primary's WAL, close that WAL file so that it is archived, remember it.

    The caller commits. Raises UnavailableError when the primary or the backup login is not there.
    """
    check_name(session, name)
    if settings.backup_url is None:
        message = "There is no login that may create restore points: STEWARD_BACKUP_URL is not set."
        raise UnavailableError("the backup login", message)
    url = settings.backup_url.replace("postgresql+psycopg2://", "postgresql://", 1)
    try:
        with closing(psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)) as link, link.cursor() as at:
            at.execute(CREATE, (name,))
            position, made_at, _ = at.fetchone() or (0, None, None)
    except psycopg2.Error as error:
        raise UnavailableError("the primary", f"The restore point was not made: {error}") from error
    point = RestorePoint(name=name, position=int(position), reason=reason, actor=actor, created_at=made_at)
    session.add(point)
    session.flush()
    return point


def list_points(session: Session, *, limit: int = 50) -> list[RestorePoint]:
    """Return the newest restore points."""
    return list(session.scalars(select(RestorePoint).order_by(RestorePoint.created_at.desc()).limit(limit)))
