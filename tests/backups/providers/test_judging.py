"""How a managed instance is judged against the promises."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.backups.providers.judging import Promised, judge
from dashboard.backups.window import Window

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROMISED = Promised(timedelta(hours=1), 30)
GOOD: dict[str, Any] = {
    "DBInstanceStatus": "available",
    "BackupRetentionPeriod": 30,
    "StorageEncrypted": True,
    "DeletionProtection": True,
}


def snapshots(*hours: float) -> list[dict[str, Any]]:
    return [{"Status": "available", "SnapshotCreateTime": NOW - timedelta(hours=hour)} for hour in hours]


def failed(
    instance: dict[str, Any], taken: list[dict[str, Any]], until: timedelta | None = timedelta(minutes=5)
) -> dict[str, str]:
    window = Window(NOW - timedelta(days=30), NOW - until) if until else Window()
    return {
        check.name: check.hint for check in judge(instance, taken, window, PROMISED, NOW) if not check.passed
    }


def test_a_good_instance_has_nothing_to_say() -> None:
    assert failed(GOOD, snapshots(*range(48))) == {}
    assert failed(GOOD, snapshots(0.2)) == {}  # just set up: it is not blamed for the time before


def test_a_missed_hour_is_named_with_its_length() -> None:
    taken = snapshots(*(hour + 0.1 for hour in range(24) if hour not in {5, 6}))
    assert failed(GOOD, taken) == {
        "hourly snapshots": "22 in the last 23\N{NO-BREAK SPACE}h 6\N{NO-BREAK SPACE}min;"
        " none for 3\N{NO-BREAK SPACE}h from 21 Nov 04:54 UTC"
    }


@pytest.mark.parametrize(
    ("change", "name", "hint"),
    [
        ({"BackupRetentionPeriod": 0}, "automated backups", "are off"),
        ({"BackupRetentionPeriod": 7}, "automated backups", "keeps 7 days, 30 are promised"),
        ({"DBInstanceStatus": "storage-full"}, "instance", "storage-full"),
        ({"StorageEncrypted": False}, "storage encrypted", "KMS"),
        ({"DeletionProtection": False}, "deletion protection", "deletes its automated backups"),
    ],
)
def test_each_shortfall_says_what_to_do(change: dict[str, Any], name: str, hint: str) -> None:
    found = failed(GOOD | change, snapshots(*range(48)))
    assert list(found) == [name]
    assert hint in found[name]


def test_a_window_that_lags_or_is_missing_breaks_the_promise() -> None:
    assert (
        "1\N{NO-BREAK SPACE}h is promised" in failed(GOOD, snapshots(0), timedelta(hours=2))["point in time"]
    )
    assert "no moment" in failed(GOOD, snapshots(0), None)["point in time"]
    assert failed(GOOD, [])["hourly snapshots"] == "there is no snapshot at all"
