"""`python -m bench.versions [--tenants N] [--rounds N]`: where a thousand schemas stand, and what is in them.

The ledger beside asking each schema, hashing on the server beside reading each schema, and the pages of the
migration desk beside a page that lists nothing. Schemas are light, with real roles and rights.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

import psycopg2
from flask import Flask
from sqlalchemy import text

from bench.report import Bar
from bench.stage import servers
from bench.tenant_page import PASSWORD, ask, make, running, seconds
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.schema_migrations import probes
from dashboard.schema_migrations.drift.definition import hash_of, read_objects
from dashboard.schema_migrations.drift.service import look_at_all
from dashboard.schema_migrations.ledger import Standing, read_ledger
from dashboard.schema_migrations.reading import refresh_heads
from dashboard.users.service import create_operator

LEDGER_BAR_MS, PAGE_BAR_MS = 5, 100
SAMPLE = 15  # schemas that are read one by one for comparison
DESK = "/database/migrations/"
FLOOR = "SELECT schema_name, revision FROM public.schema_head"
# One tenant is changed by hand.
BROKEN = "ALTER TABLE tenant_t7.t1 ADD COLUMN by_hand text"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.versions", description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=8, help="tables of each, beside history and version")
    parser.add_argument("--rounds", type=int, default=30, help="how often each thing is asked for")
    options = parser.parse_args(arguments)
    with servers() as stage, running(stage) as app:
        took = seconds(lambda: make(options.tenants, options.tables))
        print(f"{options.tenants:,} tenants of {options.tables + 2} tables made in {took:.1f} s", flush=True)
        bars = [measure_versions(options.rounds)]
        measure_look()
        bars += measure_pages(app, options.rounds)
    for bar in bars:
        print(bar)
    return 0 if all(bar.is_met for bar in bars) else 1


def measure_versions(rounds: int) -> Bar:
    """Read all versions: the ledger, the bare statement under it, and each schema's own table."""
    url = get_settings().database_direct_url.replace("+psycopg2", "")
    with db.engine.connect() as connection, closing(psycopg2.connect(url)) as link:
        rows = read_ledger(connection)
        tables = probes.list_version_tables(link)
        ways: dict[str, Callable[[], object]] = {
            "the bare statement": lambda: connection.execute(text(FLOOR)).all(),
            "the ledger, all it says": lambda: read_ledger(connection),
            "each schema's own": lambda: probes.compare(link, rows, tables),
        }
        found = {name: middle(work, rounds) for name, work in ways.items()}
    print(f"versions of {len(rows):,} schemas", flush=True)
    for name, took in found.items():
        print(f"  {name:<26}{took:>9.2f} ms, ledger × {took / found['the ledger, all it says']:.1f}")  # noqa: RUF001
    return Bar("versions by the ledger", found["the ledger, all it says"], LEDGER_BAR_MS, "ms", at_most=True)


def measure_look() -> None:
    """Read what all consist of, beside reading schemas one by one; then store it for the pages."""
    owner = db.engines["owner"]
    with owner.begin() as connection:
        connection.exec_driver_sql(BROKEN)
        rows = read_ledger(connection)
    together = seconds(lambda: look_at_all(owner, lambda _done, _of: None))
    alone = seconds(lambda: [one_by_one(row) for row in rows[:SAMPLE]]) / SAMPLE * len(rows)
    refresh_heads(get_settings())
    db.session.commit()
    print(f"what {len(rows):,} schemas consist of", flush=True)
    print(f"  {'hashed by the server':<26}{together:>9.2f} s, {together / len(rows) * 1000:.2f} ms a schema")
    print(f"  {'one by one':<26}{alone:>9.2f} s, from {SAMPLE} of them, × {alone / together:.1f}")  # noqa: RUF001


def one_by_one(row: Standing) -> str:
    """Read one schema and hash it here."""
    with db.engines["owner"].begin() as connection:
        return hash_of(read_objects(connection, row.schema, role=row.role))


def measure_pages(app: Flask, rounds: int) -> list[Bar]:
    """Server time of each page through the whole application."""
    create_operator("bench@example.com", "Bench", PASSWORD, [("admin", None)])
    db.session.commit()
    browser = app.test_client()
    with app.app_context():  # a request's own, or the person of the one before stays
        browser.post("/login", data={"email": "bench@example.com", "password": PASSWORD})
    changed = next(row for row in read_ledger(db.session()) if row.schema == "tenant_t7")
    pages = {
        "frame alone": "/account/",
        "migration desk": DESK,
        "desk, found by text": f"{DESK}?q=tenant+77",
        "desk, unlike the others": f"{DESK}?show=drift",
        "drift": f"{DESK}drift/",
        "side by side": f"{DESK}drift/{changed.revision}/{changed.fingerprint}",
        "overview": "/database/",
    }

    def read(address: str) -> None:
        with app.app_context():
            ask(browser, address)

    found = {name: middle(partial(read, address), rounds) for name, address in pages.items()}
    for name, took in found.items():
        print(f"  {name:<26}{took:>9.2f} ms, frame × {took / found['frame alone']:.1f}", flush=True)  # noqa: RUF001
    names = [name for name in pages if name not in ("frame alone", "overview")]
    return [Bar(f"{name}: server time", found[name], PAGE_BAR_MS, "ms", at_most=True) for name in names]


def middle(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds after a first time that does not count."""
    work()
    return statistics.median(1000 * seconds(work) for _ in range(rounds))


if __name__ == "__main__":
    sys.exit(main())
