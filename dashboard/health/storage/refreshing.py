"""Runs the dear probes of tables and indexes and stores what they read (service layer of their jobs)."""

from typing import Any

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.service import plain, store_reading
from dashboard.health.storage import bloat_probes, probes

STORAGE, SEQUENCES, BLOAT, INVALID = (
    "health.storage",
    "health.sequences",
    "health.bloat",
    "health.invalid_indexes",
)
MINUTE, QUARTER_HOUR, SIX_HOURS = 60, 900, 21_600


def refresh_invalid(settings: Settings) -> str:
    """Look for indexes that cannot be used; return why it failed, or ''."""
    try:
        found = probes.read_invalid(settings.database_monitor_url)
    except ProbeError as error:
        return _failed(INVALID, error, MINUTE)
    store_reading(INVALID, {"indexes": [plain(row) for row in found]}, every=MINUTE)
    return ""


def refresh_storage(settings: Settings) -> dict[str, str]:
    """Read tables, indexes, ages and sequences; return what failed, by reading."""
    failed = {STORAGE: _storage(settings), SEQUENCES: _sequences(settings)}
    return {key: error for key, error in failed.items() if error}


def _storage(settings: Settings) -> str:
    # An index that only a standby reads is used. Who is primary now is seen when they are asked.
    others = {member.name: member.url for member in settings.members}
    try:
        found = probes.read_storage(settings.database_monitor_url, others)
    except ProbeError as error:
        return _failed(STORAGE, error, QUARTER_HOUR)
    store_reading(STORAGE, plain(found), every=QUARTER_HOUR)
    return ""


def _sequences(settings: Settings) -> str:
    # Only their owner may read them: pg_monitor does not include it.
    try:
        found = probes.read_sequences(settings.database_direct_url)
    except ProbeError as error:
        return _failed(SEQUENCES, error, QUARTER_HOUR)
    store_reading(SEQUENCES, plain(found), every=QUARTER_HOUR)
    return ""


def refresh_bloat(settings: Settings) -> str:
    """Measure the largest tables and indexes; return why it failed, or ''."""
    try:
        found = bloat_probes.read_bloat(settings.database_monitor_url, settings.database_direct_url)
    except ProbeError as error:
        return _failed(BLOAT, error, SIX_HOURS)
    store_reading(BLOAT, plain(found), every=SIX_HOURS)
    return ""


def _failed(key: str, error: Exception, every: int) -> str:
    nothing: dict[str, Any] = {}
    store_reading(key, nothing, str(error), every=every)
    return str(error)
