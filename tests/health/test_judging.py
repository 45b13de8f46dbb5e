"""Thresholds of the strategy, on values as the probes store them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.health import judging
from dashboard.health.activity.refreshing import rates

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def activity(**changes: Any) -> dict[str, Any]:
    return {
        "server": {"max_connections": 103, "reserved_connections": 3, "oldest_xid_age": 100},
        "sessions": [{"state": "active", "sessions": 10}],
        "counters": {"blocks_hit": 99_900, "blocks_read": 100},
        "transactions": [],
        "waits": [],
        "archiver": None,
        "rates": {},
    } | changes


def level_of(topic: str, values: dict[str, Any]) -> str | None:
    return next((f.level for f in judging.judge_activity(values) if f.topic == topic), None)


@pytest.mark.parametrize(("used", "level"), [(79, "ok"), (80, "warning"), (90, "critical")])
def test_connections_warn_at_80_and_alarm_at_90_percent(used: int, level: str) -> None:
    assert level_of("Connections", activity(sessions=[{"state": "idle", "sessions": used}])) == level


@pytest.mark.parametrize(("read", "level"), [(100, "ok"), (5_000, "warning"), (20_000, "critical")])
def test_cache_hit_rate_warns_below_98_and_is_bad_below_90_percent(read: int, level: str) -> None:
    counters = {"blocks_hit": 100_000 - read, "blocks_read": read}
    assert level_of("Shared buffers", activity(counters=counters)) == level


def test_cache_hit_rate_of_too_few_reads_is_no_data() -> None:
    assert judging.hit_rate(10, 2) is None
    assert judging.hit_rate(None, None) is None
    assert level_of("Shared buffers", activity(counters=None)) is None


@pytest.mark.parametrize(("age", "level"), [(0, "ok"), (700_000_000, "warning"), (1_300_000_000, "critical")])
def test_wraparound_warns_with_less_than_one_and_a_half_billion_left(age: int, level: str) -> None:
    server = {"max_connections": 103, "reserved_connections": 3, "oldest_xid_age": age}
    assert level_of("Wraparound", activity(server=server)) == level


@pytest.mark.parametrize(("seconds", "level"), [(10, None), (40, "warning"), (400, "critical")])
def test_idle_transaction_warns_after_30_seconds(seconds: int, level: str | None) -> None:
    row = {"state": "idle in transaction", "state_seconds": seconds, "transaction_seconds": seconds}
    assert level_of("Idle in transaction", activity(transactions=[row])) == level


@pytest.mark.parametrize(("seconds", "level"), [(60, None), (61, "warning")])
def test_transaction_is_long_after_a_minute(seconds: int, level: str | None) -> None:
    row = {"state": "active", "state_seconds": seconds, "transaction_seconds": seconds}
    assert level_of("Long transaction", activity(transactions=[row])) == level


@pytest.mark.parametrize(
    ("waiters", "seconds", "level"), [(2, 299, None), (3, 1, "critical"), (1, 300, "critical")]
)
def test_three_waiters_or_five_minutes_are_blocked(waiters: int, seconds: int, level: str | None) -> None:
    waits = [{"event": "transactionid", "seconds": seconds}] * waiters
    assert level_of("Blocked", activity(waits=waits)) == level


@pytest.mark.parametrize(("seconds", "level"), [(0.2, "warning"), (5, "critical")])
def test_commits_frozen_by_an_absent_standby_are_no_lock(seconds: float, level: str) -> None:
    values = activity(waits=[{"event": "SyncRep", "seconds": seconds}])
    assert level_of("Frozen commits", values) == level
    assert level_of("Blocked", values) is None


def test_rollbacks_and_deadlocks_warn_by_their_rates() -> None:
    values = activity(rates={"tps": 20.0, "rollback_share": 0.2, "deadlocks_per_minute": 6.0})
    assert level_of("Rollbacks", values) == "warning"
    assert level_of("Deadlocks", values) == "warning"


def archiver(**changes: Any) -> dict[str, Any]:
    return {
        "mode": "on",
        "last_failed_at": None,
        "last_archived_at": NOW,
        "last_failed_wal": "000000010000000000000001",
        "waiting_files": 0,
    } | changes


def test_archiver_fails_when_its_last_failure_is_newer_than_its_last_success() -> None:
    newer, older = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
    assert judging.worst(judging.judge_archiver(archiver(last_failed_at=newer))) == "critical"
    assert judging.worst(judging.judge_archiver(archiver(last_failed_at=older))) == "ok"
    assert judging.worst(judging.judge_archiver(archiver(last_failed_at=older, last_archived_at=None)))
    assert judging.worst(judging.judge_archiver(archiver(mode="off"))) == "warning"
    assert level_of("Archiver", activity(archiver=archiver())) == "ok"


@pytest.mark.parametrize(("files", "level"), [(15, "ok"), (16, "warning"), (128, "critical")])
def test_waiting_wal_files_warn_at_16_and_alarm_at_128(files: int, level: str) -> None:
    assert judging.worst(judging.judge_archiver(archiver(waiting_files=files))) == level


def redis(**changes: Any) -> dict[str, Any]:
    return {
        "max_bytes": 0,
        "used_bytes": 10,
        "rejected_connections": 0,
        "evicted_keys": 0,
        "append_only": True,
        "append_only_ok": True,
        "ping_ms": 0.2,
    } | changes


@pytest.mark.parametrize(
    ("changes", "role", "level"),
    [
        ({}, "broker", "ok"),
        ({"max_bytes": 11}, "cache", "warning"),
        ({"rejected_connections": 1}, "cache", "warning"),
        ({"evicted_keys": 5}, "cache", "ok"),
        ({"evicted_keys": 5}, "broker", "critical"),
        ({"append_only": False}, "broker", "warning"),
        ({"append_only_ok": False}, "broker", "critical"),
    ],
)
def test_evictions_are_the_caches_work_and_the_brokers_loss(
    changes: dict[str, Any], role: str, level: str
) -> None:
    assert judging.worst(judging.judge_redis(redis(**changes), role=role)) == level


@pytest.mark.parametrize(("used", "level"), [(79, "ok"), (80, "warning"), (90, "critical")])
def test_disk_warns_at_80_and_alarms_at_90_percent(used: int, level: str) -> None:
    assert judging.judge_disk({"used_bytes": used, "total_bytes": 100}).level == level


def test_query_is_slow_only_when_it_is_frequent() -> None:
    assert judging.is_slow({"mean_ms": 20, "calls": 100})
    assert not judging.is_slow({"mean_ms": 20, "calls": 99})
    assert not judging.is_slow({"mean_ms": 19.9, "calls": 1000})


def reading(commits: int, rollbacks: int, at: datetime, reset: str | None = None) -> dict[str, Any]:
    counters = {"commits": commits, "rollbacks": rollbacks, "deadlocks": 0, "reset_at": reset}
    return {"counters": counters, "server": {"clock_at": at.isoformat()}}


def test_rates_are_differences_of_two_readings() -> None:
    later = NOW + timedelta(seconds=10)
    found = rates(reading(100, 0, NOW), reading(180, 20, later))
    assert (found["tps"], found["rollback_share"], found["deadlocks_per_minute"]) == (10.0, 0.2, 0.0)
    assert "hit_rate" not in found


def test_rates_are_unknown_after_a_restart_a_reset_or_at_first() -> None:
    later = NOW + timedelta(seconds=10)
    assert rates({}, reading(1, 0, NOW)) == {}
    assert rates(reading(100, 0, NOW), reading(5, 0, later)) == {}
    assert rates(reading(1, 0, NOW, "2026"), reading(5, 0, later, "2027")) == {}
    idle = rates(reading(1, 0, NOW), reading(1, 0, later))
    assert idle["tps"] == 0.0
    assert "rollback_share" not in idle
