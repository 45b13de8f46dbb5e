"""The table of locks against PostgreSQL itself: what each statement really takes."""

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.linting.facts import Facts
from dashboard.schema_migrations.linting.review import review
from tests.conftest import Servers

DATABASE = "lint_locks"
FACTS = Facts(index_tables={"ix_item_code": "item"}, references={("item", "fk_item_group"): "grp"})
SETUP = """
CREATE TABLE grp (id bigint PRIMARY KEY);
CREATE TABLE item (
    id bigint PRIMARY KEY, code varchar(20), amount numeric(10, 2), note text, other_id bigint,
    group_id bigint CONSTRAINT fk_item_group REFERENCES grp (id)
);
ALTER TABLE item ADD CONSTRAINT ck_item_amount CHECK (amount >= 0) NOT VALID;
CREATE INDEX ix_item_code ON item (code);
CREATE TABLE lonely (id bigint);
CREATE INDEX ix_lonely ON lonely (id);
CREATE UNIQUE INDEX uq_item_id ON item (id);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY seen ON item USING (true);
CREATE VIEW cheap AS SELECT id FROM grp;
CREATE SEQUENCE numbers;
CREATE MATERIALIZED VIEW counted AS SELECT 1 AS rows;
INSERT INTO grp VALUES (1), (2);
INSERT INTO item (id, code) VALUES (2, 'a');
"""
STATEMENTS = {
    "create table": "CREATE TABLE fresh (id bigint PRIMARY KEY, note text DEFAULT 'a, b')",
    "create table with key": "CREATE TABLE fresh (id bigint, g bigint REFERENCES grp (id))",
    "create index": "CREATE INDEX ix_new ON item (note)",
    "create unnamed index": "CREATE UNIQUE INDEX ON item (id)",
    "create trigger": "CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION touch()",
    "drop trigger": "DROP TRIGGER touched ON item",
    "rename trigger": "ALTER TRIGGER touched ON item RENAME TO touches",
    "create policy": "CREATE POLICY more ON item USING (id > 0)",
    "drop policy": "DROP POLICY seen ON item",
    "create statistics": "CREATE STATISTICS s (dependencies) ON code, note FROM item",
    "create view": "CREATE VIEW dear AS SELECT id FROM item",
    "create sequence": "CREATE SEQUENCE more_numbers",
    "alter sequence": "ALTER SEQUENCE numbers RESTART WITH 5",
    "drop sequence": "DROP SEQUENCE numbers",
    "drop table": "DROP TABLE item",
    "drop view": "DROP VIEW cheap",
    "drop index": "DROP INDEX ix_item_code",
    "rename index": "ALTER INDEX ix_lonely RENAME TO ix_group",
    "comment on table": "COMMENT ON TABLE item IS 'ALTER TABLE grp'",
    "comment on column": "COMMENT ON COLUMN item.code IS 'x'",
    "grant": "GRANT SELECT ON item TO pg_monitor",
    "create function": "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; END $$",
    "create sql function": "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM item'",
    "create atomic function": "CREATE FUNCTION f() RETURNS void LANGUAGE sql"
    " BEGIN ATOMIC DELETE FROM item; INSERT INTO grp VALUES (3); END",
    "create type": "CREATE TYPE mood AS ENUM ('good', 'bad')",
    "select": "SELECT count(*) FROM item JOIN grp ON grp.id = item.group_id",
    "insert": "INSERT INTO item (id, code) VALUES (1, 'UPDATE grp')",
    "insert from": "INSERT INTO item (id) SELECT id + 7 FROM grp",
    "upsert": "INSERT INTO grp (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1",
    "update": "UPDATE item SET note = 'x' WHERE id = 1",
    "update from": "UPDATE item SET note = 'x' FROM grp WHERE grp.id = item.group_id",
    "delete using": "DELETE FROM item USING grp WHERE grp.id = item.group_id",
    "with update": "WITH g AS (SELECT id FROM grp) UPDATE item SET note = '' FROM g WHERE g.id = group_id",
    "truncate": "TRUNCATE item",
    "lock in mode": "LOCK TABLE item IN SHARE ROW EXCLUSIVE MODE",
    "lock": "LOCK item",
    "analyze": "ANALYZE item",
    "cluster": "CLUSTER item USING ix_item_code",
    "reindex": "REINDEX TABLE item",
    "refresh view": "REFRESH MATERIALIZED VIEW counted",
    "set": "SET LOCAL work_mem = '8MB'",
}
ACTIONS = {
    "add column": "ADD COLUMN extra text",
    "add column with default": "ADD extra int NOT NULL DEFAULT 5",
    "add computed column": "ADD COLUMN extra uuid DEFAULT gen_random_uuid()",
    "add column with key": "ADD COLUMN g bigint REFERENCES grp (id)",
    "drop column": "DROP COLUMN note",
    "set default": "ALTER COLUMN note SET DEFAULT ''",
    "drop default": "ALTER note DROP DEFAULT",
    "set not null": "ALTER COLUMN code SET NOT NULL",
    "drop not null": "ALTER COLUMN code DROP NOT NULL",
    "widen": "ALTER COLUMN code TYPE varchar(40)",
    "change type": "ALTER COLUMN id SET DATA TYPE numeric USING id::numeric",
    "set statistics": "ALTER COLUMN note SET STATISTICS 0",
    "column option": "ALTER COLUMN note SET (n_distinct = 5)",
    "set storage": "ALTER COLUMN note SET STORAGE EXTERNAL",
    "table option": "SET (fillfactor = 80)",
    "add check": "ADD CONSTRAINT ck CHECK (amount < 100)",
    "add check not valid": "ADD CONSTRAINT ck CHECK (amount < 100) NOT VALID",
    "add foreign key": "ADD CONSTRAINT fk FOREIGN KEY (other_id) REFERENCES grp (id)",
    "add foreign key not valid": "ADD CONSTRAINT fk FOREIGN KEY (other_id) REFERENCES grp (id) NOT VALID",
    "add unique": "ADD CONSTRAINT uq UNIQUE (code)",
    "add unique by index": "ADD CONSTRAINT uq UNIQUE USING INDEX uq_item_id",
    "validate check": "VALIDATE CONSTRAINT ck_item_amount",
    "drop check": "DROP CONSTRAINT ck_item_amount",
    "drop foreign key": "DROP CONSTRAINT fk_item_group",
    "rename column": "RENAME COLUMN note TO remark",
    "rename table": "RENAME TO thing",
    "rename constraint": "RENAME CONSTRAINT ck_item_amount TO ck_amount",
    "disable trigger": "DISABLE TRIGGER touched",
    "row level security": "ENABLE ROW LEVEL SECURITY",
    "owner": "OWNER TO pg_monitor",
    "unlogged": "SET UNLOGGED",
    "several": "ADD COLUMN a int, ALTER COLUMN note SET STATISTICS 5, ADD CHECK (id IN (1, 2))",
}
OUTSIDE = {
    "create index concurrently": "CREATE INDEX CONCURRENTLY ix_new ON item (note)",
    "drop index concurrently": "DROP INDEX CONCURRENTLY ix_item_code",
    "reindex concurrently": "REINDEX TABLE CONCURRENTLY item",
    "vacuum": "VACUUM (ANALYZE) item",
    "vacuum full": "VACUUM (FULL, VERBOSE) item",
}
INSIDE = STATEMENTS | {name: f"ALTER TABLE item {action}" for name, action in ACTIONS.items()}
# Of indexes only the one that is renamed: they are locked along with their tables.
NAMES = """
SELECT oid, relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND (relkind NOT IN ('i', 'I') OR relname = 'ix_lonely')
"""
HELD = "SELECT relation, mode FROM pg_locks WHERE pid = %s"
ORDER = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"),
    *("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    """A database of its own, gone at the end."""
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link:
        link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with link.cursor() as at:
            at.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            at.execute(f"CREATE DATABASE {DATABASE}")
            with closing(psycopg2.connect(servers.postgres.url(DATABASE))) as own, own, own.cursor() as there:
                there.execute(SETUP)
            yield servers.postgres.url(DATABASE)
            at.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def link(url: str) -> Iterator[connection]:
    with closing(psycopg2.connect(url)) as link:
        yield link
        link.rollback()


def said(sql: str, *, transactional: bool = True) -> dict[str, str]:
    """What the review says: the lock by table."""
    reviewed = review([Step(0, "0008", transactional, (sql,))], FACTS)
    assert all(row["lock"] != "unknown" for row in reviewed.locks)
    return {row["table"]: row["lock"] for row in reviewed.locks if row["table"]}


def mode(title: str) -> str:
    """ACCESS EXCLUSIVE as pg_locks writes it."""
    return f"{title.title().replace(' ', '')}Lock"


def strongest(rows: list[tuple[str, str]]) -> dict[str, str]:
    """The strongest lock held by table."""
    locks = [row for row in rows if row[1] in ORDER]
    return dict(sorted(locks, key=lambda row: ORDER.index(row[1])))


@pytest.mark.parametrize("name", INSIDE, ids=lambda name: name.replace(" ", "_"))
def test_the_review_says_the_locks_postgresql_takes(link: connection, name: str) -> None:
    with link.cursor() as at:
        at.execute(NAMES)
        before = dict(at.fetchall())  # what is dropped or renamed is known by its old name
        link.commit()
        at.execute(INSIDE[name])
        at.execute(NAMES)
        names = dict(at.fetchall()) | before
        at.execute(HELD, (link.info.backend_pid,))
        held = strongest([(names[oid], lock) for oid, lock in at.fetchall() if oid in names])
    assert held == {table: mode(lock) for table, lock in said(INSIDE[name]).items()}


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: name.replace(" ", "_"))
def test_so_it_does_for_statements_outside_transactions(link: connection, url: str, name: str) -> None:
    """They are stopped at the lock they ask for, by the weakest that conflicts with all."""
    with link.cursor() as at, closing(psycopg2.connect(url)) as other:
        at.execute(NAMES)
        names = dict(at.fetchall())
        at.execute("LOCK TABLE item IN SHARE UPDATE EXCLUSIVE MODE")
        other.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        waiting = Thread(target=_ignore_cancel, args=(other, OUTSIDE[name]))
        waiting.start()
        asked: list[tuple[str, str]] = []
        while not asked:
            time.sleep(0.01)
            at.execute(f"{HELD} AND NOT granted", (other.info.backend_pid,))
            asked = [(names[oid], lock) for oid, lock in at.fetchall() if oid in names]
        at.execute("SELECT pg_cancel_backend(%s)", (other.info.backend_pid,))
        waiting.join()
    expected = {table: mode(lock) for table, lock in said(OUTSIDE[name], transactional=False).items()}
    assert strongest(asked) == expected


def _ignore_cancel(link: connection, sql: str) -> None:
    with link.cursor() as at:
        try:
            at.execute(sql)
        except psycopg2.errors.QueryCanceled:
            return


@pytest.mark.parametrize(
    "sql",
    [
        "DO $$ BEGIN EXECUTE 'DROP TABLE item'; END $$",
        "SELECT reorganise('item')",
        "DROP TYPE mood CASCADE",
        "ALTER TABLE item FROBNICATE",
        "CREATE EXTENSION hstore",
    ],
    ids=["block", "function", "cascade", "new_action", "extension"],
)
def test_what_cannot_be_told_from_the_text_is_called_unknown(sql: str) -> None:
    reviewed = review([Step(0, "0008", True, (sql,))], FACTS)
    assert "unknown" in {row["lock"] for row in reviewed.locks}
    assert "unknown-lock" in {finding["rule"] for finding in reviewed.findings}
