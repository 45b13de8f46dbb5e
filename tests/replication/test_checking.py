"""Settings against what the strategy asks: what is right, what is not, why, and the statement."""

from dataclasses import replace
from typing import Any

import pytest

from dashboard.replication.checking import Case, Check, check
from dashboard.replication.settings_probes import Parameter, ServerSettings

GOOD = {
    "wal_level": "replica",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "wal_keep_size": "256",
    "max_slot_wal_keep_size": "2048",
    "archive_mode": "on",
    "archive_timeout": "60",
    "synchronous_standby_names": "",
    "synchronous_commit": "on",
    "wal_log_hints": "on",
    "hot_standby_feedback": "on",
    "wal_sender_timeout": "8000",
    "wal_receiver_timeout": "8000",
    "primary_slot_name": "az_b",
    "log_min_duration_statement": "500",
    "fsync": "on",
    "full_page_writes": "on",
    "data_checksums": "off",
    "max_connections": "200",
    "max_worker_processes": "8",
    "max_locks_per_transaction": "64",
    "max_prepared_transactions": "0",
}
RESTART = {"wal_level", "max_wal_senders", "max_replication_slots", "archive_mode", "wal_log_hints"}


def server(in_recovery: Any = False, **changes: str) -> ServerSettings:  # named at each call
    rows = {
        name: Parameter(name, value, "", "postmaster" if name in RESTART else "sighup", pending_restart=False)
        for name, value in (GOOD | changes).items()
    }
    return ServerSettings(in_recovery, 180000, rows, may_apply=True)


def wrong(case: Case) -> dict[str, Check]:
    return {row.name: row for row in check(case) if row.level != "ok"}


PRIMARY = Case("az-a", server(), 2)
STANDBY = Case("az-b", server(in_recovery=True), 2, (), server())


def test_settings_as_asked_are_all_right_on_both() -> None:
    assert wrong(PRIMARY) == {}
    assert wrong(STANDBY) == {}
    assert {row.name for row in check(STANDBY)} - {row.name for row in check(PRIMARY)} == {
        "primary_slot_name",
        "max_connections",
        "max_worker_processes",
        "max_locks_per_transaction",
        "max_prepared_transactions",
    }
    assert all(row.why for row in check(STANDBY))


@pytest.mark.parametrize(
    ("name", "value", "level", "fix"),
    [
        ("wal_level", "minimal", "critical", "ALTER SYSTEM SET wal_level = 'replica';"),
        ("max_wal_senders", "4", "warning", "ALTER SYSTEM SET max_wal_senders = '10';"),
        ("max_replication_slots", "3", "warning", "ALTER SYSTEM SET max_replication_slots = '10';"),
        ("wal_keep_size", "0", "warning", "ALTER SYSTEM SET wal_keep_size = '256MB';"),
        ("max_slot_wal_keep_size", "-1", "warning", "ALTER SYSTEM SET max_slot_wal_keep_size = '2GB';"),
        ("archive_mode", "off", "warning", "ALTER SYSTEM SET archive_mode = 'on';"),
        ("archive_timeout", "0", "warning", "ALTER SYSTEM SET archive_timeout = '60s';"),
        ("archive_timeout", "300", "warning", "ALTER SYSTEM SET archive_timeout = '60s';"),
        ("synchronous_standby_names", "dr", "warning", "ALTER SYSTEM SET synchronous_standby_names = '';"),
        ("synchronous_commit", "off", "warning", "ALTER SYSTEM SET synchronous_commit = 'on';"),
        ("wal_log_hints", "off", "warning", "ALTER SYSTEM SET wal_log_hints = 'on';"),
        ("hot_standby_feedback", "off", "warning", "ALTER SYSTEM SET hot_standby_feedback = 'on';"),
        ("wal_sender_timeout", "0", "warning", "ALTER SYSTEM SET wal_sender_timeout = '10s';"),
        ("wal_receiver_timeout", "90000", "warning", "ALTER SYSTEM SET wal_receiver_timeout = '10s';"),
        ("log_min_duration_statement", "-1", "warning", "ALTER SYSTEM SET log_min_duration_statement = "),
        ("fsync", "off", "critical", "ALTER SYSTEM SET fsync = 'on';"),
        ("full_page_writes", "off", "critical", "ALTER SYSTEM SET full_page_writes = 'on';"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_setting_is_named_with_the_statement_that_sets_it(
    name: str, value: str, level: str, fix: str
) -> None:
    found = wrong(Case("az-a", server(**{name: value}), 2))
    assert list(found) == [name]
    assert (found[name].level, found[name].restart) == (level, name in RESTART)
    assert found[name].fix.startswith(fix)
    assert ("pg_reload_conf" in found[name].fix) is (name not in RESTART)


def test_checksums_do_as_well_as_hints() -> None:
    assert wrong(Case("az-a", server(wal_log_hints="off", data_checksums="on"), 2)) == {}


def test_synchronous_copy_that_is_wanted_must_be_in_force() -> None:
    case = Case("az-a", server(synchronous_commit="local"), 2, ("az-b",))
    found = wrong(case)
    assert {row.level for row in found.values()} == {"critical"}
    assert found["synchronous_standby_names"].wanted == 'ANY 1 ("az-b")'
    fix = "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"az-b\")';\nSELECT pg_reload_conf();"
    assert found["synchronous_standby_names"].fix == fix
    assert found["synchronous_commit"].wanted == "on or remote_apply"
    held = server(synchronous_standby_names='ANY 1 ("az-b")')
    assert wrong(Case("az-a", held, 2, ("az-b",))) == {}


def test_standby_that_would_wait_for_itself_after_a_promotion_is_critical() -> None:
    own = server(in_recovery=True, synchronous_standby_names="az-b")
    assert wrong(replace(STANDBY, own=own))["synchronous_standby_names"].level == "critical"
    own = server(in_recovery=True, synchronous_standby_names="az-b, dr")
    assert wrong(replace(STANDBY, own=own)) == {}


def test_standby_needs_no_less_than_its_primary() -> None:
    leader = server(max_connections="500", max_wal_senders="30")
    found = wrong(replace(STANDBY, primary=leader))
    assert {name: row.wanted for name, row in found.items()} == {
        "max_connections": "at least the primary's 500",
        "max_wal_senders": "at least 30",
    }
    assert found["max_connections"].level == "critical"


def test_standby_without_a_slot_is_told_which_to_use() -> None:
    found = wrong(replace(STANDBY, own=server(in_recovery=True, primary_slot_name="")))
    assert found["primary_slot_name"].fix.startswith("ALTER SYSTEM SET primary_slot_name = 'az_b';")
    assert found["primary_slot_name"].value == "empty"


def test_value_that_waits_for_a_restart_is_not_yet_right() -> None:
    own = server()
    own.parameters["wal_level"] = replace(own.parameters["wal_level"], pending_restart=True)
    found = wrong(Case("az-a", own, 2))["wal_level"]
    assert (found.level, found.restart, found.fix) == ("warning", True, "")
    assert found.why.startswith("Its new value waits for a restart.")
