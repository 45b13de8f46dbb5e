"""`python -m bench.fleet [--schemas N] [--rounds N]`: a fleet changed beside psql running the raw SQL.

A column and a concurrent index in every schema: our runner, psql (the floor), `command.upgrade` in a loop (a
sample, extrapolated). Then with nothing to do; then with readers and writers on all tenants and one tenant
locked for four seconds. The shortest round of each side counts: everything else is noise.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from bench.fleet_load import Load, Statement, p99
from bench.fleet_stage import Fleet, settle
from bench.report import Bar
from bench.stage import Stage, rows, servers, settings_from
from dashboard.app import create_app
from dashboard.core.db import db
from dashboard.schema_migrations.fleet import tasks
from dashboard.schema_migrations.fleet.locking import LADDER
from dashboard.schema_migrations.fleet.running import Options, Outcome, run_fleet
from dashboard.schema_migrations.fleet.waves import SHARES
from dashboard.schema_migrations.service import upgrade_all

FLOOR_BAR, IDLE_BAR, P99_BAR, HOLD_BAR = 1.5, 1.0, 50, 0.3
SAMPLE, WORKERS = 40, 2
LAST_WAVE = SHARES[-2]
OUTCOME = """
SELECT extract(epoch FROM max(finished_at) FILTER (WHERE schema_name <> %s))::float,
    max(lock_waits) FILTER (WHERE schema_name = %s)
FROM public.fleet_task
"""
EARLY_IN_LAST_WAVE = """
SELECT schema_name FROM public.fleet_task WHERE wave = (SELECT max(wave) FROM public.fleet_task)
ORDER BY not_before OFFSET 2 LIMIT 1
"""
HALF_WAY = (
    f"SELECT count(*) FILTER (WHERE status = 'done') > 0.5 * {LAST_WAVE} * count(*) FROM public.fleet_task"
)
LOCKED_SECONDS, USUAL_SECONDS = 4.0, 6.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed (never with --quick)."""
    parser = argparse.ArgumentParser(prog="bench.fleet", description=__doc__)
    parser.add_argument("--schemas", type=int, default=500, help="how many tenants")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured")
    parser.add_argument("--quick", action="store_true", help="12 tenants and one round, for a smoke test")
    asked = parser.parse_args(arguments)
    count, rounds = (12, 1) if asked.quick else (asked.schemas, asked.rounds)
    with ExitStack() as stack:
        stage = stack.enter_context(servers())
        _make_product(stack, stage)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = time.perf_counter()
        fleet = settle(stage, count, folder / "history")
        say(f"{count} schemas of 25 tables made in {time.perf_counter() - begun:.0f} s")
        bars = [measure_idle(fleet), *measure_change(fleet, rounds), *measure_under_load(fleet, folder)]
    say("", *map(str, bars))
    return 0 if asked.quick or all(bar.is_met for bar in bars) else 1


def say(*lines: str) -> None:
    """Print at once."""
    for text in lines:
        print(text, flush=True)


def _make_product(stack: ExitStack, stage: Stage) -> None:
    stack.enter_context(create_app(settings_from(stage.environment)).app_context())
    upgrade_all(say)
    for engine in db.engines.values():
        stack.callback(engine.dispose)


def measure_idle(fleet: Fleet) -> Bar:
    """`flask upgrade` when every tenant is where it should be, after a first look."""
    upgrade_all(say)
    begun = time.perf_counter()
    upgrade_all(lambda _line: None)
    seconds = time.perf_counter() - begun
    say(f"  {'nothing to do for ' + str(len(fleet.schemas)) + ' tenants':<44}{seconds:>8.2f} s")
    return Bar("nothing to do", seconds, IDLE_BAR, "s", at_most=True)


