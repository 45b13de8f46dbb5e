"""`python -m bench.metrics [--schemas N] [--hours N]`: what sampling costs, and what its history takes.

A round of each tier on a server with 500 tenant schemas beside a round of `SELECT 1`; a day of rounds of
three servers put through the real service, rolled up as it goes, and its size; the charts of each span.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from bench.fleet_stage import settle
from bench.report import Bar
from bench.stage import Stage, execute, rows, servers, settings_from
from dashboard.app import create_app
from dashboard.core.db import db
from dashboard.metrics import links, partitions, probes, queries, reviewing, rolling, sampling
from dashboard.metrics.models import MetricRound
from dashboard.metrics.probes import FAST, TIERS, Probe, Round
from dashboard.metrics.rollups import EPOCH
from dashboard.metrics.service import record
from dashboard.schema_migrations.service import upgrade_all

SERVERS = ("az-a", "az-b", "dr")
ROUND_BAR, SIZE_BAR, CHART_BAR, SERIES_BAR = 5.0, 20.0, 100.0, 120
MEGABYTE = 1024 * 1024
TEN_SECONDS = timedelta(seconds=10)
WOKEN = 0.1
GROWING = ("metric_round", "metric_minute", "metric_half_hour", "metric_position")
FLOOR = Probe("floor", FAST, 14, None, "all", 'SELECT 1 AS "floor"')
SIZES = """
SELECT coalesce(parent.relname, c.relname), sum(pg_total_relation_size(c.oid)), sum(pg_indexes_size(c.oid))
FROM pg_class AS c
LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
LEFT JOIN pg_class AS parent ON parent.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relname ~ '^metric_' GROUP BY 1 ORDER BY 2 DESC
"""
STATEMENTS = """
SELECT sum(total_exec_time), sum(total_plan_time), sum(calls) FROM pg_stat_statements AS s
JOIN pg_roles AS r ON r.oid = s.userid WHERE r.rolname = current_user AND query LIKE '%cost_ms%'
"""
# The monitor's own statements are not tracked, so that they do not crowd out the application's.
TRACKED = "options=-c%20pg_stat_statements.track_planning%3Don"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed (never with --quick)."""
    parser = argparse.ArgumentParser(prog="bench.metrics", description=__doc__)
    parser.add_argument("--schemas", type=int, default=500, help="how many tenants")
    parser.add_argument("--rounds", type=int, default=60, help="how many rounds of ten seconds are timed")
    parser.add_argument("--hours", type=float, default=24, help="how much history; its size is scaled up")
    parser.add_argument("--quick", action="store_true", help="12 tenants and an hour, for a smoke test")
    asked = parser.parse_args(arguments)
    count, rounds, hours = (12, 5, 1.0) if asked.quick else (asked.schemas, asked.rounds, asked.hours)
    with ExitStack() as stack:
        stage = stack.enter_context(servers())
        app = _make_product(stack, stage)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = time.perf_counter()
        settle(stage, count, folder / "history")
        say(f"{count} schemas of 25 tables made in {time.perf_counter() - begun:.0f} s", "")
        bars = [*measure_rounds(stage, rounds), *measure_history(stage, hours)]
        with app.test_request_context():
            bars += measure_charts()
    say("", *map(str, bars))
    return 0 if asked.quick or all(bar.is_met for bar in bars) else 1


def say(*lines: str) -> None:
    """Print at once."""
    for line in lines:
        print(line, flush=True)


def _make_product(stack: ExitStack, stage: Stage) -> Flask:
    app = create_app(settings_from(stage.environment))
    stack.enter_context(app.app_context())
    upgrade_all(lambda _line: None)
    for engine in db.engines.values():
        stack.callback(engine.dispose)
    return app


