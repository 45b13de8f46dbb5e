"""Steps tried in one schema: times, the locks PostgreSQL really takes, what it writes anew, its own words."""

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.rehearsal.trying import Trial, Tried, read_revision, read_sizes
from tests.conftest import Servers

SCHEMA = "tenant_tried"
PREPARE = f"""
CREATE TABLE public.tenant (slug text, schema_name text);
INSERT INTO public.tenant VALUES ('tried', '{SCHEMA}'), ('small', 'tenant_small'), ('gone', 'tenant_gone');
CREATE SCHEMA tenant_small;
CREATE SCHEMA {SCHEMA};
SET search_path TO {SCHEMA};
CREATE TABLE alembic_version (version_num text PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE part (id int PRIMARY KEY, code text NOT NULL, price int);
INSERT INTO part SELECT n, 'P-' || n % 2999, n FROM generate_series(1, 3000) n;
CREATE TABLE stock (id int PRIMARY KEY, part_id int);
"""


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    """A database of its own with one tenant's schema."""
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link, link.cursor() as at:
        link.autocommit = True
        at.execute("CREATE DATABASE tried OWNER steward_owner")
    made = servers.postgres.url("tried", "steward_owner", "owner")
    with closing(psycopg2.connect(made)) as link, link, link.cursor() as at:
        at.execute(PREPARE)
    yield made
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link, link.cursor() as at:
        link.autocommit = True
        at.execute("DROP DATABASE tried WITH (FORCE)")


Try = Callable[..., Tried]


@pytest.fixture
def attempt(url: str) -> Try:
    """Try one step made of these statements."""

    def run(*statements: str, transactional: bool = True, reaches: str | None = None) -> Tried:
        step = Step(0, "0002", transactional, statements, reaches)
        with Trial(url, SCHEMA, _no_alembic, lambda: None) as trial:
            return trial.run(step)

    return run


def _no_alembic(*_: object) -> None:
    raise AssertionError("nothing here is run by Alembic")


def held(tried: Tried) -> set[tuple[str, str]]:
    return {(lock.relation, lock.mode) for lock in tried.locks}


def test_a_new_column_holds_up_readers_of_that_table_alone_and_writes_nothing_anew(attempt: Try) -> None:
    tried = attempt("ALTER TABLE part ADD COLUMN note text", "CREATE TABLE fresh (id int)")
    assert tried.error == {}
    assert held(tried) == {("part", "ACCESS EXCLUSIVE")}
    (lock,) = tried.locks
    assert (lock.statement, len(tried.statements)) == (0, 2)
    assert lock.held_ms == pytest.approx(tried.milliseconds)
    assert tried.rewritten == []
    assert tried.wal_bytes > 0


def test_a_lock_counts_from_the_statement_that_took_it(attempt: Try) -> None:
    tried = attempt("SELECT pg_sleep(0.2)", "ALTER TABLE stock ADD FOREIGN KEY (part_id) REFERENCES part")
    assert {("stock", "SHARE ROW EXCLUSIVE"), ("part", "SHARE ROW EXCLUSIVE")} <= held(tried)
    assert all(lock.statement == 1 and lock.held_ms < tried.milliseconds - 150 for lock in tried.locks)


def test_a_table_written_anew_is_named(attempt: Try) -> None:
    tried = attempt("ALTER TABLE part ALTER COLUMN price TYPE bigint")
    assert "part" in tried.rewritten
    assert tried.wal_bytes > 100_000


def test_a_concurrent_index_is_seen_with_the_lock_it_holds_meanwhile(attempt: Try) -> None:
    # it is looked at from beside, now and again: an index of a few milliseconds would be missed
    many = "INSERT INTO part (id, code) SELECT 10000 + n, 'Q-' || n FROM generate_series(1, 200000) AS n"
    assert attempt(many).error == {}
    tried = attempt("CREATE INDEX CONCURRENTLY ix_code ON part (code)", transactional=False)
    assert tried.error == {}
    assert ("part", "SHARE UPDATE EXCLUSIVE") in held(tried)


def test_data_that_breaks_a_rule_are_told_with_the_statement_in_the_words_of_postgres(
    attempt: Try, url: str
) -> None:
    tried = attempt(
        "ALTER TABLE part ADD COLUMN gone int",
        "ALTER TABLE part ADD CONSTRAINT uq_code UNIQUE (code)",
        reaches="0002",
    )
    assert tried.error["words"] == 'could not create unique index "uq_code". Key (code)=(P-1) is duplicated.'
    assert (tried.error["statement"], tried.error["code"]) == (1, "23505")
    assert "uq_code" in tried.error["sql"]
    assert read_revision(url, SCHEMA) == "0001"
    assert attempt("ALTER TABLE part ADD COLUMN gone int").error == {}, "the step was rolled back as a whole"


def test_whole_rows_are_not_told(attempt: Try) -> None:
    tried = attempt("ALTER TABLE part ADD CHECK (price < 0)", "INSERT INTO part VALUES (9999, 'secret', 1)")
    assert tried.error["code"] == "23514"
    tried = attempt("INSERT INTO part (id, code) VALUES (9999, NULL)")
    assert "9999" not in tried.error["words"]


def test_the_version_moves_with_the_step_that_reaches_it(attempt: Try, url: str) -> None:
    assert attempt("SELECT 1", reaches="0002").error == {}
    assert read_revision(url, SCHEMA) == "0002"
    assert read_revision(url, "tenant_small") is None


def test_the_largest_tenants_come_first(url: str) -> None:
    sizes = read_sizes(url)
    assert [slug for slug, _schema, _bytes in sizes] == ["tried", "small"]
    assert sizes[0][2] > 100_000
    assert sizes[1][2] == 0


def test_a_cancelled_run_ends_the_statement_at_the_server(url: str) -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    with Trial(url, SCHEMA, _no_alembic, cancel) as trial, pytest.raises(KeyboardInterrupt):
        trial.run(Step(0, "0002", True, ("SELECT pg_sleep(60)",), None))
