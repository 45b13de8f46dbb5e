"""The server itself: settings that change, extensions, the log, certificates, encryption."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.health.connection import ProbeError, fetch, probe_connection
from dashboard.health.masking import mask_message, mask_secrets, mask_sql
from dashboard.health.queries import get_reading
from dashboard.health.server import judging, log_probes, queries
from dashboard.health.server.certificate_probes import Endpoint, read_certificate, validity_of
from dashboard.health.server.extensions import enable_extension, recipe
from dashboard.health.server.log_parsing import Message, line_pattern, read_messages, worst_first
from dashboard.health.server.models import ServerMessage, SettingChange
from dashboard.health.server.probes import Identity, SettingState, differences, read_identity, read_settings
from dashboard.health.server.refreshing import (
    CERTIFICATES,
    LOG,
    SETTINGS,
    endpoints,
    refresh_certificates,
    refresh_identity,
    refresh_log,
    refresh_settings,
)
from dashboard.health.server.service import store_messages
from dashboard.health.service import store_reading
from tests.cluster import wait_until
from tests.conftest import Servers
from tests.health.bell import Bell, forget_readings
from tests.health.tls_front import tls_front

NOW = datetime.now(UTC)
LINES = """\
2026-01-02 03:04:05.678 UTC [41] LOG:  checkpoint starting: time
2026-01-02 03:04:06.000 UTC [42] app@erp steward ERROR:  duplicate key value violates unique constraint "uq_x"
2026-01-02 03:04:06.000 UTC [42] app@erp steward DETAIL:  Key (email)=(ann@example.com) already exists.
2026-01-02 03:04:06.000 UTC [42] app@erp steward STATEMENT:  INSERT INTO x (email)
\tVALUES ('ann@example.com')
2026-01-02 03:04:07.000 UTC [43] app@erp steward ERROR:  duplicate key value violates unique constraint "uq_x"
2026-01-02 03:04:08.000 UTC [44] app@erp steward ERROR:  invalid input syntax for type integer: "4711 0815"
2026-01-02 03:04:09.000 UTC [45] app@erp steward FATAL:  password authentication failed for user "eve"
2026-01-02 03:04:10.000 UTC [46] a@b c LOG:  process 46 still waiting for ShareLock on transaction 9
this line is of nobody
"""
PREFIX = "%m [%p] %q%u@%d %a "


def messages(lines: str = LINES, prefix: str = PREFIX, zone: str = "UTC") -> list[Message]:
    return worst_first(read_messages(lines.splitlines(), prefix, zone, NOW))


def test_log_is_grouped_by_message_without_values() -> None:
    found = messages()
    assert [(row.level, row.times) for row in found] == [("FATAL", 1), ("ERROR", 2), ("ERROR", 1), ("LOG", 1)]
    twice = found[1]
    assert twice.message == 'duplicate key value violates unique constraint "uq_x"'
    assert twice.first_at == datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    assert twice.last_at - twice.first_at == timedelta(seconds=1)
    everything = str(found)
    for secret in ("ann@example.com", "4711", "0815"):
        assert secret not in everything
    assert found[3].message == "process ? still waiting for ShareLock on transaction ?"


def test_statement_of_an_error_is_kept_without_its_values() -> None:
    lines = LINES.splitlines()[1:5]
    found = read_messages(lines, PREFIX, "UTC", NOW)
    assert found[0].statement == "INSERT INTO x (email) VALUES (?)"


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("%m [%p] ", "2026-07-01 12:00:00.123 CEST [9] ERROR:  x"),
        ("%t %-6p %u: ", "2026-07-01 12:00:00 CEST 77     ann: ERROR:  x"),
        ("", "ERROR:  x"),
        ("%n %% %e ", "1782900000.123 % 42P01 ERROR:  x"),
        ("%m [%p] %q%u ", "2026-07-01 12:00:00.123 CEST [9] ERROR:  x"),
    ],
    ids=["usual", "padded", "none", "epoch", "no session"],
)
def test_prefix_of_the_log_may_be_another(prefix: str, line: str) -> None:
    assert line_pattern(prefix).match(line)
    found = messages(line, prefix, "Europe/Berlin")
    assert [(row.level, row.message) for row in found] == [("ERROR", "x")]
    if prefix.startswith(("%m", "%t")):
        assert found[0].first_at.hour == 10
    assert messages(line, prefix, "Nowhere/Land")


def test_values_are_taken_out_of_statements() -> None:
    masked = mask_sql("SELECT 'a''b', E'c\\'d', 12.5, $1, $x$ y $x$ -- note\nFROM t1 WHERE id IN (1, 2, 3)")
    assert masked == "SELECT ?, ?, ?, $1, ? FROM t1 WHERE id IN (?, …)"
    assert mask_sql("ALTER ROLE x PASSWORD 'cut in the mid") == "ALTER ROLE x PASSWORD ?"
    assert mask_sql("x" * 400).endswith("…")
    assert mask_secrets("host=a password=hunter2 user=b") == "host=a password=*** user=b"
    assert mask_secrets("postgresql://u:hunter2@h/d") == "postgresql://u:***@h/d"
    assert "hunter2" not in mask_message('syntax error at or near "hunter2"')


@pytest.fixture
def superuser(servers: Servers) -> Iterator[Any]:
    """A connection that may do anything."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link:
        link.autocommit = True
        yield link


