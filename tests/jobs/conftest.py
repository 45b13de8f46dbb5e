"""Jobs commit for real: other processes must see them. Each test starts with empty tables and queues."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from flask import Flask
from sqlalchemy import text

import tests.jobs.sample_jobs  # noqa: F401  # registers them
from dashboard.core.config import CHECKOUT
from dashboard.core.db import db
from dashboard.jobs import broker
from dashboard.jobs.models import JobRun
from dashboard.jobs.pace import Pace
from dashboard.jobs.store import control_transaction

FAST = Pace(
    heartbeat=0.5,
    lost_after=4,
    relay=1,
    push_again_after=3,
    cancel_grace=3,
    shutdown_grace=1,
    retry_delay=0.2,
)
TABLES = ("job_run", "schedule")
Found = TypeVar("Found")
StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def jobs(app: Flask) -> Iterator[Flask]:
    """The application with empty job tables, an empty broker and a quick pace."""
    app.config["JOBS_PACE"] = FAST
    with app.app_context():
        _empty()
        yield app
        db.session.remove()
        _empty()
    del app.config["JOBS_PACE"]


def _empty() -> None:
    with control_transaction() as session:
        for table in TABLES:  # no TRUNCATE: a test in an outer transaction may still read them
            session.execute(text(f"DELETE FROM {table}"))
    with db.engines["owner"].begin() as erp:
        erp.execute(text("DELETE FROM public.outbox"))
        erp.execute(text("DELETE FROM public.job_step"))
    broker.connection().flushdb()


@pytest.fixture
def start_worker(jobs: Flask) -> Iterator[StartWorker]:
    """Start a worker process for queues; whatever is left of it is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*queues: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.jobs.worker_process", *queues]
        process = subprocess.Popen(command, cwd=CHECKOUT, env=os.environ.copy())
        started.append(process)
        return process

    yield start
    for process in started:
        kill_tree(process.pid)
        process.wait()


def kill_tree(pid: int) -> None:
    """Kill a worker and its work-horse with -9, the horse first, as the out-of-memory killer may."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)


def wait_for(look: Callable[[], Found | None], what: str, seconds: float = 60.0) -> Found:
    """Look again until it is true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {seconds:g} s: {what}")


def read(run: JobRun) -> JobRun:
    """Read a run as it is now."""
    with control_transaction() as session:
        return session.get_one(JobRun, run.id)


def wait_until(run: JobRun, *statuses: str, seconds: float = 60.0) -> JobRun:
    """Wait until a run has one of these states."""
    return wait_for(
        lambda: found if (found := read(run)).status in statuses else None, f"{run.job} {statuses}", seconds
    )


def file_written(path: Path) -> bool:
    """Whether a job has told by its file that it has come so far."""
    return path.exists() and path.read_text() != ""
