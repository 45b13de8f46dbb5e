"""Stores what the repository's WAL looks like."""

from dashboard.backups import queries
from dashboard.backups.service import segment_bytes
from dashboard.backups.watching.probes import layout_of, read_wal
from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.service import plain, store_reading

READING = "backups.wal"
EVERY_SECONDS = 10
EVERY_BACKUP = 10_000


def look_at_wal(settings: Settings) -> str:
    """Read the repository's WAL and store it; return why that failed, '' when it did not."""
    if settings.barman_config is None:
        return ""  # another provider keeps the WAL
    fulls = [
        (backup.backup_id, backup.begin_wal)
        for backup in reversed(queries.list_backups(settings.barman_server, limit=EVERY_BACKUP))
        if backup.is_restorable and backup.kind == "full" and backup.begin_wal
    ]
    try:
        layout = layout_of(settings.barman_config, settings.barman_server)
        store_reading(READING, plain(read_wal(layout, fulls, segment_bytes())), every=EVERY_SECONDS)
    except ProbeError as error:
        store_reading(READING, {}, str(error), every=EVERY_SECONDS)
        return str(error)
    return ""
