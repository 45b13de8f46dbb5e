"""One fingerprint of a schema: it changes with every definition and with nothing else."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from dashboard.core.db import db
from dashboard.schema_migrations.drift.definition import (
    NOBODY,
    differences,
    fingerprint,
    fingerprints,
    hash_of,
    read_objects,
)
from tests.conftest import Servers

ACME, GLOBEX = "tenant_acme", "tenant_globex"
DRIFTS = {
    "column": "ALTER TABLE unit ADD COLUMN mark text",
    "type": "ALTER TABLE unit ALTER COLUMN name TYPE varchar(7)",
    "default": "ALTER TABLE unit ALTER COLUMN name SET DEFAULT 'x'",
    "not null": "ALTER TABLE unit ALTER COLUMN name DROP NOT NULL",
    "statistics": "ALTER TABLE unit ALTER COLUMN name SET STATISTICS 500",
    "constraint": "ALTER TABLE unit ADD CONSTRAINT never_x CHECK (name <> 'x')",
    "not valid": "ALTER TABLE unit ADD CONSTRAINT ck_y CHECK (name <> 'y') NOT VALID",
    "index": "CREATE INDEX ix_by_hand ON unit (lower(name))",
    "trigger off": "ALTER TABLE unit DISABLE TRIGGER USER",
    "foreign keys off": "ALTER TABLE unit DISABLE TRIGGER ALL",
    "function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "view": "CREATE VIEW v AS SELECT name FROM unit",
    "policy": "CREATE POLICY p ON unit USING (name <> 'x')",
    "row security": "ALTER TABLE unit FORCE ROW LEVEL SECURITY",
    "owner": f"ALTER TABLE unit OWNER TO {GLOBEX}",
    "right": "GRANT SELECT ON unit TO steward_monitor",
    "right on a column": "GRANT SELECT (name) ON unit TO steward_monitor",
    "right on the schema": f"GRANT USAGE ON SCHEMA {GLOBEX} TO steward_monitor",
    "default privileges": f"ALTER DEFAULT PRIVILEGES FOR ROLE steward_owner IN SCHEMA {GLOBEX}"
    " GRANT SELECT ON TABLES TO steward_monitor",
    "sequence": "CREATE SEQUENCE by_hand",
    "steps of a sequence": "ALTER SEQUENCE unit_id_seq INCREMENT BY 7",
    "type of its own": "CREATE TYPE mood AS ENUM ('good', 'bad')",
    "domain": "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)",
    "rule": "CREATE RULE r AS ON DELETE TO unit DO INSTEAD NOTHING",
    "extended statistics": "CREATE STATISTICS s ON id, name FROM unit",
    "unlogged": "CREATE UNLOGGED TABLE by_hand (id int)",
    "storage option": "ALTER TABLE unit SET (fillfactor = 50)",
    "partitions": "CREATE TABLE parts (id int) PARTITION BY RANGE (id)",
}
SAME = {
    "row": "INSERT INTO unit (code, name) VALUES ('zz', 'Zz')",
    "sequence value": "SELECT setval('unit_id_seq', 4711)",
    "right given and taken": "GRANT SELECT ON unit TO steward_monitor;"
    " REVOKE SELECT ON unit FROM steward_monitor",
    "right of a function written out": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
    " REVOKE ALL ON FUNCTION f() FROM steward_monitor; DROP FUNCTION f()",
    "column come and gone": "ALTER TABLE unit ADD COLUMN mark text; ALTER TABLE unit DROP COLUMN mark",
    "figures": "ANALYZE unit",
}


@pytest.fixture
def owner(app: Flask, servers: Servers) -> Iterator[Connection]:
    """A superuser, so that everything can be broken; undone at the end."""
    url = servers.postgres.url("erp_test").replace("postgresql:", "postgresql+psycopg2:")
    with create_engine(url, poolclass=NullPool).connect() as connection, connection.begin() as change:
        yield connection
        change.rollback()


@pytest.fixture(scope="module")
def before(app: Flask) -> str:
    """What globex is while nobody has changed it."""
    with app.app_context(), db.engines["owner"].connect() as connection:
        return fingerprint(connection, GLOBEX, role=GLOBEX)


def after(connection: Connection, statement: str) -> str:
    connection.exec_driver_sql(f"SET LOCAL search_path TO {GLOBEX}, public")
    connection.exec_driver_sql(statement.replace("%", "%%"))
    return fingerprint(connection, GLOBEX, role=GLOBEX)


def test_server_and_python_make_the_same_hash_of_equal_schemas(owner: Connection) -> None:
    found = fingerprints(owner, {ACME: ACME, GLOBEX: GLOBEX, "tenant_nobody": NOBODY})
    assert found.keys() == {ACME, GLOBEX}
    assert found[ACME] == found[GLOBEX]
    assert found[ACME] == fingerprint(owner, ACME, role=ACME)
    assert found[ACME] == hash_of(read_objects(owner, ACME, role=ACME))


@pytest.mark.parametrize("statement", DRIFTS.values(), ids=DRIFTS.keys())
def test_every_definition_changes_the_fingerprint(owner: Connection, before: str, statement: str) -> None:
    assert after(owner, statement) != before


@pytest.mark.parametrize("statement", SAME.values(), ids=SAME.keys())
def test_what_is_no_definition_does_not(owner: Connection, before: str, statement: str) -> None:
    assert after(owner, statement) == before


def test_index_that_is_not_valid_is_another_one(owner: Connection) -> None:
    """What a broken CREATE INDEX CONCURRENTLY leaves has the definition of a good one."""
    good = after(owner, "CREATE INDEX ix_by_hand ON unit (name)")
    broken = after(
        owner,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tenant_globex.ix_by_hand'::regclass",
    )
    assert broken != good
    assert ("index", "ix_by_hand", "CREATE INDEX ix_by_hand ON unit USING btree (name), NOT VALID") in (
        read_objects(owner, GLOBEX, role=GLOBEX)
    )


def test_names_of_schema_and_role_do_not_count(owner: Connection, before: str) -> None:
    """A spare becomes a tenant by renaming: also where its name would sort before that of the owner."""
    owner.execute(text(f"ALTER SCHEMA {GLOBEX} RENAME TO spare_9; ALTER ROLE {GLOBEX} RENAME TO spare_9"))
    assert fingerprint(owner, "spare_9", role="spare_9") == before


def test_differences_are_named_and_rights_to_enter_are_left_out(owner: Connection) -> None:
    after(owner, "CREATE INDEX ix_by_hand ON unit (name)")
    owner.exec_driver_sql(f"REVOKE ALL ON SCHEMA {GLOBEX} FROM {GLOBEX}")
    found = differences(owner, GLOBEX, ACME)
    assert "index ix_by_hand" in found
    assert not [name for name in found if name.startswith("schema ")]
