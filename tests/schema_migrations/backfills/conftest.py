"""A small fleet in a database of its own: three tenants with rows, and the ledger; gone at the end."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from dashboard.schema_migrations.backfills.declared import DataChange
from tests.conftest import Servers

DATABASE = "backfill_fleet"
SCHEMAS = ("tenant_a", "tenant_b", "tenant_c")
ROWS = 400
LEDGER = """
CREATE TABLE public.schema_head (schema_name text PRIMARY KEY, kind text, revision text);
CREATE TABLE public.backfill_progress (
    name text, schema_name text, status text NOT NULL DEFAULT 'pending', last_key bigint,
    rows_done bigint NOT NULL DEFAULT 0, rows_total bigint, error text NOT NULL DEFAULT '',
    updated_at timestamptz DEFAULT clock_timestamp(), PRIMARY KEY (name, schema_name)
);
"""
TENANT = """
CREATE SCHEMA {0};
CREATE TABLE {0}.item (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 0, actor text);
INSERT INTO {0}.item (id) SELECT 3 * n FROM generate_series(1, {1}) n;
INSERT INTO public.schema_head VALUES ('{0}', 'tenant', '0002');
"""
REACHED = frozenset({"0002", "0003"})


@dataclass
class Fleet:
    """Three tenants; a row that was changed twice has two hits."""

    url: str

    def ask(self, sql: str, *bound: object) -> list[tuple[Any, ...]]:
        """Run a statement for real."""
        with closing(psycopg2.connect(self.url)) as link, link, link.cursor() as at:
            at.execute(sql, bound or None)
            return at.fetchall() if at.description else []

    def hits(self) -> dict[tuple[str, int], int]:
        """How many rows of each schema were changed how often."""
        query = " UNION ALL ".join(
            f"SELECT '{schema}', hits, count(*) FROM {schema}.item GROUP BY hits" for schema in SCHEMAS
        )
        return {(schema, hits): rows for schema, hits, rows in self.ask(query)}

    def progress(self) -> dict[str, tuple[str, int, int | None]]:
        """Status, rows done and rows counted by schema."""
        query = "SELECT schema_name, status, rows_done, rows_total FROM public.backfill_progress"
        return {row[0]: row[1:] for row in self.ask(query)}


@dataclass
class Listener:
    """A follower that remembers, and stops the run after some batches when told so."""

    stop_after: int | None = None
    texts: list[str] = field(default_factory=list)
    last: tuple[int, int] = (0, 0)
    checks: int = 0

    class Stopped(BaseException):
        """What the queue raises."""

    def check_cancelled(self) -> None:
        self.checks += 1
        if self.stop_after is not None and self.checks > self.stop_after:
            raise self.Stopped

    def progress(self, done: int, total: int, text: str = "") -> None:
        self.last = (done, total)
        self.texts.append(text)

    def log(self, text: str) -> None:
        self.texts.append(text)


def change_of(sql: str = "", **changed: Any) -> DataChange:
    """A data change that counts how often it touched a row."""
    values: dict[str, Any] = {
        "name": "count_hits",
        "title": "Count",
        "table": "item",
        "needs": "0002",
        "key": "id",
        "batch": 50,
        "only": "",
        "sql": sql
        or "UPDATE item SET hits = hits + 1, actor = current_setting('steward.actor')"
        " WHERE id > :after AND id <= :upto",
    }
    return DataChange(**(values | changed))


@pytest.fixture
def fleet(servers: Servers) -> Iterator[Fleet]:
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link:
        link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with link.cursor() as at:
            at.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            at.execute(f"CREATE DATABASE {DATABASE}")
            found = Fleet(servers.postgres.url(DATABASE))
            found.ask(LEDGER + "".join(TENANT.format(schema, ROWS) for schema in SCHEMAS))
            yield found
            at.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
