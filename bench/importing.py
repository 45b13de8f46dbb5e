"""`python -m bench.importing [--rows N]`: the import of N suppliers with 1 % faults beside a bare COPY."""

import argparse
import csv
import gc
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing import get_context
from typing import Any, Self

import psutil
import psycopg2
from flask import Flask

from bench import cases
from bench.__main__ import _make_tenant
from bench.download import MEGABYTE
from bench.report import Bar
from bench.stage import Stage, execute, servers
from dashboard.app import create_app
from dashboard.changes import service as changes
from dashboard.imports import service
from dashboard.imports.models import ImportRun
from dashboard.imports.targets import Target, targets
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import get_tenant
from dashboard.tenancy.scope import use_tenant

COPY_BAR, GROWTH_BAR = 4, 50
STEPS: Mapping[str, Any] = {"dry run": service.try_out, "import": service.load}
COLUMNS = ("code", "name", "email", "phone", "region", "country", "lead_time_days", "external_key")
FAULTS: tuple[dict[str, str], ...] = (
    {"name": ""},
    {"email": "no address"},
    {"country": "Atlantis"},
    {"lead_time_days": "soon"},
    {"lead_time_days": "-3"},
    {"code": "S-0000001"},
)
WORDS = ("Granite", "Harbour", "Kestrel", "Marble", "Juniper", "Falcon", "Cobalt", "Ember")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both and print; 1 when a bar is missed (never with --quick)."""
    parser = argparse.ArgumentParser(prog="bench.importing", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the file")
    parser.add_argument("--quick", action="store_true", help="for a smoke test: bars do not count")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        stage = stack.enter_context(servers())
        schema = _make_tenant(stage)
        first = "INSERT INTO {}.organization (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Bench')"
        execute(stage.database, first.format(schema))
        bars = _measure(create_app(), stage, schema, asked.rows)
    print("", *bars, sep="\n")
    return 0 if asked.quick or all(bar.is_met for bar in bars) else 1


def rows_of(count: int) -> Iterator[tuple[dict[str, str], bool]]:
    """Rows and whether each is good; every hundredth is faulty, in one of several ways."""
    for number in range(1, count + 1):
        row = {
            "code": f"S-{number:07}",
            "name": f"{WORDS[number % 8]} {WORDS[number // 8 % 8]} {number} Works",
            "email": f"sales{number}@example.com",
            "phone": f"+49 40 {number}",
            "region": f"Region {number % 20}",
            "country": ("DE", "FR", "SE", "PT")[number % 4],
            "lead_time_days": str(number % 60),
            "external_key": f"X{number}",
        }
        is_bad = number % 100 == 50
        yield (row | FAULTS[number // 100 % len(FAULTS)] if is_bad else row), not is_bad


def make_file(count: int, *, for_copy: bool = False) -> bytes:
    """The rows as CSV with a heading; for COPY only the good ones, with their organization."""
    buffer = io.StringIO()
    names = (*COLUMNS, "org_id") if for_copy else COLUMNS
    writer = csv.DictWriter(buffer, names)
    writer.writeheader()
    extra = {"org_id": "1"} if for_copy else {}
    writer.writerows(row | extra for row, good in rows_of(count) if good or not for_copy)
    return buffer.getvalue().encode()


def _clear(stage: Stage, schema: str) -> None:
    """Empty the tables, so that every round begins alike."""
    tables = ", ".join(f"{schema}.{name}" for name in ("supplier", "row_history", "import_run", "change_set"))
    execute(
        stage.database,
        f"SET session_replication_role TO replica; TRUNCATE {tables} CASCADE",
        f"VACUUM ANALYZE {schema}.supplier",
        "CHECKPOINT",
    )


def _copy(stage: Stage, schema: str, count: int) -> float:
    """Seconds of a bare COPY of the good rows into the same table as its tenant, triggers and all."""
    _clear(stage, schema)
    content = io.BytesIO(make_file(count, for_copy=True))
    with closing(psycopg2.connect(stage.database)) as link, link.cursor() as at:
        at.execute(f"SET ROLE {schema}; SET search_path TO {schema}, public")
        start = time.perf_counter()
        names = ", ".join((*COLUMNS, "org_id"))
        at.copy_expert(f"COPY supplier ({names}) FROM STDIN (FORMAT csv, HEADER)", content)
        link.commit()
        return time.perf_counter() - start


class Memory:
    """The most this process grows by while it is open, in megabytes."""

    def __enter__(self) -> Self:
        gc.collect()
        self._process = psutil.Process()
        self._before = self._peak = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self._peak = max(self._peak, self._process.memory_info().rss)

    @property
    def growth(self) -> float:
        """Megabytes at the peak."""
        return (self._peak - self._before) / MEGABYTE


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds it took and megabytes this process grew by."""
    with Memory() as memory:
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
    return seconds, memory.growth


def _measure(app: Flask, stage: Stage, schema: str, count: int) -> list[Bar]:
    floor = min(_copy(stage, schema, count) for _ in range(2))
    _clear(stage, schema)
    with app.test_request_context():
        tenant = get_tenant(cases.TENANT)
        target = targets()["supplier"]
        with use_tenant(tenant, actor="bench@example.com") as session:
            run_id = service.keep(session, target, "suppliers.csv", make_file(count)).id
            session.commit()
        taken = {name: _in_worker(name, run_id) for name in STEPS}
        with use_tenant(tenant, actor="bench@example.com") as session:
            run = session.get_one(ImportRun, run_id)
            created, refused, change = run.created, run.refused, run.change_set_id
        taken["undo"] = _timed(partial(_undo, tenant, change))
    print(f"bare COPY of {count * 99 // 100:,} rows: {floor:.2f} s")
    for name, (seconds, growth) in taken.items():
        print(f"{name}: {seconds:.2f} s, +{growth:.0f} MB")
    faulty = sum(not good for _, good in rows_of(count))
    if (created, refused) != (count - faulty, faulty):
        raise RuntimeError(f"{created} created and {refused} refused, of {faulty} faulty rows in {count}")
    (seconds, growth), undo = taken["import"], taken["undo"][0]
    return [
        Bar("import: seconds against bare COPY", seconds / floor, COPY_BAR, "times", at_most=True),
        Bar("import: growth of the worker", growth, GROWTH_BAR, "MB", at_most=True),
        Bar("undo: seconds against the import", undo / seconds, 1, "times", at_most=True),
    ]


def _in_worker(name: str, run_id: int) -> tuple[float, float]:
    """Time a step in a process that has only begun, as a worker has: nothing of the file is in it yet."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_work, name, run_id).result()


def _work(name: str, run_id: int) -> tuple[float, float]:
    app = create_app()
    with app.test_request_context():
        tenant, target = get_tenant(cases.TENANT), targets()["supplier"]
        return _timed(partial(_step, tenant, run_id, STEPS[name], target))


def _step(tenant: TenantRef, run_id: int, step: Any, target: Target) -> None:
    with use_tenant(tenant, actor="bench@example.com") as session:
        run = session.get_one(ImportRun, run_id)
        extra = {"job_run": None} if step is service.load else {}
        step(session, run, target, **extra)
        session.commit()


def _undo(tenant: TenantRef, change_set_id: int | None) -> None:
    with use_tenant(tenant, actor="bench@example.com") as session:
        changes.undo(session, change_set_id or 0, actor="bench@example.com")
        session.commit()


if __name__ == "__main__":
    sys.exit(main())
