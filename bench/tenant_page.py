"""`python -m bench.tenant_page [--tenants N] [--tables N]`: the pages of many tenants, and the jobs behind.

Light schemas (tables with a key, an index and a sequence) with real roles and rights. Pages are measured
through the whole application, beside a page of the same frame that lists nothing.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

import psycopg2
from flask import Flask
from flask.testing import FlaskClient

from bench.report import Bar
from bench.stage import Stage, servers, settings_from
from dashboard.app import create_app
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.service import heads, upgrade_all
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.inspection import inspect_tenants
from dashboard.tenants.isolation.rounds import check_all
from dashboard.users.service import create_operator

PAGE_BAR_MS = 100
AT_A_TIME = 50  # schemas made in one transaction: more would fill the lock table
PASSWORD = "correct horse battery staple"  # of a server that lives for a minute
MAKE = """
DO $body$ DECLARE name text; BEGIN
    FOR n IN {first}..{last} LOOP
        name := 'tenant_t' || n;
        EXECUTE format('CREATE ROLE %1$I NOLOGIN IN ROLE steward_tenant; GRANT %1$I TO steward_app;
            CREATE SCHEMA %1$I; GRANT USAGE ON SCHEMA %1$I TO %1$I;
            ALTER DEFAULT PRIVILEGES IN SCHEMA %1$I
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %1$I', name);
        EXECUTE format('CREATE TABLE %1$I.row_history (id bigserial PRIMARY KEY, at timestamptz,
            table_name text, record_id bigint);
            REVOKE INSERT, UPDATE, DELETE ON %1$I.row_history FROM %1$I;
            INSERT INTO %1$I.row_history (at)
            SELECT now() - n * interval ''1 hour'' FROM generate_series(1, 50) AS n;
            CREATE TABLE %1$I.alembic_version (version_num text);
            REVOKE INSERT, UPDATE, DELETE ON %1$I.alembic_version FROM %1$I', name);
        FOR t IN 1..{tables} LOOP
            EXECUTE format('CREATE TABLE %I.%I (id bigserial PRIMARY KEY, name text UNIQUE)', name, 't' || t);
        END LOOP;
        INSERT INTO public.tenant (slug, name, schema_name, role_name, colour, owner_email)
        VALUES ('t' || n, 'Tenant ' || n, name, name, '#2563eb', 'owner' || n || '@example.com');
        INSERT INTO public.schema_head (schema_name, kind, tenant_id, revision, fingerprint)
        SELECT schema_name, 'tenant', id, '{head}', md5((n % 97 = 0)::text)
        FROM public.tenant WHERE slug = 't' || n;
        INSERT INTO public.domain (tenant_id, host, is_primary)
        SELECT id, slug || '.localhost', true FROM public.tenant WHERE slug = 't' || n;
    END LOOP;
END $body$
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.tenant_page", description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=8, help="tables of each, beside history and version")
    parser.add_argument("--rounds", type=int, default=30, help="how often each page is asked for")
    options = parser.parse_args(arguments)
    with servers() as stage, running(stage) as app:
        made = seconds(lambda: make(options.tenants, options.tables))
        print(f"{options.tenants:,} tenants of {options.tables + 2} tables made in {made:.1f} s", flush=True)
        measure_jobs(options.tenants)
        bars = measure_pages(app, options.rounds)
    for bar in bars:
        print(bar)
    return 0 if all(bar.is_met for bar in bars) else 1


@contextmanager
def running(stage: Stage) -> Iterator[Flask]:
    """The application on the stage's servers, migrated."""
    app = create_app(settings_from({**stage.environment, "STEWARD_ENV": "test"}))
    app.config.update(WTF_CSRF_ENABLED=False)
    with app.app_context():
        upgrade_all(lambda _line: None)
        yield app
        db.session.remove()


def make(tenants: int, tables: int) -> None:
    """Make light tenants as the owner."""
    head = ", ".join(heads(History.TENANT))
    url = get_settings().database_direct_url.replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as link:
        for first in range(1, tenants + 1, AT_A_TIME):
            last = min(first + AT_A_TIME - 1, tenants)
            with link, link.cursor() as at:
                at.execute(MAKE.format(first=first, last=last, tables=tables, head=head))
    tenancy.forget()


def measure_jobs(tenants: int) -> None:
    """Say what a round of the probe and an inspection take, and what each comes to for a tenant."""

    def nothing(_done: int, _total: int, _text: str) -> None:
        """Nobody watches."""

    jobs: dict[str, Callable[[], dict[str, int]]] = {
        "inspection": lambda: inspect_tenants(nothing),
        "isolation": lambda: check_all(nothing, actor="bench"),
    }
    for name, work in jobs.items():
        begun = time.perf_counter()
        counts = work()
        db.session.commit()
        took = time.perf_counter() - begun
        print(f"  {name:<12}{took:>7.2f} s, {took / tenants * 1000:.2f} ms a tenant  {counts}", flush=True)


def measure_pages(app: Flask, rounds: int) -> list[Bar]:
    """Server time of each page, in turn, through the whole application."""
    create_operator("bench@example.com", "Bench", PASSWORD, [("admin", None)])
    db.session.commit()
    browser = app.test_client()
    with app.app_context():  # a request's own, or the person of the one before stays
        browser.post("/login", data={"email": "bench@example.com", "password": PASSWORD})
    pages = {
        "frame alone": "/tenants/?q=nothing+has+this+name",
        "first page": "/admin/tenants/",
        "by size": "/admin/tenants/?sort=-size",
        "found by text": "/admin/tenants/?q=tenant+77",
        "last page": "/admin/tenants/?page=99",
        "needs attention": "/admin/tenants/?status=attention",
        "one tenant": "/admin/tenants/t500/",
        "isolation": "/admin/isolation/",
    }
    found: dict[str, list[float]] = {name: [] for name in pages}
    busy: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds + 1):
        for name, address in pages.items():
            with app.app_context():
                used = time.process_time()
                found[name].append(1000 * seconds(partial(ask, browser, address)))
                busy[name].append(1000 * (time.process_time() - used))
    bars = []
    for name, times in found.items():
        middle, worst = statistics.median(times[1:]), max(times[1:])
        floor = statistics.median(found["frame alone"][1:])
        used = statistics.median(busy[name][1:])
        print(
            f"  {name:<18}{middle:>7.1f} ms, worst {worst:>6.1f}, of it processor of Python {used:>6.1f},"
            f" against the frame {middle / floor:.1f}",
            flush=True,
        )
        if pages[name].startswith("/admin/tenants"):
            bars.append(Bar(f"{name}: server time", middle, PAGE_BAR_MS, "ms", at_most=True))
    return bars


def ask(browser: FlaskClient, address: str) -> None:
    """Get a page, or stop."""
    answer = browser.get(address)
    if answer.status_code != 200:
        sys.exit(f"{address} answered {answer.status_code}")


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
