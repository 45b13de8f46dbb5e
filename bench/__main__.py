"""`python -m bench [--rows N] [--quick]`: our lists beside stock Flask-Admin, with ratios and bars."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2

from bench import cases, files, many_rows
from bench.client import Request, Session, fields_of, replaced
from bench.download import Download, download
from bench.load import REGIONS, Loaded, give_trigrams, load
from bench.measure import Effort, compare
from bench.report import HEADING, Bar, Row, bars_of, line
from bench.stage import Stage, gunicorn, servers

RESULTS = Path(__file__).with_name("results")
DEEP_BAR, COPY_BAR, GROWTH_BAR = 1.2, 3, 30
QUICK = Effort(rounds=1, alone=0.1, at_once=0.05, at_most=2, saves=10)
PASSWORD = secrets.token_urlsafe()
EMAIL = "bench@example.com"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything; the exit status is 1 when a bar is missed (never with --quick)."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="suppliers, and as many quotes")
    parser.add_argument("--quick", action="store_true", help="a few requests of each kind, for a smoke test")
    parser.add_argument("--only", choices=("lists", "files", "many"), help="measure one part only")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        stage = stack.enter_context(servers())
        schema = _make_tenant(stage)
        start = time.perf_counter()
        loaded = load(stage.database, schema, asked.rows)
        _say(f"{asked.rows:,} suppliers and quotes loaded in {time.perf_counter() - start:.0f} s")
        bars = []
        if asked.only in {None, "files"}:
            bars += _measure_files(stage, loaded, 1 if asked.quick else 3)
        if asked.only in {None, "lists"}:
            bars += _measure(stack, stage, loaded, QUICK if asked.quick else Effort())
        if asked.only in {None, "many"}:
            many_rows.measure(stage, loaded, cases.TENANT)
    _say("", *map(str, bars))
    return 0 if asked.quick or all(bar.is_met for bar in bars) else 1


def _say(*lines: str) -> None:
    for text in lines:
        print(text, flush=True)


def _make_tenant(stage: Stage) -> str:
    """Migrate and make tenant and operator as the product does; return the tenant's schema."""
    os.environ.update(stage.environment)
    from dashboard.app import create_app  # noqa: PLC0415  # reads the environment set above
    from dashboard.core.db import db  # noqa: PLC0415
    from dashboard.schema_migrations.service import upgrade_all  # noqa: PLC0415
    from dashboard.tenants.service import create_tenant  # noqa: PLC0415
    from dashboard.users.service import create_operator  # noqa: PLC0415

    with create_app().app_context():
        upgrade_all(_say)
        create_operator(EMAIL, "Bench", PASSWORD, [("admin", None)])
        db.session.commit()
        schema = create_tenant("Bench", cases.TENANT).schema
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    return schema


def _measure(stack: ExitStack, stage: Stage, loaded: Loaded, effort: Effort) -> list[Bar]:
    our_web = stack.enter_context(gunicorn("wsgi:app", stage.environment, "/login"))
    stock_url = stage.database.replace("postgresql://", "postgresql+psycopg2://")
    environment = {"BENCH_DATABASE_URL": stock_url, "BENCH_COLUMNS": ",".join(cases.COLUMNS)}
    stock_web = stack.enter_context(gunicorn("bench.stock:create_app()", environment, "/admin/"))
    ours, stock = _log_in(our_web.port), Session(stock_web.port)
    stack.callback(ours.close)
    stack.callback(stock.close)
    bars = _measure_downloads(stage, loaded, (ours, our_web.pid), (stock, stock_web.pid))
    cold = ours.get(f"{cases.OURS}/supplier/?sort=name&page={cases.deep_page(loaded) + 7}").seconds
    _say(
        f"first jump to page {cases.deep_page(loaded) + 7:,} by its number: {1000 * cold:.0f} ms", "", HEADING
    )
    every = [*cases.lists(ours, stock, loaded), *cases.searches(ours, stock)]
    every += cases.forms(ours, stock, loaded, effort.saves)
    for case in every:
        row = Row(case.name, *compare(case.ours, case.stock, effort), *case.bars)
        _say(line(row))
        bars += bars_of(row)
    _measure_indexed_stock(stage, loaded, ours, stock, effort)
    first, deep = compare(every[0].ours, every[1].ours, effort)  # side by side: each alone drifts
    ratio = deep.p50_alone / first.p50_alone
    name = f"{every[1].name}: p50 against the first page"
    return [Bar(name, ratio, DEEP_BAR, "times", at_most=True), *bars]