def do(link: Any, statement: str) -> None:
    with link.cursor() as at:
        at.execute(statement)


def test_log_of_the_server_beside_us_is_read_on_from_where_one_was(
    app: Flask, control: Session, settings: Settings, superuser: Any
) -> None:
    forget_readings()
    control.execute(delete(ServerMessage))
    assert refresh_log(settings) == ""
    before = {row.fingerprint: row.times for row in queries.list_messages()}
    with pytest.raises(psycopg2.Error):
        do(superuser, "SELECT 1 FROM desk_no_such_table WHERE name = 'private'")
    wait_until(lambda: refresh_log(settings) == "" and named("desk_no_such_table"), 5)
    row = named("desk_no_such_table")[0]
    assert (row.level, row.times) == ("ERROR", 1)
    assert row.statement == "SELECT ? FROM desk_no_such_table WHERE name = ?"
    assert refresh_log(settings) == ""
    assert named("desk_no_such_table")[0].times == 1  # read once only
    assert before == {key: times for key, times in before.items() if times >= 1}
    reading = get_reading(LOG)
    assert reading is not None
    assert reading.data["place"]["path"].endswith("pg.log")


def named(words: str) -> list[ServerMessage]:
    return [row for row in queries.list_messages() if words in row.message]


def test_log_that_was_rotated_or_flooded_is_read_from_the_right_place(tmp_path: Path) -> None:
    place = {"path": "a", "inode": 1, "offset": 50}
    assert log_probes._begin("a", 1, 80, place) == 50
    assert log_probes._begin("a", 2, 80, place) == 0  # another file of the name
    assert log_probes._begin("a", 1, 20, place) == 0  # it was emptied
    assert log_probes._begin("b", 1, 80, place) == 0
    assert log_probes._limited(0, log_probes.MOST_BYTES + 7) == (7, 7)
    assert log_probes._begin("a", 1, log_probes.FIRST_BYTES + 5, None) == 5


def test_collected_log_is_read_by_sql_or_says_what_is_missing(
    settings: Settings, superuser: Any, servers: Servers, tmp_path: Path
) -> None:
    identity = read_identity(settings.database_monitor_url)[0]
    far = Identity(**{**vars(identity), "collects_log": True, "log_line_prefix": PREFIX})
    denied = log_probes._read_by_sql(settings.database_monitor_url, far, None)
    assert "may not read the log" in denied.trouble or "names no current log" in denied.trouble
    (servers.postgres.folder / "desk.log").write_text(LINES)
    bound = {"path": "desk.log", "offset": 0, "length": 99_999}
    with probe_connection(servers.postgres.url("erp_test")) as link:
        piece = fetch(link, log_probes.SQL / "log_piece.sql", log_probes._Piece, bound)[0]
    (servers.postgres.folder / "desk.log").unlink()
    read = log_probes._reading(bytes(piece.content), log_probes.Place("x", "desk.log", 0, 0), far, 0)
    assert sum(row.times for row in read.messages) == 5
    assert all("{role}" not in line for line in denied.grants)


