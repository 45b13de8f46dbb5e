"""`python -m bench.health [--tenants N] [--tables N] [--rounds N]`: health pages and probes, many schemas.

Light schemas of real tables, indexes and sequences. Each probe is run as its job runs it; then each page is
asked for through the whole application, beside a page of the same frame that shows nothing of health.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing

import psycopg2
from flask import Flask
from flask.testing import FlaskClient

from bench.report import Bar
from bench.stage import Stage, servers, settings_from
from dashboard.app import create_app
from dashboard.core.config import Settings, get_settings
from dashboard.core.db import db
from dashboard.health import refreshing
from dashboard.health.queries import get_reading
from dashboard.health.server.refreshing import refresh_certificates
from dashboard.health.storage.refreshing import refresh_bloat, refresh_storage
from dashboard.schema_migrations.service import upgrade_all
from dashboard.users.service import create_operator

PAGE_BAR_MS = 100
AT_A_TIME = 20  # schemas made in one transaction: more would fill the lock table
PASSWORD = "correct horse battery staple"  # of a server that lives for a minute
EMAIL = "bench@example.com"
FRAME = "/account/jobs/"
PAGES = (
    "/database/health",
    "/database/activity",
    "/database/tables",
    "/database/server",
    "/database/services",
)
MAKE = """
DO $body$ DECLARE schema text; BEGIN
    FOR n IN {first}..{last} LOOP
        schema := 'tenant_t' || n;
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION steward_owner', schema);
        FOR t IN 1..{tables} LOOP
            EXECUTE format('CREATE TABLE %1$I.%2$I (id serial PRIMARY KEY, name text, note text);
                CREATE INDEX %3$I ON %1$I.%2$I (name)', schema, 't' || t, 'ix_t' || t || '_name');
        END LOOP;
    END LOOP;
END $body$
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.health", description=__doc__)
    parser.add_argument("--tenants", type=int, default=500)
    parser.add_argument("--tables", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15, help="how often each page is asked for")
    asked = parser.parse_args(arguments)
    with servers() as stage:
        app, browser = _prepared(stage, asked.tenants, asked.tables)
        with app.app_context():
            _read(get_settings())
        bars = _measure(browser, asked.rounds)
    print("", *bars, sep="\n", flush=True)
    return 0 if all(bar.is_met for bar in bars) else 1


def _prepared(stage: Stage, tenants: int, tables: int) -> tuple[Flask, FlaskClient]:
    app = create_app(settings_from({**stage.environment, "STEWARD_ENV": "test"}))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with app.app_context():
        upgrade_all(lambda _line: None)
        create_operator(EMAIL, "Bench", PASSWORD, [("admin", None)])
        db.session.commit()
    _fill(stage.database, tenants, tables)
    browser = app.test_client()
    browser.post("/login", data={"email": EMAIL, "password": PASSWORD})
    return app, browser


def _fill(database: str, tenants: int, tables: int) -> None:
    began = time.perf_counter()
    with closing(psycopg2.connect(database)) as link:
        link.autocommit = True
        with link.cursor() as at:
            for first in range(1, tenants + 1, AT_A_TIME):
                last = min(first + AT_A_TIME - 1, tenants)
                at.execute(MAKE.format(first=first, last=last, tables=tables))
            at.execute("ANALYZE")
    seconds = time.perf_counter() - began
    print(f"{tenants:,} schemas, {tenants * tables:,} tables in {seconds:.0f} s", flush=True)


def _read(settings: Settings) -> None:
    """Run every probe twice: the first one fills caches, and rates need two."""
    probes: dict[str, Callable[[], object]] = {
        "every 10 s: sessions, Redis, machine": lambda: refreshing.refresh_activity(settings),
        "every minute: log, encryption, invalid": lambda: refreshing.refresh_minute(settings, None),
        "every 15 min: sizes, settings": lambda: refreshing.refresh_inventory(settings),
        "every 15 min: tables, indexes, sequences": lambda: refresh_storage(settings),
        "every 6 h: bloat": lambda: refresh_bloat(settings),
        "every hour: certificates": lambda: refresh_certificates(settings),
    }
    for name, probe in probes.items():
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            failed = probe()
            seconds.append(time.perf_counter() - began)
            db.session.commit()
        print(f"{name:<44}{1000 * seconds[-1]:>9.0f} ms  {failed or ''}", flush=True)
    for key in ("health.now", "health.storage"):
        reading = get_reading(key)
        costs = reading.data.get("costs", {}) if reading else {}
        for part, ms in sorted(costs.items(), key=lambda item: -item[1]):
            print(f"    {key} {part:<36}{ms:>9.1f} ms", flush=True)


def _measure(browser: FlaskClient, rounds: int) -> list[Bar]:
    """Ask for all pages in turns, so that a busy moment of the machine meets all of them."""
    taken: dict[str, list[float]] = {page: [] for page in (FRAME, *PAGES)}
    sizes = {}
    for turn in range(rounds + 1):
        for page, seconds in taken.items():
            began = time.perf_counter()
            answer = browser.get(page)
            passed = time.perf_counter() - began
            if answer.status_code != 200:  # it answers or it does not
                raise RuntimeError(f"{page} answers {answer.status_code}")
            sizes[page] = len(answer.data)
            if turn:  # the first one compiles templates
                seconds.append(passed)
    frame = 1000 * statistics.median(taken[FRAME])
    print(f"{'page':<28}{'median':>10}{'longest':>10}{'frames':>8}{'KB':>8}", flush=True)
    for page, seconds in taken.items():
        median, longest = 1000 * statistics.median(seconds), 1000 * max(seconds)
        figures = f"{median:>7.1f} ms{longest:>7.1f} ms{median / frame:>8.1f}{sizes[page] / 1000:>8.0f}"
        print(f"{page:<28}{figures}", flush=True)
    return [
        Bar(f"{page}: median", 1000 * statistics.median(taken[page]), PAGE_BAR_MS, "ms", at_most=True)
        for page in PAGES
    ]


if __name__ == "__main__":
    sys.exit(main())
