"""Tells a broken backup from trouble around a restore: only the first one is the backup's fault."""

from http import HTTPStatus
from pathlib import Path

from dashboard.core.errors import DashboardError

ANOTHER_BACKUP = (
    "Make a full backup now, then restore from another backup: docs/runbooks/restore.md says how to choose."
)


class BackupBrokenError(DashboardError):
    """The backup, or WAL it needs, is damaged or missing. `broken_file` names the file."""

    status = HTTPStatus.CONFLICT

    def __init__(self, reason: str, broken_file: str = "") -> None:
        where = f" File: {broken_file}." if broken_file else ""
        super().__init__(f"The backup is broken: {reason.rstrip('.')}.{where}", fix=ANOTHER_BACKUP)
        self.reason = reason
        self.broken_file = broken_file

    @property
    def file_name(self) -> str:
        """The broken file without its folder."""
        return Path(self.broken_file).name
