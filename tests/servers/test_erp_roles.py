"""The rights as the servers themselves enforce them."""

from contextlib import closing

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from dashboard.servers import Postgres
from tests.servers.conftest import PASSWORDS

DATABASE = "erp_test_roles"
SECRETS = {
    "steward_owner": PASSWORDS.owner,
    "steward_app": PASSWORDS.app,
    "steward_monitor": PASSWORDS.monitor,
    "steward_backup": PASSWORDS.backup,
}


def run(server: Postgres, user: str, *statements: str, database: str = DATABASE) -> list[tuple[object, ...]]:
    url = server.url(database, user, SECRETS.get(user))
    with closing(psycopg2.connect(url)) as link, link, link.cursor() as at:
        for statement in statements:
            at.execute(statement)
        return at.fetchall() if at.description else []


def test_roles_have_exactly_their_attributes(primary: Postgres) -> None:
    found = run(
        primary,
        "postgres",
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolreplication, rolbypassrls"
        " FROM pg_roles WHERE rolname LIKE 'steward%' AND rolcanlogin ORDER BY 1",
    )
    assert found == [
        ("steward", False, False, False, True, False, False),
        ("steward_app", False, False, False, False, False, False),
        ("steward_backup", False, False, False, True, True, True),
        ("steward_monitor", False, False, False, True, False, False),
        ("steward_owner", False, True, False, True, False, False),
        ("steward_replication", False, False, False, True, True, False),
    ]


def test_memberships_are_the_predefined_ones_only(primary: Postgres) -> None:
    found = run(
        primary,
        "postgres",
        "SELECT m.member::regrole::text, m.roleid::regrole::text FROM pg_auth_members m"
        " WHERE m.member::regrole::text LIKE 'steward%' ORDER BY 1, 2",
    )
    assert found == [
        ("steward_backup", "pg_checkpoint"),
        ("steward_backup", "pg_read_all_data"),
        ("steward_backup", "pg_read_all_settings"),
        ("steward_backup", "pg_read_all_stats"),
        ("steward_monitor", "pg_monitor"),
        ("steward_owner", "pg_read_all_stats"),
        ("steward_owner", "pg_signal_backend"),
    ]


def test_passwords_are_kept_as_scram_secrets(primary: Postgres) -> None:
    found = run(
        primary,
        "postgres",
        "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolname LIKE 'steward%'",
    )
    assert found == [(True,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (n int)",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "SELECT * FROM theirs",
        "SELECT set_config('search_path', 'x', true)",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT database_to_xml(true, true, '')",
        "SELECT pg_read_file('postgresql.conf')",
        "SET ROLE steward_owner",
    ],
)
def test_app_login_is_refused(primary: Postgres, statement: str) -> None:
    run(primary, "steward_owner", "CREATE TABLE IF NOT EXISTS theirs (n int)")
    with pytest.raises((InsufficientPrivilege, psycopg2.errors.lookup("25001"))):
        run(primary, "steward_app", statement)


def test_app_cannot_connect_to_other_databases(primary: Postgres) -> None:
    for database in ("postgres", "control_test_roles"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            run(primary, "steward_app", "SELECT 1", database=database)


def test_owner_makes_tenant_roles_that_the_app_can_set_but_not_inherit(primary: Postgres) -> None:
    run(
        primary,
        "steward_owner",
        "CREATE ROLE tenant_x NOLOGIN",
        "GRANT tenant_x TO steward_app",
        "CREATE SCHEMA tenant_x",
        "CREATE TABLE tenant_x.t AS SELECT 1 AS n",
        "GRANT USAGE ON SCHEMA tenant_x TO tenant_x",
        "GRANT SELECT ON tenant_x.t TO tenant_x",
    )
    with pytest.raises(InsufficientPrivilege):
        run(primary, "steward_app", "SELECT * FROM tenant_x.t")
    assert run(primary, "steward_app", "SET LOCAL ROLE tenant_x", "SELECT n FROM tenant_x.t") == [(1,)]
    with pytest.raises(InsufficientPrivilege):
        run(primary, "steward_app", "SET LOCAL ROLE tenant_x", "SELECT set_config('role', 'none', true)")


def test_owner_and_backup_and_monitor_may_set_config(primary: Postgres) -> None:
    for user in ("steward_owner", "steward_backup", "steward_monitor"):
        assert run(primary, user, "SELECT set_config('search_path', '', true)") == [("",)]


def test_monitor_sees_statistics_and_writes_nothing(primary: Postgres) -> None:
    assert run(primary, "steward_monitor", "SELECT count(*) > 0 FROM pg_stat_statements") == [(True,)]
    assert run(primary, "steward_monitor", "SHOW statement_timeout") == [("15s",)]
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        run(primary, "steward_monitor", "CREATE TABLE mine (n int)")


def test_backup_does_what_barman_asks(primary: Postgres) -> None:
    for database in ("postgres", DATABASE):
        found = run(
            primary,
            "steward_backup",
            "SELECT pg_create_restore_point('here') IS NOT NULL, pg_switch_wal() IS NOT NULL",
            database=database,
        )
        assert found == [(True, True)]
    run(primary, "steward_backup", "CHECKPOINT")


def test_useful_extensions_are_in_public(primary: Postgres) -> None:
    found = run(
        primary,
        "steward_owner",
        "SELECT extname FROM pg_extension WHERE extnamespace = 'public'::regnamespace ORDER BY 1",
    )
    names = ["amcheck", "btree_gin", "pg_stat_statements", "pg_trgm", "pgstattuple"]
    assert [name for (name,) in found] == names


def test_control_database_belongs_to_its_role(primary: Postgres) -> None:
    url = primary.url("control_test_roles", "steward", "con")
    with closing(psycopg2.connect(url)) as link, link, link.cursor() as at:
        at.execute("CREATE TABLE mine (n int)")
        at.execute("DROP TABLE mine")
