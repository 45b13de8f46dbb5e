"""Talks to AWS RDS about one instance: what it keeps, how far back it restores, a snapshot now."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from dashboard.backups.barman import BackupFacts
from dashboard.backups.models import DONE, FAILED
from dashboard.backups.providers.interface import ProviderError
from dashboard.backups.window import Window

ATTEMPTS = 3
PATIENCE = Config(  # type: ignore[no-untyped-call]
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": ATTEMPTS}
)
GIB = 2**30
POLL_SECONDS = 5.0
PREFIX = "steward-"
RUNNING = "STARTED"
STATES = {"available": DONE, "creating": RUNNING, "failed": FAILED}
# What AWS answers, without the ending "Fault" some answers have, and what it means for people.
SENTENCES = (
    (
        {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"},
        f"AWS throttles {{action}}: {ATTEMPTS} tries were refused ({{code}}). It is asked again in a minute.",
    ),
    (
        {
            *("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException"),
            *("UnrecognizedClientException", "AuthFailure", "IncompleteSignature"),
        },
        "AWS refuses the credentials ({code}): renew the workers' role or key.",
    ),
    (
        {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"},
        "The credentials lack the right {action}: add it to the workers' policy.",
    ),
    (
        {"DBInstanceNotFound"},
        "There is no RDS instance called {instance}: check STEWARD_RDS_INSTANCE and STEWARD_RDS_REGION.",
    ),
    (
        {"SnapshotQuotaExceeded"},
        "The account's quota of manual snapshots is used up: delete old ones or raise the quota.",
    ),
    (
        {"InvalidDBInstanceState"},
        "{instance} cannot be snapshotted in its present state: {words}",
    ),
)
OTHER = "AWS refuses {action} ({code}): {words}"


class Rds:
    """One instance. Credentials come from where AWS's own tools look: environment, profile or role."""

    def __init__(self, instance: str, region: str, endpoint: str = "") -> None:
        self.instance = instance
        self.region = region
        self.endpoint = endpoint
        with explained("setting up"):
            session: Any = boto3.session.Session(region_name=region)  # type: ignore[no-untyped-call]
            self._client = session.client("rds", endpoint_url=endpoint or None, config=PATIENCE)

    def describe(self) -> dict[str, Any]:
        """Return what RDS says of the instance."""
        with explained("rds:DescribeDBInstances", self.instance):
            answer = self._client.describe_db_instances(DBInstanceIdentifier=self.instance)
        found: dict[str, Any] = answer["DBInstances"][0]
        return found

    def list_snapshots(self) -> list[dict[str, Any]]:
        """Return its snapshots, automated, manual and AWS Backup's, the newest first."""
        found: list[dict[str, Any]] = []
        with explained("rds:DescribeDBSnapshots", self.instance):
            pages = self._client.get_paginator("describe_db_snapshots")
            for kind in ({}, {"SnapshotType": "awsbackup"}):
                for page in pages.paginate(DBInstanceIdentifier=self.instance, **kind):
                    found += page["DBSnapshots"]
        return sorted(found, key=created_at, reverse=True)

    def window(self, instance: dict[str, Any], snapshots: list[dict[str, Any]]) -> Window:
        """Return the moments a point-in-time restore reaches; empty where automated backups are off."""
        if not instance.get("BackupRetentionPeriod"):
            return Window()
        with explained("rds:DescribeDBInstanceAutomatedBackups", self.instance):
            pages = self._client.get_paginator("describe_db_instance_automated_backups")
            kept = [
                backup
                for page in pages.paginate(DBInstanceIdentifier=self.instance)
                for backup in page["DBInstanceAutomatedBackups"]
                if backup.get("Status") == "active"
            ]
        told = kept[0].get("RestoreWindow", {}) if kept else {}
        automated = [created_at(one) for one in snapshots if one.get("SnapshotType") == "automated"]
        earliest = told.get("EarliestTime") or min(automated, default=None)
        latest = instance.get("LatestRestorableTime") or told.get("LatestTime")
        return Window(earliest, latest if earliest else None)

    def find_snapshot(self, name: str) -> dict[str, Any]:
        """Return one snapshot."""
        with explained("rds:DescribeDBSnapshots", self.instance):
            answer = self._client.describe_db_snapshots(DBSnapshotIdentifier=name)
        found: dict[str, Any] = answer["DBSnapshots"][0]
        return found

    def create_snapshot(
        self, now: datetime, progress: Callable[[int], None], tick: Callable[[], None]
    ) -> str:
        """Make a snapshot, wait until it can be restored and return its name. `progress` gets per cent."""
        name = f"{PREFIX}{self.instance}-{now.astimezone(UTC):%Y%m%d-%H%M%S}"
        with explained("rds:CreateDBSnapshot", self.instance):
            self._client.create_db_snapshot(
                DBSnapshotIdentifier=name,
                DBInstanceIdentifier=self.instance,
                Tags=[{"Key": "made-by", "Value": "steward"}],
            )
        while True:
            found = self.find_snapshot(name)
            progress(int(found.get("PercentProgress") or 0))
            if found["Status"] == "available":
                return name
            if found["Status"] not in {"creating", "pending", "backing-up"}:
                raise ProviderError(f"RDS says the snapshot {name} is {found['Status']}.")
            _wait(POLL_SECONDS, tick)

    def delete_snapshot(self, name: str) -> None:
        """Remove a snapshot."""
        with explained("rds:DeleteDBSnapshot", self.instance):
            self._client.delete_db_snapshot(DBSnapshotIdentifier=name)

    def own(self, snapshots: list[dict[str, Any]]) -> list[str]:
        """Return the names of finished snapshots that Steward made, the newest first."""
        prefix = f"{PREFIX}{self.instance}-"
        return [
            one["DBSnapshotIdentifier"]
            for one in snapshots
            if one["DBSnapshotIdentifier"].startswith(prefix) and one["Status"] == "available"
        ]


