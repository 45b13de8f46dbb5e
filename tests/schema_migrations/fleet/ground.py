"""A small fleet in a database of its own: schemas with a table each, at the first of a few revisions."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from alembic.script import ScriptDirectory
from psycopg2.extensions import connection
from sqlalchemy import create_engine, text

from dashboard.core.db import SharedModel
from dashboard.schema_migrations.fleet import tasks
from dashboard.schema_migrations.fleet.models import FleetTask
from dashboard.schema_migrations.fleet.rendering import render, start_of
from dashboard.schema_migrations.fleet.running import Hooks, Options, Result, run_fleet
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.models import SchemaHead, TenantRevision
from dashboard.tenancy.models import Tenant
from tests.conftest import Servers

RUN = 1
SHARED: list[Any] = [model.__table__ for model in (Tenant, SchemaHead, TenantRevision, FleetTask)]
FIRST = """
CREATE SCHEMA {0};
CREATE TABLE {0}.item (id bigserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE {0}.applied (revision text NOT NULL);
INSERT INTO {0}.item (name) SELECT 'item ' || n FROM generate_series(1, 20) AS n;
CREATE TABLE {0}.alembic_version
    (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY);
INSERT INTO {0}.alembic_version VALUES ('a1');
"""
LEDGER = """
WITH t AS (
    INSERT INTO public.tenant (slug, name, schema_name, role_name, colour, status)
    SELECT replace(s, '_', '-'), s, s, s, '#000000', 'active' FROM unnest(%(tenants)s) AS s
    RETURNING id, schema_name
)
INSERT INTO public.schema_head (schema_name, kind, tenant_id, revision)
SELECT schema_name, 'tenant', id, 'a1' FROM t
"""
OTHERS = "INSERT INTO public.schema_head (schema_name, kind, revision) VALUES (%s, %s, 'a1')"
REVISION = '''"""{title}"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{revision}", {parent!r}, None, None


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
'''
COLUMN = (
    "op.add_column('item', sa.Column('colour', sa.Text()))",
    "op.execute(\"INSERT INTO applied VALUES ('a2')\")",
)
NO_COLUMN = ("op.drop_column('item', 'colour')",)
INDEX = (
    "with op.get_context().autocommit_block():",
    "    op.create_index('ix_item_name', 'item', ['name'], postgresql_concurrently=True)",
)
NO_INDEX = (
    "with op.get_context().autocommit_block():",
    "    op.drop_index('ix_item_name', 'item', postgresql_concurrently=True)",
)


@dataclass
class History:
    """A folder of revisions that a test writes."""

    folder: Path

    def write(self, revision: str, parent: str | None, up: Sequence[str], down: Sequence[str] = ()) -> None:
        """Write a revision; the lines are the bodies of its functions."""
        bodies = {
            name: "\n".join(f"    {line}" for line in lines) or "    pass"
            for name, lines in (("up", up), ("down", down))
        }
        body = REVISION.format(title=f"Revision {revision}", revision=revision, parent=parent, **bodies)
        (self.folder / "versions" / f"{revision}.py").write_text(body)

    @property
    def scripts(self) -> ScriptDirectory:
        """The folder as Alembic sees it, read anew."""
        return ScriptDirectory(str(self.folder))


def usual_history(folder: Path) -> History:
    """A first revision, a column, a concurrent index."""
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    history = History(folder)
    columns = "sa.Column('id', sa.BigInteger()), sa.Column('name', sa.Text())"
    history.write("a1", None, [f"op.create_table('item', {columns})"])
    history.write("a2", "a1", COLUMN, NO_COLUMN)
    history.write("a3", "a2", INDEX, NO_INDEX)
    return history


@dataclass
class Ground:
    """The database with its fleet, reached as the owner who migrates."""

    url: str
    superuser_url: str
    history: History
    kept: connection | None = None

    def settle(self, tenants: int, spares: int = 0) -> list[str]:
        """Make schemas at the first revision; returns the tenants' schemas in the order of running."""
        names = [f"tenant_{number:02}" for number in range(1, tenants + 1)]
        others = [(f"spare_{number}", "spare") for number in range(1, spares + 1)]
        with self.link() as link, link.cursor() as at:
            at.execute("".join(FIRST.format(name) for name in [*names, *(name for name, _ in others)]))
            at.execute(LEDGER, {"tenants": names})
            at.executemany(OTHERS, others)
        return names

    def clear(self) -> None:
        """Drop everything again."""
        with self.link() as link, link.cursor() as at:
            at.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(tenant|spare|template)_'")
            for (name,) in at.fetchall():
                at.execute(f"DROP SCHEMA {name} CASCADE")
            at.execute(
                "TRUNCATE public.tenant, public.schema_head, public.tenant_revision, public.fleet_task"
            )

    @contextmanager
    def link(self) -> Iterator[connection]:
        """A connection that commits each statement."""
        with closing(psycopg2.connect(self.url)) as link:
            link.autocommit = True
            yield link

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query answers."""
        if self.kept is None or self.kept.closed:
            self.kept = psycopg2.connect(self.url)
            self.kept.autocommit = True
        with self.kept.cursor() as at:
            at.execute(query, values or None)
            return at.fetchall() if at.description else []

    def close(self) -> None:
        """Forget the connection."""
        if self.kept is not None:
            self.kept.close()

    def steps(self, start: str | None = "a1", to: str = "head") -> list[Step]:
        """The plan."""
        return render(self.history.scripts, start, to)

    def create(self, steps: Sequence[Step], run_id: int = RUN, **options: Any) -> tasks.Created:
        """The tasks of a run."""
        with tasks.queue(self.url) as at:
            start = start_of(self.history.scripts, steps)
            return tasks.create(at, run_id, steps, start=start, **options)

    def run(
        self, steps: Sequence[Step], hooks: Hooks | None = None, run_id: int = RUN, **options: Any
    ) -> Result:
        """The run."""
        chosen = Options(**{"actor": "dba@example.com", "scripts": self.history.scripts, **options})
        return run_fleet(self.url, run_id, steps, chosen, hooks)

    def versions(self) -> dict[str, str]:
        """The schemas' own versions."""
        names = [name for (name,) in self.rows("SELECT schema_name FROM public.schema_head")]
        return {name: self.rows(f"SELECT version_num FROM {name}.alembic_version")[0][0] for name in names}

    def ledger(self) -> dict[str, str]:
        """The same by the ledger."""
        return dict(self.rows("SELECT schema_name, revision FROM public.schema_head"))

    def applied(self) -> dict[str, int]:
        """How often the column's revision was applied in each schema."""
        return {name: self.rows(f"SELECT count(*) FROM {name}.applied")[0][0] for name in self.versions()}

    def invalid_indexes(self) -> list[str]:
        """Indexes that PostgreSQL would not use."""
        query = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        return [name for (name,) in self.rows(query)]

    def indexed(self) -> set[str]:
        """Schemas that have the index."""
        query = "SELECT schemaname FROM pg_indexes WHERE indexname = 'ix_item_name'"
        return {name for (name,) in self.rows(query)}

    def statuses(self, run_id: int = RUN) -> dict[str, str]:
        """Each schema's task."""
        return dict(self.rows("SELECT schema_name, status FROM public.fleet_task WHERE run_id = %s", run_id))


def prepare(servers: Servers, name: str) -> tuple[str, str]:
    """Make the database with the shared tables; returns the owner's and the superuser's URL."""
    superuser = servers.postgres.url("postgres")
    with closing(psycopg2.connect(superuser)) as link:
        link.autocommit = True
        with link.cursor() as at:
            at.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            at.execute(f"CREATE DATABASE {name} OWNER steward_owner")
    url = servers.environment["DATABASE_DIRECT_URL"].replace("/erp_test", f"/{name}")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        connection.execute(text("GRANT USAGE ON SCHEMA public TO PUBLIC"))
        SharedModel.metadata.create_all(connection, tables=SHARED)
    engine.dispose()
    return url, servers.postgres.url(name)


def remove(servers: Servers, name: str) -> None:
    """Drop the database with whoever is still connected."""
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link:
        link.autocommit = True
        with link.cursor() as at:
            at.execute(f"DROP DATABASE {name} WITH (FORCE)")
