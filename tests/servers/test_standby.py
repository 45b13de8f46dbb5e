import time
from contextlib import closing
from pathlib import Path

import psycopg2

from dashboard.servers import Postgres, Standby, Upstream, free_port
from tests.servers.conftest import OPTIONS, PASSWORDS


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as link, link, link.cursor() as at:
        at.execute(statement)
        return at.fetchall() if at.description else []


def wait_for(url: str, statement: str, wanted: list[tuple[object, ...]]) -> None:
    deadline = time.monotonic() + 30
    while rows(url, statement) != wanted:
        assert time.monotonic() < deadline, rows(url, statement)
        time.sleep(0.1)


def test_standby_streams_under_its_name_and_slot(scratch: Path, primary: Postgres) -> None:
    upstream = Upstream(
        primary.port, primary.superuser_password, "steward_replication", PASSWORDS.replication
    )
    standby = Standby(scratch / "az-b", free_port(), upstream, OPTIONS)
    there = primary.url("postgres")
    rows(there, "SELECT pg_create_physical_replication_slot('az_b')")  # of a copy that was broken off
    assert standby.ensure_initialised()
    assert not standby.ensure_initialised()
    assert standby.is_standby()
    assert not primary.is_standby()
    standby.start()
    try:
        wait_for(there, "SELECT application_name, state FROM pg_stat_replication", [("az-b", "streaming")])
        assert rows(there, "SELECT slot_name, active FROM pg_replication_slots") == [("az_b", True)]
        rows(there, "CREATE TABLE seen (n int); INSERT INTO seen VALUES (7)")
        wait_for(standby.url("postgres"), "SELECT to_regclass('seen') IS NOT NULL", [(True,)])
        wait_for(standby.url("postgres"), "SELECT n FROM seen", [(7,)])
        assert rows(standby.url("postgres"), "SELECT pg_is_in_recovery()") == [(True,)]
    finally:
        standby.stop()
        rows(there, "DROP TABLE IF EXISTS seen")
    rows(there, "SELECT pg_drop_replication_slot('az_b')")