def test_silent_messages_are_forgotten_after_a_month(app: Flask, control: Session) -> None:
    old = Message("f" * 24, "ERROR", "old", "", 1, NOW - timedelta(days=40), NOW - timedelta(days=31))
    new = Message("e" * 24, "ERROR", "new", "SELECT ?", 2, NOW, NOW)
    store_messages([old, new])
    store_messages([new])
    found = {row.message: row.times for row in control.query(ServerMessage)}
    assert found["new"] == 4
    assert "old" not in found


def test_change_of_a_setting_is_kept_with_its_source(
    app: Flask, control: Session, settings: Settings, superuser: Any
) -> None:
    forget_readings()
    control.execute(delete(SettingChange))
    assert refresh_settings(settings) == ""
    assert queries.list_changes() == []  # the first reading is where history begins
    try:
        do(superuser, "ALTER SYSTEM SET deadlock_timeout = '1234ms'")
        do(superuser, "ALTER SYSTEM SET max_worker_processes = 9")
        do(superuser, "ALTER ROLE steward_app SET work_mem = '7MB'")
        do(superuser, "SELECT pg_reload_conf()")
        wait_until(lambda: value_of(settings, "deadlock_timeout") == "1234", 5)
        assert refresh_settings(settings) == ""
    finally:
        do(superuser, "ALTER SYSTEM RESET deadlock_timeout")
        do(superuser, "ALTER SYSTEM RESET max_worker_processes")
        do(superuser, "ALTER ROLE steward_app RESET work_mem")
        do(superuser, "SELECT pg_reload_conf()")
    found = {row.name: row for row in queries.list_changes()}
    changed = found["deadlock_timeout"]
    assert (changed.old, changed.new, changed.unit) == ("1000", "1234", "ms")
    assert "postgresql.auto.conf" in changed.source_file
    assert found["max_worker_processes"].pending_restart
    assert (found["role steward_app work_mem"].old, found["role steward_app work_mem"].new) == (None, "7MB")
    reading = get_reading(SETTINGS)
    assert reading is not None
    assert "max_worker_processes" in judging.judge_settings(reading.values)[0].text


def value_of(settings: Settings, name: str) -> str:
    return next(row.value for row in read_settings(settings.database_monitor_url)[1] if row.name == name)


def test_what_the_probe_sets_for_itself_is_no_setting_of_the_server(settings: Settings) -> None:
    names = {row.name for row in read_settings(settings.database_monitor_url)[1]}
    assert "statement_timeout" not in names
    assert "application_name" not in names
    assert {"max_connections", "shared_buffers"} <= names


def test_setting_that_is_gone_is_a_change() -> None:
    before = [{"name": "a.b", "value": "1", "unit": "", "pending_restart": False}]
    after = [SettingState("x", "1", "", "default", "", pending_restart=False)]
    assert [(row.name, row.old, row.new) for row in differences(before, after)] == [
        ("a.b", "1", None),
        ("x", None, "1"),
    ]


def test_extension_is_installed_by_the_owner_or_the_sql_is_given(settings: Settings, superuser: Any) -> None:
    assert "SCHEMA public" in recipe("uuid-ossp").statement
    assert "restart" in recipe("pg_cron").preload
    with pytest.raises(InvalidInputError, match="does not ask for"):
        recipe("plpython3u")
    with pytest.raises(ConflictError, match="install its package first"):
        enable_extension(settings.database_direct_url, "pg_cron")
    do(superuser, "DROP EXTENSION IF EXISTS pgstattuple")
    try:
        with pytest.raises(ConflictError, match='Run as one: CREATE EXTENSION IF NOT EXISTS "pgstattuple"'):
            enable_extension(settings.database_direct_url, "pgstattuple")
    finally:
        do(superuser, "CREATE EXTENSION pgstattuple SCHEMA public")
    enable_extension(settings.database_direct_url, "amcheck")  # it is there: nothing to do


