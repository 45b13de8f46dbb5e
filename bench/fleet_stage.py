"""Owns what the benchmark of the fleet changes: many light schemas, and two revisions after the real ones."""

import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from alembic.script import ScriptDirectory

from bench.stage import Stage, execute, rows
from dashboard.schema_migrations.fleet.rendering import render
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.histories import History
from dashboard.servers.accounts import service_account
from dashboard.servers.binaries import postgres_bin

NAMES = ("quote", *(f"t{number}" for number in range(2, 26)))
ROWS = 10
CHANGED = "pg_class, pg_attribute, pg_index, pg_depend, public.schema_head, public.tenant_revision"
COLUMN = '''"""A column."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "bench_column", "{head}", None, None


def upgrade() -> None:
    op.add_column("quote", sa.Column("bench", sa.Text()))


def downgrade() -> None:
    op.drop_column("quote", "bench")
'''
INDEX = '''"""A concurrent index."""
from alembic import op

revision, down_revision, branch_labels, depends_on = "bench_index", "bench_column", None, None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("ix_quote_bench", "quote", ["bench"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_quote_bench", "quote", postgresql_concurrently=True)
'''
# What `alembic init` writes, for one schema at a time: the way without a fleet runner.
ENV = """from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql(f"SET search_path TO {context.config.attributes['schema']}, public")
connection.commit()
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
"""
REGISTER = """
WITH t AS (
    INSERT INTO public.tenant (slug, name, schema_name, role_name, colour, status)
    SELECT 'bench-' || n, 'Bench ' || n, 'tenant_bench_' || n, 'tenant_bench_' || n, '#000000', 'active'
    FROM generate_series(1, {count}) AS n
    RETURNING id, schema_name
)
INSERT INTO public.schema_head (schema_name, kind, tenant_id, revision)
SELECT schema_name, 'tenant', id, '{head}' FROM t
"""


@dataclass(frozen=True)
class Fleet:
    """Schemas at the head of the real history, and the folder with two revisions more."""

    url: str
    superuser_url: str
    schemas: Sequence[str]
    folder: Path
    psql: Path

    @property
    def scripts(self) -> ScriptDirectory:
        """The real history with the column and the index after its head."""
        return ScriptDirectory(str(self.folder))

    @property
    def steps(self) -> list[Step]:
        """The plan."""
        return render(self.scripts, self.head, "head")

    @property
    def head(self) -> str:
        """Where the schemas stand before."""
        return ScriptDirectory(History.TENANT.directory).get_current_head() or ""

    def forward(self) -> str:
        """Return the raw SQL, as `alembic upgrade --sql` writes it, schema after schema."""
        column, index = (step.statements[0] for step in self.steps)
        parts = [
            f"SET search_path TO {schema}, public;\nBEGIN;\n{column};\n{_move(self.head, 'bench_column')}"
            f"{index};\nBEGIN;\n{_move('bench_column', 'bench_index')}"
            for schema in self.schemas
        ]
        return "".join(parts)

    def run_psql(self, text: str) -> float:
        """Let psql run a text over one connection; return the seconds."""
        file = self.folder / "all.sql"
        file.write_text(text)
        begun = time.perf_counter()
        command = [str(self.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file), self.url]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begun

    def check(self, revision: str, count: int | None = None) -> None:
        """Refuse a side that did not do its work: every schema at a revision, no index missing or invalid."""
        wanted = len(self.schemas) if count is None else count
        found = rows(self.url, "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_quote_bench'")[0][0]
        invalid = rows(self.url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid")[0][0]
        ends = self.schemas[0], self.schemas[wanted - 1]
        versions = {rows(self.url, f"SELECT version_num FROM {name}.alembic_version")[0][0] for name in ends}
        if (found, invalid, versions) != (wanted, 0, {revision}):
            raise RuntimeError(f"{found} of {wanted} indexes, {invalid} invalid, at {versions}")

    def back(self) -> None:
        """Put every schema and the ledger where they were; that does not count."""
        undo = "".join(
            f"BEGIN; ALTER TABLE {schema}.quote DROP COLUMN IF EXISTS bench;"
            f" UPDATE {schema}.alembic_version SET version_num = '{self.head}'; COMMIT;\n"
            for schema in self.schemas
        )
        self.run_psql(undo)
        reset = f"UPDATE public.schema_head SET revision = '{self.head}'"
        execute(self.superuser_url, "TRUNCATE public.fleet_task", reset, f"VACUUM {CHANGED}", "CHECKPOINT")


def settle(stage: Stage, count: int, folder: Path) -> Fleet:
    """Make the schemas and register them as tenants."""
    bin_folder = postgres_bin(service_account(), stage.folder / "bin")
    head = ScriptDirectory(History.TENANT.directory).get_current_head() or ""
    schemas = [f"tenant_bench_{number}" for number in range(1, count + 1)]
    with closing(psycopg2.connect(stage.database)) as link, link.cursor() as at:
        at.execute("SET ROLE steward_owner")
        for number, schema in enumerate(schemas):
            at.execute(_ddl(schema, head))
            if number % 20 == 19:  # a transaction keeps a lock for each relation it makes
                link.commit()
        at.execute(REGISTER.format(count=count, head=head))
        link.commit()
    execute(stage.database, "ANALYZE", "CHECKPOINT")
    shutil.copytree(Path(History.TENANT.directory) / "versions", folder / "versions")
    (folder / "versions" / "bench_column.py").write_text(COLUMN.format(head=head))
    (folder / "versions" / "bench_index.py").write_text(INDEX)
    (folder / "env.py").write_text(ENV)
    url = stage.environment["DATABASE_DIRECT_URL"]
    return Fleet(url, stage.database, schemas, folder, bin_folder / "psql")


def _move(before: str, after: str) -> str:
    return f"UPDATE alembic_version SET version_num = '{after}' WHERE version_num = '{before}';\nCOMMIT;\n"


def _ddl(schema: str, head: str) -> str:
    """Return a schema as heavy as a tenant's: 25 tables, 78 indexes, a few rows where work is done."""
    tables = "".join(
        f"CREATE TABLE {schema}.{name} (id bigint PRIMARY KEY, version int NOT NULL DEFAULT 1,"
        " name text, code text, created_at timestamptz DEFAULT now());"
        for name in NAMES
    )
    indexes = "".join(
        f"CREATE INDEX ix_{name}_{column} ON {schema}.{name} ({column});"
        for name in NAMES
        for column in ("name", "code")
    )
    return (
        f"CREATE SCHEMA {schema}; {tables} {indexes}"
        f"INSERT INTO {schema}.quote (id, name) SELECT n, 'quote ' || n FROM generate_series(1, {ROWS}) AS n;"
        f"CREATE TABLE {schema}.alembic_version (version_num varchar(32) PRIMARY KEY);"
        f"INSERT INTO {schema}.alembic_version VALUES ('{head}')"
    )
