"""Barman as a provider: the engine as it is, seen through the interface."""

from collections.abc import Sequence
from typing import Any

from dashboard.backups import service
from dashboard.backups.barman import BackupFacts, Barman, BarmanError, CheckResult
from dashboard.backups.providers.interface import ProviderError, Restores, Watch
from dashboard.backups.window import Window
from dashboard.core.config import Settings


class BarmanProvider:
    """A server of Barman."""

    name = "Barman"
    restores = Restores.SCRATCH

    def __init__(self, barman: Barman) -> None:
        self.barman = barman

    @property
    def server(self) -> str:
        """Barman's name of the server."""
        return self.barman.server

    def tend(self) -> None:
        """Keep receive-wal alive, file WAL away, enforce retention."""
        try:
            self.barman.cron()
        except BarmanError as error:
            raise ProviderError(str(error)) from error

    def list_backups(self) -> Sequence[BackupFacts]:
        """Return every backup in the repository, the newest first."""
        try:
            return [self.barman.show_backup(entry.backup_id) for entry in self.barman.list_backups()]
        except BarmanError as error:
            raise ProviderError(str(error)) from error

    def window(self) -> Window:
        """Return how far the repository's WAL reaches without a gap."""
        try:
            return service.read_window(self.barman)
        except BarmanError as error:
            raise ProviderError(str(error)) from error

    def check(self) -> Sequence[CheckResult]:
        """Return `barman check`."""
        try:
            return self.barman.check()
        except BarmanError as error:
            raise ProviderError(str(error)) from error

    def sync(self) -> dict[str, Any]:
        """Read the repository: of its backups only those that may have changed."""
        return service.sync_catalogue(self.barman)

    def back_up(self, mode: str, watch: Watch) -> str:
        """Make a base backup; `mode` is auto, full or incremental."""
        return service.back_up(
            self.barman, mode=mode, on_line=watch.on_line, on_phase=watch.on_phase, tick=watch.tick
        )


def barman_provider(settings: Settings) -> BarmanProvider:
    """Return the configured server of Barman."""
    return BarmanProvider(service.barman_of(settings))