@pytest.mark.breaks("health.certificate_ending", "health.certificate_nearly_over")
def test_certificate_that_comes_to_its_end(
    bell: Bell, settings: Settings, servers: Servers, tmp_path: Path
) -> None:
    """Twenty days left warn; that seven are critical is seen at a moved limit, and with one that is new."""
    with tls_front(tmp_path, servers.postgres.port, days=20, postgres=True) as port:
        used = settings.model_copy(update={"database_url": f"postgresql://u@127.0.0.1:{port}/erp_test"})
        refresh_certificates(used)
    found = bell.reasons("health.certificate_ending")
    assert found.keys() == {"ERP server"}
    assert "erp.example.com) expires at" in found["ERP server"]
    assert bell.is_quiet("health.certificate_nearly_over")
    assert bell.reasons("health.certificate_nearly_over", limit=21)
    reading = get_reading(CERTIFICATES)
    assert reading is not None
    assert reading.values["certificates"][0]["protocol"].startswith("TLS")
    levels = {
        days: {one.level for one in judging.judge_certificates(reading.values, NOW + timedelta(days=days))}
        for days in (0, 14, 40)
    }
    assert levels == {0: {"warning"}, 14: {"critical"}, 40: {"critical"}}
    with tls_front(tmp_path, servers.postgres.port, days=90, postgres=True) as port:
        used = settings.model_copy(update={"database_url": f"postgresql://u@127.0.0.1:{port}/erp_test"})
        refresh_certificates(used)
    assert bell.is_quiet("health.certificate_ending")
    assert bell.is_quiet("health.certificate_nearly_over", limit=21)


def test_connections_are_counted_by_encryption(settings: Settings, superuser: Any) -> None:
    found = read_identity(settings.database_monitor_url)[1]
    assert found.here >= 1
    assert found.total == found.encrypted + found.here
    assert (found.open, found.open_by) == (0, [])  # nobody comes over the network here


def test_connections_in_the_open_are_told(app: Flask) -> None:
    found = {"encryption": {"total": 9, "open": 2, "open_by": ["app from 10.0.0.7"]}}
    assert "2 of 9 connections come over the network unencrypted" in judging.judge_encryption(found)[0].text
    assert judging.judge_encryption({}) == []


def test_server_without_tls_or_away_is_an_answer(settings: Settings, servers: Servers) -> None:
    plain = read_certificate(Endpoint("x", "127.0.0.1", servers.postgres.port, postgres=True))
    assert (plain.encrypted, plain.error) == (False, "")
    away = read_certificate(Endpoint("x", "127.0.0.1", 1, postgres=False))
    assert "refused" in away.error
    with pytest.raises(ProbeError, match="cannot be read"):
        validity_of(b"\x30\x03\x02\x01")


def test_everything_with_a_certificate_is_looked_at(settings: Settings) -> None:
    used = settings.model_copy(
        update={
            "broker_url": "rediss://:x@redis.example.com/0",
            "cache_url": "rediss+sentinel://a/main",
            "base_url": "https://erp.example.com",
            "control_url": "postgresql+psycopg2://u@one,two:5433/control",
        }
    )
    found = [(one.name, one.host, one.port) for one in endpoints(used)]
    assert ("Broker", "redis.example.com", 6379) in found
    assert ("This site", "erp.example.com", 443) in found
    assert {host for name, host, _ in found if name == "Control database"} == {"one", "two"}
    assert not [name for name, *_ in found if name == "Cache"]


def test_page_shows_log_changes_and_certificates(
    bell: Bell, control: Session, settings: Settings, login: object
) -> None:
    refresh_identity(settings)
    store_messages([Message("d" * 24, "ERROR", "relation is gone", "SELECT ?", 3, NOW, NOW)])
    moment = datetime.now(UTC) + timedelta(days=3)
    ends = {"name": "erp", "address": "h:1", "encrypted": True, "expires_at": moment.isoformat()}
    store_reading(
        CERTIFICATES, {"certificates": [{**ends, "error": "", "subject": "s", "protocol": "TLSv1.3"}]}
    )
    control.add(
        SettingChange(
            seen_at=NOW,
            server="erp",
            name="work_mem",
            old="4096",
            new="65536",
            unit="kB",
            source="configuration file",
            source_file="x.conf:7",
            pending_restart=False,
        )
    )
    control.commit()
    browser: FlaskClient = login("dba")  # type: ignore[operator]
    html = browser.get("/database/server").text
    for words in ("relation is gone", "65536", "x.conf:7", "2 days left", "The certificate of erp expires"):
        assert words in html
    assert browser.get("/database/server?all=1").status_code == 200
