"""Which provider a deployment uses (STEWARD_BACKUP_PROVIDER)."""

from collections.abc import Callable

from dashboard.backups.providers.interface import Provider
from dashboard.backups.providers.managed import rds_provider
from dashboard.backups.providers.self_managed import barman_provider
from dashboard.core.config import Settings

PROVIDERS: dict[str, Callable[[Settings], Provider]] = {"barman": barman_provider, "rds": rds_provider}


def provider_of(settings: Settings) -> Provider:
    """Return the configured source of backups."""
    return PROVIDERS[settings.backup_provider](settings)