def measure_change(fleet: Fleet, rounds: int) -> list[Bar]:
    """Our runner, psql and Alembic's own loop in turns."""
    raw = fleet.forward()
    sides: dict[str, Callable[[], float]] = {
        "psql, raw SQL": lambda: fleet.run_psql(raw),
        f"our runner, {WORKERS} workers": lambda: by_runner(fleet, WORKERS),
        "our runner, 1 worker": lambda: by_runner(fleet, 1),
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
            fleet.check("bench_index")
            fleet.back()
    for name, taken in found.items():
        each = 1000 * min(taken) / len(fleet.schemas)
        others = ", ".join(f"{one:.2f}" for one in taken)
        say(f"  {name:<44}{min(taken):>8.2f} s   {each:.1f} ms a tenant   of {others}")
    floor, ours, alone = (min(taken) for taken in found.values())
    loop = by_upgrade(fleet)
    say(f"  {'command.upgrade in a loop (extrapolated)':<44}{loop:>8.2f} s   {loop / ours:.1f} times ours")
    return [
        Bar("our runner against psql", ours / floor, FLOOR_BAR, "times", at_most=True),
        Bar("our runner with 1 worker against psql", alone / floor, FLOOR_BAR, "times", at_most=True),
    ]


def by_runner(fleet: Fleet, workers: int) -> float:
    """Create the tasks and run them, as the job does."""
    scripts, steps = fleet.scripts, fleet.steps
    begun = time.perf_counter()
    with tasks.queue(fleet.url) as at:
        tasks.create(at, 1, steps, start=fleet.head)
    result = run_fleet(fleet.url, 1, steps, Options(workers=workers, scripts=scripts))
    seconds = time.perf_counter() - begun
    if result.outcome is not Outcome.DONE:
        raise RuntimeError(result.reason)
    return seconds


def by_upgrade(fleet: Fleet) -> float:
    """Alembic's own command for a sample of the schemas; the seconds all of them would take."""
    chosen = fleet.schemas[:SAMPLE]
    engine = create_engine(fleet.url.replace("postgresql://", "postgresql+psycopg2://"), poolclass=NullPool)
    begun = time.perf_counter()
    with engine.connect() as connection:
        for schema in chosen:
            config = Config()
            config.set_main_option("script_location", str(fleet.folder))
            config.attributes.update(connection=connection, schema=schema)
            command.upgrade(config, "head")
    seconds = time.perf_counter() - begun
    fleet.check("bench_index", len(chosen))
    fleet.back()
    return seconds * len(fleet.schemas) / len(chosen)


def measure_under_load(fleet: Fleet, folder: Path) -> list[Bar]:
    """Change the fleet while people work in it and a report holds one tenant."""
    with tasks.queue(fleet.url) as at:
        tasks.create(at, 1, fleet.steps, start=fleet.head)
    locked = str(rows(fleet.url, EARLY_IN_LAST_WAVE)[0][0])
    with Load(fleet.url, fleet.schemas, locked, folder) as load:
        time.sleep(USUAL_SECONDS)
        begun = time.time()
        holder = threading.Thread(target=_hold, args=(fleet.url, locked))
        holder.start()
        time.sleep(0.1)
        seconds = by_runner(fleet, WORKERS)
        holder.join()
    fleet.check("bench_index")
    ((ended, waits),) = rows(fleet.url, OUTCOME, (locked, locked))
    return _judge(load.statements(), locked, (begun, ended), waits, seconds)


def _hold(url: str, schema: str) -> None:
    """Hold a tenant of the last wave from the moment half of those before are done."""
    with closing(psycopg2.connect(url)) as link, link.cursor() as at:
        link.autocommit = True
        while True:
            at.execute(HALF_WAY)
            if (at.fetchone() or (False,))[0]:
                break
            time.sleep(0.01)
        at.execute(f"BEGIN; SELECT count(*) FROM {schema}.quote")
        time.sleep(LOCKED_SECONDS)


def _judge(
    statements: Sequence[Statement], locked: str, window: tuple[float, float], waits: int, seconds: float
) -> list[Bar]:
    begun, ended = window
    others = [one for one in statements if one.schema != locked]
    usual = p99([one for one in others if begun - USUAL_SECONDS + 1 < one.at < begun])
    during = p99([one for one in others if begun <= one.at <= ended])
    held = max(one.seconds for one in statements if one.schema == locked)
    patience = LADDER[min(waits, len(LADDER) - 1)]  # of the try that came through
    say(
        f"  under load: all others done after {ended - begun:.2f} s, the locked one after {seconds:.2f} s",
        f"  p99 of statements on other tenants: usual {usual:.1f} ms, meanwhile {during:.1f} ms",
        f"  {waits} tries ran into the lock, the next might wait {patience:g} s; readers waited {held:.2f} s",
    )
    return [
        Bar("p99 on other tenants over their usual", during - usual, P99_BAR, "ms", at_most=True),
        Bar("tries that ran into the lock", waits, 1, "tries"),  # without one nothing was held up
        Bar("longest hold over the try's lock_timeout", held - patience, HOLD_BAR, "s", at_most=True),
    ]


if __name__ == "__main__":
    sys.exit(main())