def measure_rounds(stage: Stage, count: int) -> list[Bar]:
    """Time rounds of each tier by the server's own clock, beside rounds that ask for nothing."""
    url = stage.environment["DATABASE_MONITOR_URL"]
    say(f"{'round':<22}{'server ms':>10}{'p95':>8}{'connect':>10}{'whole, wall':>13}   dearest probes")
    with _floor():
        floor = _kept_rounds(url, FAST, count)
    _say_round("SELECT 1", floor)
    fast = _kept_rounds(url, FAST, count)
    _say_round("every 10 s", fast)
    _say_round("with a new connection", _rounds(url, FAST, count))
    rows(stage.database, "SELECT pg_stat_statements_reset()")
    _kept_rounds(f"{stage.database}{'&' if '?' in stage.database else '?'}{TRACKED}", FAST, count)
    executed, planned, calls = rows(stage.database, STATEMENTS)[0]
    say(
        f"  by pg_stat_statements: {executed / (count + 1):.2f} ms executing, {planned / (count + 1):.2f} ms"
        f" planning, {calls / (count + 1):.0f} statements a round"
    )
    for tier in TIERS:
        if tier != FAST:
            _say_round(reviewing.TITLES[tier].lower(), _rounds(url, tier, max(3, count // 10)))
    return [
        Bar("server time of a 10 s round", _median(fast, lambda r: r.cost_ms), ROUND_BAR, "ms", at_most=True),
        Bar(
            "whole 10 s round against SELECT 1",
            _median(fast, lambda r: r.wall_ms) / _median(floor, lambda r: r.wall_ms),
            5.0,
            "times",
            at_most=True,
        ),
    ]


@contextmanager
def _floor() -> Iterator[None]:
    """Let a round consist of one SELECT 1."""
    known = probes.choose
    probes.choose = lambda *_args, **_more: [FLOOR]
    try:
        yield
    finally:
        probes.choose = known


def _kept_rounds(url: str, tier: str, count: int) -> list[Round]:
    """Run rounds as the schedule process does: over one connection that stays open."""
    with closing(links.KeptLinks()) as kept:
        kept.run(url, tier)
        return [kept.run(url, tier) for _ in range(count)]


def _rounds(url: str, tier: str, count: int) -> list[Round]:
    links.run_round(url, tier)  # the files are read once
    return [links.run_round(url, tier) for _ in range(count)]


def _median(found: Sequence[Round], pick: Callable[[Round], float]) -> float:
    return statistics.median(pick(one) for one in found)


def _say_round(name: str, found: Sequence[Round]) -> None:
    costs = sorted(one.cost_ms for one in found)
    each = {probe: statistics.median(one.costs.get(probe, 0.0) for one in found) for probe in found[0].costs}
    dearest = ", ".join(f"{probe} {cost:.2f}" for probe, cost in sorted(each.items(), key=_by_cost)[:5])
    say(
        f"{name:<22}{statistics.median(costs):>10.2f}{costs[int(0.95 * (len(costs) - 1))]:>8.2f}"
        f"{_median(found, lambda one: one.connect_ms):>10.2f}{_median(found, lambda one: one.wall_ms):>13.2f}"
        f"   {dearest}"
    )
    for one in found:
        if one.failures:
            raise RuntimeError(one.failures)


def _by_cost(pair: tuple[str, float]) -> float:
    return -pair[1]


def measure_history(stage: Stage, hours: float) -> list[Bar]:
    """Put a day of rounds of all tiers through the service, roll it up every minute, and weigh it."""
    url = stage.environment["DATABASE_MONITOR_URL"]
    first = {(server, tier): links.run_round(url, tier) for server in SERVERS for tier in TIERS}
    last = dict(first)
    count, end = int(hours * 360), datetime.now(UTC).replace(microsecond=0)
    since, dice, taken = end - timedelta(hours=hours), random.Random(6), 0.0
    for day in (since, end):
        partitions.keep(db.session.connection(bind_arguments={"mapper": MetricRound}), day)
    empty = _sizes()
    for number in range(count):
        at = since + TEN_SECONDS * number
        for (server, tier), known in last.items():
            if number % (TIERS[tier] // 10) == 0:
                last[server, tier] = _moved(known, first[server, tier], dice, at)
        begun = time.perf_counter()
        for (server, tier), found in last.items():
            if found.clock_at == at:
                sampling.store_round(server, tier, found, at=at)
        for moment in (at, at + timedelta(seconds=1)):  # the probes of replication and of the RPO
            record({"wal.position": float(number * 123_457)}, at=moment)
        db.session.commit()
        taken += time.perf_counter() - begun
        if number % 6 == 0:
            rolling.roll_up(at, commit=db.session.commit)
        if number % 36 == 0:  # as often as autovacuum would come, had the day been as long as it says
            execute(stage.environment["STEWARD_CONTROL_URL"], "VACUUM metric_source")
    rolling.roll_up(end + timedelta(minutes=40), commit=db.session.commit)
    names = [name for name in queries.list_names(SERVERS[0]) if not name.startswith("cost.")]
    each = 1000 * taken / count
    say(
        "", f"{hours:g} h of {len(SERVERS)} servers, {len(names)} series each: {each:.1f} ms to store a round"
    )
    return [Bar("series of each server", len(names), SERIES_BAR, ""), _weigh(empty, 24 / hours)]


def _moved(before: Round, first: Round, dice: random.Random, at: datetime) -> Round:
    """Let a real round move on, by digits nothing can compress; what was quiet wakes one time in ten."""
    figures = {
        name: None if value is None else (value or _woken(dice)) * (0.9 + 0.2 * dice.random())
        for name, value in first.figures.items()
    }
    counters = {
        name: replace(known, value=known.value + _step(first.counters[name].value, dice))
        for name, known in before.counters.items()
    }
    costs = {name: cost * (0.5 + dice.random()) for name, cost in first.costs.items()}
    return replace(
        first, started_at=EPOCH, clock_at=at, figures=figures, counters=counters, costs=costs, failures={}
    )


def _step(value: float, dice: random.Random) -> float:
    return dice.random() * 1000 if value else _woken(dice)


def _woken(dice: random.Random) -> float:
    return dice.random() * 100 if dice.random() < WOKEN else 0.0


def _sizes() -> dict[str, tuple[float, float]]:
    """Return megabytes on disk by table: all of it, and its indexes."""
    db.session.commit()
    found = db.session.execute(text(SIZES), bind_arguments={"mapper": MetricRound})
    return {name: (float(size) / MEGABYTE, float(indexes) / MEGABYTE) for name, size, indexes in found}


def _weigh(empty: dict[str, tuple[float, float]], scale: float) -> Bar:
    """Add up what is on disk. What grows with time is scaled to a day; empty tables and the rest are not."""
    whole = 0.0
    say(f"  {'table':<20}{'MB a day':>10}{'indexes':>10}")
    for name, (size, indexes) in _sizes().items():
        times, (first, first_indexes) = scale if name in GROWING else 1, empty[name]
        grown = first + times * (size - first)
        whole += grown
        say(f"  {name:<20}{grown:>10.2f}{first_indexes + times * (indexes - first_indexes):>10.2f}")
    return Bar("24 h of history", whole, SIZE_BAR, "MB", at_most=True)


def measure_charts() -> list[Bar]:
    """Time the charts of a page, of each span; the history beyond a day is the same day again."""
    slowest = 0.0
    say("", f"{'charts of group load':<22}{'ms':>8}{'points':>8}   rollup")
    for span in reviewing.SPANS:
        asked = reviewing.Asked(SERVERS[0], "load", span)
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            charts, title = reviewing.charts(asked)
            taken.append(1000 * (time.perf_counter() - begun))
        slowest = max(slowest, statistics.median(taken))
        say(f"  last {span:<15}{statistics.median(taken):>8.1f}{len(charts[0].categories):>8}   {title}")
    begun = time.perf_counter()
    found = queries.history(["sessions.total"], timedelta(hours=24), source=SERVERS[0])
    say(f"  one series of a day: {1000 * (time.perf_counter() - begun):.1f} ms, {found.cut.count} points")
    return [Bar("charts of the slowest span", slowest, CHART_BAR, "ms", at_most=True)]


if __name__ == "__main__":
    sys.exit(main())
