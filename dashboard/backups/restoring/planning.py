"""Decides what a restore starts from: the backup for a target, and whether the disk has room."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from dashboard.backups import queries, reviewing, service
from dashboard.backups.models import RESTORABLE, Backup
from dashboard.backups.restoring.models import RestorePoint, Target
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.core.filters import bytes_
from dashboard.metrics.queries import find_first_after

MIB = 2**20
# Beside data and WAL: what the server writes while it replays, and room for what follows.
MARGIN_SHARE, MARGIN_BYTES = 0.1, 256 * MIB
PLAY = timedelta(seconds=15)
FreeBytes = Callable[[Path], int]


@dataclass(frozen=True)
class TargetSpec:
    """What a restore aims at. `at` carries its zone; `name` is a restore point's."""

    kind: Target = Target.LATEST
    at: datetime | None = None
    name: str = ""


@dataclass(frozen=True)
class Need:
    """What a restore takes: bytes that are written in all, and bytes of disk while it is under way."""

    written: int
    disk: int


def check_target(target: TargetSpec, *, by_reading: bool = True) -> None:
    """Refuse what cannot be restored to. Raises InvalidInputError.

    `by_reading` also asks that the repository reached the moment when it was last read, as pages do; the WAL
    itself, which a restore reads, may be a minute ahead of that.
    """
    if target.kind == Target.POINT:
        find_point(target.name)
        return
    if target.kind == Target.TIME:
        _check_moment(target.at, by_reading=by_reading)


def _check_moment(at: datetime | None, *, by_reading: bool) -> None:
    if at is None:
        raise InvalidInputError("Say to which time to restore.", fields={"at": "A time is needed."})
    if at > datetime.now(UTC):
        raise InvalidInputError(f"{_utc(at)} is in the future.", fields={"at": "This is in the future."})
    window = reviewing.window_of(queries.get_repository())
    begin, end = window.get("from_at"), window.get("until_at")
    if begin and at <= begin:
        message = f"The first moment one can restore to is {_utc(begin)}, when the oldest backup had ended."
        raise InvalidInputError(message, fields={"at": message})
    if by_reading and end and at > end:
        message = f"The repository's WAL reaches until {_utc(end)}; a later moment is not in it yet."
        raise InvalidInputError(message, fields={"at": message}, fix="Wait a minute, or restore the latest.")


def find_point(name: str) -> RestorePoint:
    """Return a named restore point. Raises InvalidInputError when there is none of that name."""
    point = db.session.scalar(select(RestorePoint).where(RestorePoint.name == name))
    if point is None:
        message = f"There is no restore point called {name}." if name else "Choose a restore point."
        raise InvalidInputError(message, fields={"point": message})
    return point


def choose_backup(server: str, target: TargetSpec, backup_id: str = "") -> Backup:
    """Return the newest backup that ended before the target, or check the one that was asked for.

    Raises NotFoundError, ConflictError or InvalidInputError with what to do.
    """
    before = _not_after(target)
    if backup_id:
        backup = db.session.get(Backup, (server, backup_id))
        if backup is None or not backup.is_restorable:
            raise NotFoundError(f"The repository has no backup {backup_id} to restore from.")
        if before and backup.end_at and backup.end_at >= before:
            raise InvalidInputError(f"Backup {backup_id} ended at {_utc(backup.end_at)}, after the target.")
        return backup
    query = select(Backup).where(
        Backup.server == server, Backup.gone_at.is_(None), Backup.status.in_(RESTORABLE)
    )
    if before:
        query = query.where(Backup.end_at < before)
    backup = db.session.scalar(query.order_by(Backup.end_at.desc()).limit(1))
    if backup is None:
        fix = "Choose a later target, or make a backup first."
        raise ConflictError("No backup in the catalogue ended before this target.", fix=fix)
    return backup


def _not_after(target: TargetSpec) -> datetime | None:
    """The moment before which a backup must have ended: replay cannot stop before that."""
    if target.kind == Target.POINT:
        return find_point(target.name).created_at
    return target.at if target.kind == Target.TIME else None


def last_position(target: TargetSpec) -> int | None:
    """Return the position, in bytes of WAL, after which nothing is needed; None when that is not known."""
    if target.kind == Target.POINT:
        return find_point(target.name).position
    if target.at is None:
        return None
    # The first reading that was surely taken after it: clocks and readings have some seconds of play.
    found = find_first_after(service.POSITIONS, target.at + PLAY)
    return None if found is None else int(found)


def chain_of(backup: Backup) -> list[Backup]:
    """Return an incremental backup's chain, the full one first. Raises ConflictError when a part is gone."""
    chain = [backup]
    while parent_id := chain[0].parent_id:
        parent = db.session.get(Backup, (backup.server, parent_id))
        if parent is None or parent.gone_at is not None:
            message = f"Backup {backup.backup_id} stands on {parent_id}, which the repository has no more."
            raise ConflictError(message, fix="Choose a full backup, or one with its whole chain.")
        chain.insert(0, parent)
    return chain


def need_of(chain: list[Backup], wal_bytes: int) -> Need:
    """Work out what a restore takes. A chain is unpacked beside the data folder before it is combined."""
    cluster = chain[-1].cluster_bytes or 0
    staged = sum(_unpacked(part) for part in chain) if len(chain) > 1 else 0
    room = cluster + staged + wal_bytes
    return Need(cluster + staged, room + max(int(room * MARGIN_SHARE), MARGIN_BYTES))


def _unpacked(part: Backup) -> int:
    """Of an incremental backup only the packed size is known: take PostgreSQL data to pack to a quarter."""
    if part.kind == "full":
        return part.cluster_bytes or 0
    return min(part.cluster_bytes or 0, 4 * (part.size_bytes or 0))


def free_bytes(folder: Path) -> int:
    """Return how much an ordinary account may still write where this folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


def check_room(root: Path, need: Need, free: FreeBytes) -> None:
    """Raise ConflictError with what is missing when the disk has no room for a restore."""
    available = free(root)
    if available < need.disk:
        raise ConflictError(
            f"The disk of {root} has {bytes_(available)} free, but this restore takes {bytes_(need.disk)}: "
            f"{bytes_(need.disk - available)} are missing.",
            fix="Tear down restores that are no longer needed, or free the space; nothing was begun.",
        )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
