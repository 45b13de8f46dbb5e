"""`python -m bench.creating [--tenants N] [--rounds N]`: creating tenants beside psql, few and many there.

psql replays the same DDL with role, grants and rows in one transaction: that is the floor. Beside it stands
what Alembic takes in process. Few tenants are on one server, many on another, both with fsync; each round has
its turn on the one and on the other, so that what slows the machine down slows both. The median of the rounds
counts. Spares are taken first, one after the other, and the tenants stay (one more a round, on either side):
one just dropped leaves dead rows in the catalogs, and who reads next clears them away, which is no part of
creating one.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from flask import Flask
from sqlalchemy import Connection, Engine, event, text

from bench.processors import pace
from bench.report import Bar
from bench.stage import Stage, execute, servers, settings_from
from dashboard.app import create_app
from dashboard.backups.copies.setup import programs_of
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.tenancy.scope import quote
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import pool, rendering
from dashboard.tenants.creating.locking import creating
from dashboard.tenants.rewinding.tools import libpq_environment
from dashboard.tenants.service import create_tenant

FEW = 10
DDL_BAR, POOL_MS, MANY_BAR = 1.5, 10.0, 1.3
POOL, OPENED, WHOLE = "spare: the transaction", "spare: with its connection", "spare: create_tenant"
LOOP = "always the same loop"
DDL, PSQL, ALEMBIC = "blueprint: create_tenant", "psql, the same DDL and rows", "command.upgrade in process"
# What else the transaction writes, for psql.
ROWS = """
WITH t AS (
    INSERT INTO public.tenant (name, slug, schema_name, role_name, colour)
    VALUES ('Bench', '{slug}', '{name}', '{name}', '#000000') RETURNING id
), d AS (
    INSERT INTO public.domain (tenant_id, host, is_primary) SELECT id, '{slug}.localhost', true FROM t
), h AS (
    INSERT INTO public.schema_head (schema_name, tenant_id, revision) SELECT '{name}', id, '{revision}' FROM t
)
INSERT INTO public.tenant_revision (tenant_id, to_revision, applied_by, duration_ms)
SELECT id, '{revision}', 'bench', 0 FROM t;
"""
CATALOGS = text(
    "SELECT string_agg(oid::regclass::text, ', ') FROM pg_catalog.pg_class"
    " WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"
)
REGISTRY = "public.tenant, public.domain, public.schema_head"
Side = Callable[[str], float]


@dataclass
class Fleet:
    """The product on servers of its own, with so many tenants, and the milliseconds each side took there."""

    stage: Stage
    app: Flask
    count: int
    found: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let everything that follows happen there."""
        settings_from(self.stage.environment)
        with self.app.app_context():
            yield
            db.session.remove()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.creating", description=__doc__)
    parser.add_argument("--tenants", type=int, default=100, help="how many the larger fleet has")
    parser.add_argument("--rounds", type=int, default=9, help="how often each side is measured")
    asked = parser.parse_args(arguments)
    with servers() as first, servers() as second:
        few, many = (raise_fleet(*pair) for pair in ((first, FEW), (second, asked.tenants)))
        for fleet in (few, many):
            with fleet.at_work():
                pool.keep(asked.rounds + 1)
                settle(fleet.stage)
        for work in (from_pool, from_ddl):
            for current in range(asked.rounds + 1):
                for fleet in (few, many):
                    with fleet.at_work():
                        note(fleet, work(fleet.stage.folder), counts=current > 0)
    for fleet in (few, many):
        show(fleet)
    show_growth(few, many)
    bars = bars_of(few, many)
    print("", *bars, sep="\n", flush=True)
    return 0 if all(bar.is_met for bar in bars) else 1


def raise_fleet(stage: Stage, count: int) -> Fleet:
    """Return the product on a stage, migrated, with so many tenants; without a line of log for each."""
    fleet = Fleet(stage, create_app(settings_from(stage.environment)), count)
    with fleet.at_work():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
        migrations.upgrade_all(lambda _line: None)
        pool.keep(0)
        for _ in range(count):
            create_tenant("Bench", new_slug())
    return fleet


def settle(stage: Stage) -> None:
    """Do at once what autovacuum would do in the minutes after so many were made."""
    with db.engines["owner"].connect() as connection:
        catalogs = connection.scalar(CATALOGS)
    execute(stage.database, f"VACUUM (ANALYZE) {catalogs}, {REGISTRY}")


def note(fleet: Fleet, round_: dict[str, float], *, counts: bool) -> None:
    """Keep what a round took, but for the first one, which warms caches."""
    for name, ms in round_.items():
        fleet.found.setdefault(name, []).extend([ms] if counts else [])


def new_slug() -> str:
    """Return a short name nobody has."""
    return f"bench-{secrets.token_hex(6)}"


def from_ddl(folder: Path) -> dict[str, float]:
    """Milliseconds of each side, in turn; what was made is dropped again, out of the measure."""
    sides: dict[str, Side] = {DDL: by_blueprint, PSQL: psql_of(folder), ALEMBIC: by_alembic}
    found = dict[str, float]()
    for name, side in sides.items():
        slug = new_slug()
        found[name] = side(slug)
        drop(slug)
    return found


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds something takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def by_blueprint(slug: str) -> float:
    """The whole of create_tenant, with no spare there."""
    return timed(lambda: create_tenant("Bench", slug))


