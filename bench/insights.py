"""`python -m bench.insights [--scale S]`: KPIs over ten million quote lines and two million order lines.

How long all figures take anew, a refresh after 1,000 changes (2 s at most) and each page (100 ms of server
time at most), with the same value asked directly of the records beside its reading from the sums. The pages
are asked for on one processor too, to be seen beside it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.insights_load import Size, load
from bench.insights_parts import parts, sizes
from bench.processors import one_processor, pace
from bench.report import Bar
from bench.stage import execute, rows, servers
from bench.tenant_page import PASSWORD, ask, running, seconds
from dashboard.core.db import db
from dashboard.kpis import definitions, keeping, refreshing, sums, versions
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.registry import KPIS, Kpi
from dashboard.kpis.sums import Filters
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant
from dashboard.users.service import create_operator

REFRESH_BAR, PAGE_BAR = 2.0, 100.0
CHANGED = {
    "receipt_line": ("rejected = least(received, rejected + 1)", 500),
    "purchase_order_line": ("promised_on = promised_on + 3", 300),
    "quote_line": ("unit_price = unit_price + 1", 200),
}
KEPT = ("kpi_fact", "kpi_subject_sum", "kpi_sum", "kpi_stock")  # which autovacuum would look after soon
PAGES = ("", "suppliers/", "market/", "sourcing/", "stock/", "sales/")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.insights", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1: ten million lines of quotes")
    parser.add_argument("--rounds", type=int, default=10, help="how often each page is asked for")
    parser.add_argument("--no-direct", action="store_true", help="leave the direct queries out")
    options = parser.parse_args(arguments)
    size = Size(options.scale)
    with servers() as stage, running(stage) as app:
        tenant = create_tenant("Bench", "bench")
        took = seconds(lambda: load(stage.database, tenant.schema, size))
        _say(f"{size.quote_lines:,} lines of quotes, {size.orders * 4:,} of orders loaded in {took:.0f} s")
        measure_rebuild(tenant)
        execute(stage.database, *(f"VACUUM ANALYZE {tenant.schema}.{table}" for table in KEPT))
        _say_sizes(stage.database, tenant.schema)
        browser = logged_in(app)
        bars = [*measure_refresh(tenant, 1_000), measure_idle(tenant)]
        bars += measure_pages(app, browser, options.rounds)
        with one_processor(stage):
            _say("on one processor:")
            measure_pages(app, browser, options.rounds)
        measure_values(tenant, with_direct=not options.no_direct)
    _say("", *map(str, bars))
    return 0 if all(bar.is_met for bar in bars) else 1


def measure_rebuild(tenant: TenantRef) -> None:
    """Say what computing each family anew takes."""
    _say(f"{len(KPIS)} KPIs of {len(definitions.__all__)} areas, all figures anew:")
    for name in FAMILIES:
        with use_tenant(tenant, actor="bench") as session:
            session.connection().exec_driver_sql("SET LOCAL jit TO off")
            done = keeping.compute_anew(session, name)
            session.commit()
        each = 1e6 * done.seconds / max(1, done.records)
        _say(f"  {name:<16}{done.records:>12,} records{done.seconds:>9.1f} s{each:>9.0f} µs each")


def _say_sizes(url: str, schema: str) -> None:
    found = rows(
        url,
        "SELECT relname, pg_size_pretty(pg_total_relation_size(oid)), pg_size_pretty(pg_indexes_size(oid)),"
        " greatest(reltuples, 0)::bigint FROM pg_class WHERE relnamespace = %s::regnamespace"
        " AND relkind = 'r' AND relname ~ '^kpi_(fact|sum|subject_sum)$' ORDER BY 1",
        (schema,),
    )
    for table, size, indexes, count in found:
        _say(f"  {table:<16}{count:>12,} rows {size:>12}, of it indexes {indexes}")
    _say(*sizes(url, schema))


def measure_refresh(tenant: TenantRef, changes: int) -> list[Bar]:
    """Change rows as people do, with history and all, and bring the figures up to date."""
    took = []
    for turn in range(3):
        with use_tenant(tenant, actor="bench") as session:
            for table, (change, count) in CHANGED.items():
                session.execute(
                    text(
                        f"UPDATE {table} SET {change} WHERE id IN (SELECT id FROM {table}"
                        " WHERE id % 7 = :turn ORDER BY id * 7919 % 1000003 LIMIT :count)"
                    ),
                    {"turn": turn, "count": count * changes // 1_000},
                )
            session.commit()
        with use_tenant(tenant, actor="bench") as session:
            begun = time.perf_counter()
            found = keeping.keep(session)
            session.commit()
            took.append(time.perf_counter() - begun)
        slow = ", ".join(f"{one.family} {one.records} in {one.seconds:.2f} s" for one in found.done)
        loop = f"the loop {pace():.1f} ms"
        _say(f"refresh after {changes:,} changes: {took[-1]:.2f} s ({slow}) {found.failed or ''}; {loop}")
    return [
        Bar(f"refresh after {changes:,} changes", statistics.median(took), REFRESH_BAR, "s", at_most=True)
    ]


def measure_idle(tenant: TenantRef) -> Bar:
    """What a tenant costs in which nothing happened: all tenants are looked through each minute."""

    def look() -> None:
        with use_tenant(tenant, actor="bench") as session:
            keeping.keep(session)
            session.commit()

    took = statistics.median(seconds(look) for _ in range(10))
    return Bar("a tenant in which nothing changed", 1000 * took, PAGE_BAR, "ms", at_most=True)


def logged_in(app: Flask) -> FlaskClient:
    """Return the browser of somebody who may see everything."""
    create_operator("bench@example.com", "Bench", PASSWORD, [("admin", None)])
    db.session.commit()
    browser = app.test_client()
    with app.app_context():
        browser.post("/login", data={"email": "bench@example.com", "password": PASSWORD})
    return browser


def measure_pages(app: Flask, browser: FlaskClient, rounds: int) -> list[Bar]:
    """Server time of each page through the whole application; every request has another filter."""
    bars = []
    for page in PAGES:
        name = f"page {page.strip('/') or 'overview'}"
        took, loops = [], []
        for n in range(rounds + 1):
            loops.append(pace())
            took.append(1000 * _ask_once(app, browser, f"/t/bench/insights/{page}?n={n}"))
        middle, worst = statistics.median(took[1:]), max(took[1:])
        loop = statistics.median(loops)
        _say(f"  {name:<18}{middle:>8.1f} ms, worst {worst:.1f}, first {took[0]:.1f}; the loop {loop:.1f}")
        bars.append(Bar(f"{name}: server time", middle, PAGE_BAR, "ms", at_most=True))
        if not bars[-1].is_met:
            _say(*parts(partial(_ask_once, app, browser, f"/t/bench/insights/{page}")))
    return bars


def _ask_once(app: Flask, browser: FlaskClient, address: str) -> float:
    with app.app_context():  # a request's own, or the person of the one before stays
        return seconds(lambda: ask(browser, address))


def measure_values(tenant: TenantRef, *, with_direct: bool) -> None:
    """Each KPI over 24 months: read from the sums, and asked of the records directly; both are equal."""
    today = date.today()  # noqa: DTZ011  # a bench's own day
    filters = Filters((1,), date(today.year - 3, 1, 1), date(today.year, 12, 1))
    for kpi in KPIS.values():
        with use_tenant(tenant, actor="bench") as session:
            _measure_value(session, kpi, filters, with_direct=with_direct and kpi.kind != "composite")


def _measure_value(session: Session, kpi: Kpi, filters: Filters, *, with_direct: bool) -> None:
    took, found = _timed(lambda: sums.read(session, kpi, filters))
    line = f"  {kpi.code:<24}{1000 * took:>9.1f} ms"
    state = refreshing.find_state(session, kpi.facts)
    if with_direct and state:
        terms = versions.terms(session, kpi.facts, state.as_of)
        long, right = _timed(lambda: sums.direct(session, kpi, filters, terms))
        line += f"{long:>9.2f} s direct, {long / took:,.0f} times"
        line += "" if found == right else f", NOT EQUAL: {found} {right}"
    _say(line)


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    begun = time.perf_counter()
    found = work()
    return time.perf_counter() - begun, found


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