def facts_of(snapshot: dict[str, Any]) -> BackupFacts:
    """Return a snapshot as a backup. RDS tells neither its own size nor how long it took."""
    moment, status = created_at(snapshot), STATES.get(snapshot["Status"], snapshot["Status"].upper())
    return BackupFacts(
        backup_id=snapshot["DBSnapshotIdentifier"],
        kind="full",
        status=status,
        begin_at=moment,
        end_at=moment if status == DONE else None,
        cluster_bytes=int(snapshot.get("AllocatedStorage") or 0) * GIB or None,
        encryption="kms" if snapshot.get("Encrypted") else None,
        error="RDS says that it failed." if status == FAILED else "",
    )


def created_at(snapshot: dict[str, Any]) -> datetime:
    """Return when it was taken; one that is being made has no time yet, so it counts as just now."""
    moment: datetime = snapshot.get("SnapshotCreateTime") or datetime.now(UTC)
    return moment


def _wait(seconds: float, tick: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tick()
        time.sleep(min(1.0, seconds))


@contextmanager
def explained(action: str, instance: str = "") -> Iterator[None]:
    """Turn AWS's errors into sentences; nothing of the credentials is in them."""
    try:
        yield
    except ClientError as error:
        raise ProviderError(_refusal(error, action, instance)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise ProviderError(
            "There are no AWS credentials: give the workers a role, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY."
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise ProviderError(
            f"AWS RDS does not answer ({type(error).__name__}): check the network, STEWARD_RDS_REGION and "
            "STEWARD_RDS_ENDPOINT."
        ) from error


def _refusal(error: ClientError, action: str, instance: str) -> str:
    code = str(error.response.get("Error", {}).get("Code", "")).removesuffix("Fault")
    sentence = next((text for codes, text in SENTENCES if code in codes), OTHER)
    return sentence.format(action=action, code=code, instance=instance, words=_words(error))


def _words(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))[:300]