def from_pool(_folder: Path) -> dict[str, float]:
    """The whole of create_tenant, of it the transaction with its connection, and from when that was open.

    Beside it what the loop takes at that moment. The tenant stays.
    """
    marks, loop = dict[str, float](), pace()
    with marking(db.engines["owner"], marks):
        whole = timed(lambda: create_tenant("Bench", new_slug()))
    begun = marks["ended"] - marks["opened"], marks["ended"] - marks["asked"]
    return {LOOP: loop, POOL: begun[0] * 1000, OPENED: begun[1] * 1000, WHOLE: whole}


@contextmanager
def marking(engine: Engine, marks: dict[str, float]) -> Iterator[None]:
    """Note when the connection was asked for, when it was open, and when its commit was through."""

    def ask(*_arguments: object) -> None:
        marks.setdefault("asked", time.perf_counter())

    def opened(*_arguments: object) -> None:
        marks.setdefault("opened", time.perf_counter())

    def ended(*_arguments: object) -> None:
        marks.setdefault("ended", time.perf_counter())

    listeners = (("do_connect", ask), ("connect", opened), ("checkin", ended))
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


def psql_of(folder: Path) -> Side:
    """The floor: a program that reads the statements from a file and runs them as one transaction."""
    with db.engines["owner"].connect() as connection:
        blueprint = blueprints.find(connection)
        assert blueprint is not None  # noqa: S101  # made before anything is measured
        login = quote(connection, blueprints.app_login())
    environment = libpq_environment(get_settings().database_direct_url, "psql")
    program = str(programs_of(get_settings()) / "psql")
    script = folder / "tenant.sql"

    def replay(slug: str) -> float:
        name = "tenant_" + slug.replace("-", "_")
        rows = ROWS.format(slug=slug, name=name, revision=blueprint.revision)
        quoted = f'"{name}"'
        ddl = rendering.fill(blueprint.ddl, schema=quoted, role=quoted, login=login)
        script.write_text(ddl + rows)
        command = (
            program,
            "-X",
            "-q",
            "-1",
            "-v",
            "ON_ERROR_STOP=1",
            "-o",
            os.devnull,
            "-f",
            str(script),
        )
        return timed(lambda: subprocess.run(command, check=True, env=environment))

    return replay


def by_alembic(slug: str) -> float:
    """The way without DDL: role and schema, then the history revision by revision; no registry."""
    name = "tenant_" + slug.replace("-", "_")

    def create(connection: Connection) -> None:
        connection.exec_driver_sql(f"CREATE ROLE {name} NOLOGIN; CREATE SCHEMA {name}")
        migrations.upgrade(connection, History.TENANT, name)

    def whole() -> None:
        with creating() as connection:
            create(connection)

    return timed(whole)


def drop(slug: str) -> None:
    """Remove what one round made."""
    name = "tenant_" + slug.replace("-", "_")
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE; DROP ROLE {name}")
        connection.execute(text("DELETE FROM public.tenant WHERE slug = :slug"), {"slug": slug})


def show(fleet: Fleet) -> None:
    """Print the medians."""
    print(f"\n{fleet.count:,} tenants{'':<24}{'median ms':>12}{'least':>9}{'most':>9}", flush=True)
    for name, times in fleet.found.items():
        print(
            f"  {name:<32}{statistics.median(times):>10.1f}{min(times):>9.1f}{max(times):>9.1f}", flush=True
        )


def bars_of(few: Fleet, many: Fleet) -> list[Bar]:
    """What the issue asks for, at the larger number too."""
    bars = []
    for fleet in (few, many):
        ratio, spare = median(fleet, DDL) / median(fleet, PSQL), median(fleet, POOL)
        bars += [
            Bar(f"blueprint against psql, {fleet.count:,} tenants", ratio, DDL_BAR, "times", at_most=True),
            Bar(f"spare, {fleet.count:,} tenants", spare, POOL_MS, "ms", at_most=True),
        ]
    for name in (DDL, POOL):
        title = f"{name.partition(':')[0]}: {many.count:,} against {few.count} tenants"
        bars.append(Bar(title, growth(few, many, name), MANY_BAR, "times", at_most=True))
    return bars


def median(fleet: Fleet, name: str) -> float:
    """Return the milliseconds a side took there."""
    return statistics.median(fleet.found[name])


def growth(few: Fleet, many: Fleet, name: str) -> float:
    """How many times longer a side takes with many tenants."""
    return median(many, name) / median(few, name)


def show_growth(few: Fleet, many: Fleet) -> None:
    """Print what grows with the number of tenants, of itself and beyond psql's: that is the server's own."""
    floor = growth(few, many, PSQL)
    print(f"\n{many.count:,} against {few.count} tenants{'':<13}{'times':>12}{'beyond psql':>14}", flush=True)
    for name in few.found:
        ratio = growth(few, many, name)
        print(f"  {name:<32}{ratio:>10.2f}{ratio / floor:>14.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
