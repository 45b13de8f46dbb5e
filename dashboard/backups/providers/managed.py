"""AWS RDS as a provider: its snapshots in our catalogue, its point-in-time window judged."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.backups import queries, service
from dashboard.backups.barman import BackupFacts, CheckResult
from dashboard.backups.models import Backup
from dashboard.backups.providers import judging
from dashboard.backups.providers.interface import ProviderError, Restores, Watch
from dashboard.backups.providers.judging import Promised
from dashboard.backups.providers.rds import Rds, facts_of
from dashboard.backups.service import Repository
from dashboard.backups.window import Window
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import UnavailableError
from dashboard.health.service import plain, store_reading
from dashboard.settings.queries import length, value

KEEP_OWN = 48  # of hourly ones, two days; every moment before that is reached through the window
PERCENT = 100
# What the runbook needs of the instance, kept with the reading so that the page asks nobody.
KEPT = ("DBInstanceClass", "DBInstanceIdentifier", "Engine", "EngineVersion", "MultiAZ", "PubliclyAccessible")


class RdsProvider:
    """One RDS instance."""

    name = "AWS RDS"
    restores = Restores.CONSOLE

    def __init__(self, rds: Rds) -> None:
        self.rds = rds

    @property
    def server(self) -> str:
        """The instance's name."""
        return self.rds.instance

    def tend(self) -> None:
        """Do nothing: RDS needs no help."""

    def list_backups(self) -> Sequence[BackupFacts]:
        """Return its snapshots, the newest first."""
        return [facts_of(snapshot) for snapshot in self.rds.list_snapshots()]

    def window(self) -> Window:
        """Return the moments a point-in-time restore reaches."""
        return self.rds.window(self.rds.describe(), self.rds.list_snapshots())

    def check(self) -> Sequence[CheckResult]:
        """Judge instance, snapshots and window against the promises."""
        instance, snapshots = self.rds.describe(), self.rds.list_snapshots()
        window = self.rds.window(instance, snapshots)
        return judging.judge(instance, snapshots, window, promised(), datetime.now(UTC))

    def sync(self) -> dict[str, Any]:
        """Read snapshots, window and checks; a service that does not answer leaves the catalogue standing."""
        try:
            instance, snapshots = self.rds.describe(), self.rds.list_snapshots()
            window = self.rds.window(instance, snapshots)
        except ProviderError as error:
            store_reading(queries.REPOSITORY, {}, str(error), every=service.EVERY_SECONDS)
            return {"error": str(error)}
        self._store([facts_of(snapshot) for snapshot in snapshots])
        checks = judging.judge(instance, snapshots, window, promised(), datetime.now(UTC))
        version = f"{instance.get('Engine', '')} {instance.get('EngineVersion', '')}".strip()
        data = plain(Repository(version, checks, window)) | self._kept(instance)
        store_reading(queries.REPOSITORY, data, every=service.EVERY_SECONDS)
        return {"backups": len(snapshots)}

    def _store(self, found: Sequence[BackupFacts]) -> None:
        for facts in found:
            db.session.merge(Backup(server=self.server, gone_at=None, **asdict(facts)))
        present = {facts.backup_id for facts in found}
        for backup in queries.list_backups(self.server, limit=10_000):
            if backup.backup_id not in present:
                backup.gone_at = datetime.now(UTC)
        db.session.flush()

    def _kept(self, instance: dict[str, Any]) -> dict[str, Any]:
        groups = [group["VpcSecurityGroupId"] for group in instance.get("VpcSecurityGroups", [])]
        parameters = [group["DBParameterGroupName"] for group in instance.get("DBParameterGroups", [])]
        facts = {name: instance.get(name) for name in KEPT} | {
            "DBSubnetGroupName": (instance.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
            "VpcSecurityGroupIds": groups,
            "DBParameterGroupName": parameters[0] if parameters else None,
        }
        return {"provider": self.name, "instance": facts}

    def back_up(self, _mode: str, watch: Watch) -> str:
        """Make a snapshot and forget the oldest of our own; a snapshot is always whole."""
        watch.on_line(f"Making a snapshot of {self.server}.")
        try:
            name = self.rds.create_snapshot(
                datetime.now(UTC),
                lambda done: watch.on_phase(done, PERCENT, f"RDS makes the snapshot: {done} %"),
                watch.tick,
            )
            watch.on_line(f"{name} can be restored.")
            self._forget_old(watch)
        except ProviderError as error:
            fix = "The checks on the backups page say what is missing."
            raise UnavailableError("AWS RDS", f"The backup failed. {error}", fix=fix) from error
        return name

    def _forget_old(self, watch: Watch) -> None:
        for name in self.rds.own(self.rds.list_snapshots())[KEEP_OWN:]:
            self.rds.delete_snapshot(name)
            watch.on_line(f"{name} removed: the newest {KEEP_OWN} are kept.")


def promised() -> Promised:
    """Return the promises as they are set."""
    every = timedelta(hours=1)
    return Promised(length("backups.rpo_seconds"), int(value("backups.retention_days")), every)


def rds_provider(settings: Settings) -> RdsProvider:
    """Return the configured instance."""
    return RdsProvider(Rds(settings.rds_instance, settings.rds_region, settings.rds_endpoint))