def _measure_files(stage: Stage, loaded: Loaded, times: int) -> list[Bar]:
    """Whole lists as files, from a server of its own: memory counts from a fresh start."""
    with gunicorn("wsgi:app", stage.environment, "/login") as web, closing(_log_in(web.port)) as session:
        session.get(f"{cases.OURS}/supplier/")
        return files.measure(stage, loaded, session, web.pid, cases.OURS, times)


def _log_in(port: int) -> Session:
    session = Session(port)
    form = fields_of(session.get("/login").text, "password")
    filled = replaced(replaced(form, "email", EMAIL), "password", PASSWORD)
    session.send(Request("/login", filled, expect=302))
    return session


def _measure_downloads(
    stage: Stage, loaded: Loaded, ours: tuple[Session, int], stock: tuple[Session, int]
) -> list[Bar]:
    """CSV first, while the workers are still small."""
    floor = min(_bare_copy(stage, loaded) for _ in range(3))
    _say("", f"CSV of {loaded.in_region:,} rows; bare COPY of the same columns: {floor:.2f} s")
    ours[0].get(f"{cases.OURS}/supplier/")
    stock[0].get("/admin/supplier/")
    mine = download(ours[0], cases.OUR_CSV, ours[1], 5)
    theirs = download(stock[0], cases.STOCK_CSV, stock[1], 2)
    for name, one in (("ours", mine), ("stock", theirs)):
        _say(f"  {name}: {one.seconds:.2f} s, {one.rows:,} rows, {one.size:,} bytes, +{one.growth:.0f} MB")
    _demand_all_rows(loaded, mine, theirs)
    return [
        Bar("CSV: seconds against bare COPY", mine.seconds / floor, COPY_BAR, "times", at_most=True),
        Bar("CSV: growth of a worker", mine.growth, GROWTH_BAR, "MB", at_most=True),
    ]


def _demand_all_rows(loaded: Loaded, *downloads: Download) -> None:
    if {one.rows for one in downloads} != {loaded.in_region}:
        raise RuntimeError(f"the CSVs have {[one.rows for one in downloads]} rows, not {loaded.in_region}")


class _Sink:
    """Takes what COPY writes and forgets it."""

    def write(self, data: bytes) -> int:
        """Take a piece."""
        return len(data)


def _bare_copy(stage: Stage, loaded: Loaded) -> float:
    query = f"""
        COPY (SELECT s.id, s.name, s.code, c.name, s.region, s.country, s.status, s.reliability,
                     s.lead_time_days
              FROM {loaded.schema}.supplier s
              LEFT JOIN {loaded.schema}.product_category c ON c.id = s.category_id
              WHERE s.region = '{REGIONS[0]}' AND s.deleted_at IS NULL ORDER BY s.name, s.id)
        TO STDOUT WITH (FORMAT csv, HEADER)"""
    with closing(psycopg2.connect(stage.database)) as link, link.cursor() as at:
        start = time.perf_counter()
        at.copy_expert(query, _Sink())
        return time.perf_counter() - start


def _measure_indexed_stock(
    stage: Stage, loaded: Loaded, ours: Session, stock: Session, effort: Effort
) -> None:
    """What stock would do with our trigram indexes: for information, it carries no bar."""
    give_trigrams(stage.database, loaded.schema)
    for case in cases.searches(ours, stock):
        _say(line(Row(f"{case.name}, both indexed", *compare(case.ours, case.stock, effort))))


if __name__ == "__main__":
    sys.exit(main())
