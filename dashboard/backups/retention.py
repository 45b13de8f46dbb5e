"""How long backups are kept: what goes next and when, and the policy as Barman has it."""

import configparser
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dashboard.backups.models import DONE, Backup

POLICY_SUFFIX = ".policy.conf"  # sorts after the server's own file, so that Barman lets it win
MARK = "; Written by Steward from its settings: change them there, not here."
WINDOW, MIN_REDUNDANCY = "RECOVERY WINDOW OF {days} DAYS", 1


@dataclass(frozen=True)
class Policy:
    """How long backups are kept, and how many at least."""

    days: int
    redundancy: int

    @property
    def words(self) -> str:
        """The window as Barman writes it."""
        return WINDOW.format(days=self.days)


@dataclass(frozen=True)
class Departure:
    """A full backup that will go, with those that stand on it; `at` None: it stays, and `why` says so."""

    backup_id: str
    at: datetime | None
    why: str
    children: int = 0
    size_bytes: int = 0


def forecast(backups: Sequence[Backup], policy: Policy, kept: Collection[str] = ()) -> list[Departure]:
    """Return what retention does with each good full backup, the oldest first.

    A backup is needed until the next newer good one has itself left the window: only then does that one
    reach back to the window's beginning. Backups that failed do not count.
    """
    fulls = sorted(
        (one for one in backups if one.kind == "full" and one.status == DONE and one.end_at),
        key=lambda one: one.backup_id,
    )
    return [_fate(fulls, number, backups, policy, kept) for number in range(len(fulls))]


def _fate(
    fulls: Sequence[Backup],
    number: int,
    backups: Sequence[Backup],
    policy: Policy,
    kept: Collection[str],
) -> Departure:
    backup, newer = fulls[number], fulls[number + 1 :]
    family = _family(backup.backup_id, backups)
    size = sum(one.size_bytes or 0 for one in [backup, *family])

    def departs(at: datetime | None, why: str) -> Departure:
        return Departure(backup.backup_id, at, why, len(family), size)

    if backup.backup_id in kept:
        return departs(None, "It is kept until somebody releases it.")
    if not newer:
        return departs(None, "It is the newest good one and stays until there is another.")
    if len(newer) < max(policy.redundancy, MIN_REDUNDANCY):
        return departs(None, f"At least {policy.redundancy} full backups are kept, however old.")
    end = newer[0].end_at
    at = end + timedelta(days=policy.days) if end else None
    return departs(at, f"Then {newer[0].backup_id} alone reaches back {policy.days} days.")


def _family(backup_id: str, backups: Sequence[Backup]) -> list[Backup]:
    """Return the incremental backups that stand on one, at any depth."""
    found: list[Backup] = []
    parents = {backup_id}
    for one in sorted(backups, key=lambda each: each.backup_id):
        if one.parent_id in parents:
            parents.add(one.backup_id)
            found.append(one)
    return found


def policy_file(config: Path, server: str) -> Path | None:
    """Return the file through which Steward tells Barman the policy; None where Barman is not Steward's.

    The embedded stack makes it. Whoever runs Barman elsewhere lets Steward decide by making it, empty.
    """
    reader = configparser.RawConfigParser(strict=False)
    try:
        reader.read(config)
        folder = Path(reader.get("barman", "configuration_files_directory")).expanduser()
    except (configparser.Error, OSError):
        return None
    path = folder / f"{server}{POLICY_SUFFIX}"
    return path if path.is_file() and os.access(path, os.W_OK) else None


def write_policy(path: Path, server: str, policy: Policy) -> bool:
    """Write the policy if it says something else; return whether it did. Barman reads it at its next call."""
    text = policy_text(server, policy)
    if path.read_text() == text:
        return False
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".policy-")
    with os.fdopen(handle, "w") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    Path(made).replace(path)
    return True


def policy_text(server: str, policy: Policy) -> str:
    """Return what the file says."""
    redundancy = max(policy.redundancy, MIN_REDUNDANCY)
    return (
        f"{MARK}\n[{server}]\nretention_policy = {policy.words}\n"
        f"minimum_redundancy = {redundancy}\nretention_policy_mode = auto\n"
    )
