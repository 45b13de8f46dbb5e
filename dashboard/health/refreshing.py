"""Runs the probes and stores what they read (service layer of the probe jobs)."""

import shutil
from collections.abc import Callable, Mapping
from typing import Any

from dashboard.core.config import Settings
from dashboard.health import probes
from dashboard.health.activity.refreshing import ACTIVITY, NOW, refresh_moment
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.server.refreshing import (
    IDENTITY,
    LOG,
    SETTINGS,
    refresh_identity,
    refresh_log,
    refresh_settings,
)
from dashboard.health.service import plain, store_reading
from dashboard.health.services.refreshing import (
    BROKER,
    CACHE,
    FILES,
    MACHINE,
    POOLS,
    QUEUES,
    refresh_files,
    refresh_machine,
    refresh_pools,
    refresh_queues,
    refresh_redis,
)
from dashboard.health.statements import refreshing as statements
from dashboard.health.storage.refreshing import INVALID, refresh_invalid

__all__ = ["ACTIVITY", "BROKER", "CACHE", "NOW"]  # the readings of other layers, by one name
STATEMENTS, INVENTORY, DISK = statements.KEY, "health.inventory", "health.disk"
FAST, MINUTE, QUARTER_HOUR = 10, 60, 900
Values = Mapping[str, Any]


def refresh_activity(settings: Settings) -> dict[str, str]:
    """Read what is cheap enough for every ten seconds; return what failed, by reading."""
    failures = {
        ACTIVITY: refresh_moment(settings.database_monitor_url),
        BROKER: refresh_redis(BROKER, "broker", settings.broker_url),
        CACHE: refresh_redis(CACHE, "cache", settings.cache_url),
        POOLS: refresh_pools(settings),
        DISK: _refresh(DISK, FAST, lambda: _disk(settings)),
        MACHINE: refresh_machine(settings),
    }
    return _failed(failures)


def refresh_minute(settings: Settings, file_store: Callable[[], None] | None) -> dict[str, str]:
    """Read what is cheap enough for every minute; return what failed, by reading."""
    failures = {
        IDENTITY: refresh_identity(settings),
        LOG: refresh_log(settings),
        INVALID: refresh_invalid(settings),
        QUEUES: refresh_queues(),
        FILES: refresh_files(file_store),
    }
    return _failed(failures)


def refresh_statements(settings: Settings) -> dict[str, str]:
    """Compare what queries cost with a minute ago, and see to a first inventory."""
    failures = {STATEMENTS: statements.refresh(settings)}
    known = get_reading(INVENTORY)
    if known is None or known.taken_at is None:
        failures |= refresh_inventory(settings)
    return _failed(failures)


def refresh_inventory(settings: Settings) -> dict[str, str]:
    """Read sizes and extensions, and what changed of the settings."""
    url = settings.database_monitor_url
    failures = {
        INVENTORY: _refresh(INVENTORY, QUARTER_HOUR, lambda: plain(probes.read_inventory(url))),
        SETTINGS: refresh_settings(settings),
    }
    return _failed(failures)


def _refresh(key: str, every: int, read: Callable[[], Values]) -> str:
    """Store one reading; return why it failed, '' when it did not."""
    try:
        store_reading(key, read(), every=every)
    except ProbeError as error:
        store_reading(key, {}, str(error), every=every)
        return str(error)
    return ""


def _failed(failures: Mapping[str, str]) -> dict[str, str]:
    return {key: error for key, error in failures.items() if error}


def _disk(settings: Settings) -> Values:
    try:
        usage = shutil.disk_usage(settings.home)
    except OSError as error:
        raise ProbeError(f"{settings.home}: {error.strerror}") from error
    # As df counts: what is kept for root, or by a quota, is neither used nor to be had.
    return {"path": str(settings.home), "total_bytes": usage.used + usage.free, "used_bytes": usage.used}
