"""Owns what the benchmark runs on: real servers in a scratch folder, our web and stock's of the same size."""

import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from bench.taken import telling
from dashboard.core.config import Settings, get_settings
from dashboard.servers import (
    ErpPasswords,
    Postgres,
    Valkey,
    bootstrap_control,
    bootstrap_erp,
    free_port,
    scratch_folder,
)

CHECKOUT = Path(__file__).resolve().parents[1]
MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
BUFFERS = min(MEMORY // 4, 8 * 2**30)
"""Bytes of PostgreSQL's own cache: a quarter of memory, as our runbook for cache hits has it."""
# One configuration for both sides, as a production server of this size would have; fsync stays on.
OPTIONS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": f"{BUFFERS // 2**20}MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "max_connections": "100",
    "random_page_cost": "1.1",
}
WORKERS, THREADS = 2, 4
STARTUP_SECONDS = 60


@dataclass(frozen=True)
class Stage:
    """Running servers: the ERP database as superuser, and the environment our product finds them by.

    `postmaster` is the process that sessions of PostgreSQL are forked from.
    """

    database: str
    environment: Mapping[str, str]
    folder: Path
    postmaster: int


@contextmanager
def servers() -> Iterator[Stage]:
    """Start PostgreSQL and Valkey with empty, bootstrapped databases; stop and delete them at the end."""
    with ExitStack() as stack:
        stack.enter_context(telling())
        folder = stack.enter_context(scratch_folder("steward-bench-"))
        postgres = Postgres(folder / "pg", free_port(), secrets.token_hex(), OPTIONS)
        cache = Valkey(
            folder / "cache", free_port(), secrets.token_hex(), append_only=False, policy="allkeys-lru"
        )
        for server in (postgres, cache):
            server.ensure_initialised()
            stack.callback(server.stop)
            server.start()
        passwords = ErpPasswords(*(secrets.token_hex() for _ in range(5)))
        bootstrap_control(postgres.url("postgres"), "control", passwords.owner)
        bootstrap_erp(postgres.url("postgres"), "erp", passwords)
        environment = _environment(postgres, cache, passwords, folder)
        yield Stage(postgres.url("erp"), environment, folder, postgres.pid or 0)


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Return the product's settings in an environment; from now on this process has them everywhere."""
    os.environ.update(environment)
    get_settings.cache_clear()
    return get_settings()


def _environment(postgres: Postgres, cache: Valkey, passwords: ErpPasswords, home: Path) -> dict[str, str]:
    return {
        "STEWARD_ENV": "production",
        "STEWARD_HOME": str(home),
        "STEWARD_SECRET_KEY": secrets.token_hex(),
        "STEWARD_CONTROL_URL": postgres.url("control", "steward", passwords.owner),
        "DATABASE_URL": postgres.url("erp", "steward_app", passwords.app),
        "DATABASE_DIRECT_URL": postgres.url("erp", "steward_owner", passwords.owner),
        "DATABASE_MONITOR_URL": postgres.url("erp", "steward_monitor", passwords.monitor),
        "STEWARD_BROKER_URL": cache.url(0),
        "STEWARD_CACHE_URL": cache.url(1),
    }


@dataclass(frozen=True)
class Web:
    """A running gunicorn."""

    port: int
    pid: int


@contextmanager
def gunicorn(application: str, environment: Mapping[str, str], ready: str) -> Iterator[Web]:
    """Serve an application with 2 workers of 4 threads; wait until `ready` answers at all."""
    port = free_port()
    argv = [sys.executable, "-m", "gunicorn", application, "--worker-class", "gthread", "--no-control-socket"]
    argv += ["--workers", str(WORKERS), "--threads", str(THREADS), "--bind", f"127.0.0.1:{port}"]
    argv += ["--keep-alive", "30", "--timeout", "120", "--log-level", "warning"]
    child = subprocess.Popen(argv, env=os.environ | dict(environment), cwd=CHECKOUT)
    try:
        _wait(f"http://127.0.0.1:{port}{ready}", child)
        yield Web(port, child.pid)
    finally:
        child.terminate()
        child.wait(30)


def _wait(url: str, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # our own address
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{url} does not answer")


def execute(url: str, *statements: str) -> None:
    """Run statements one by one, each in its own transaction."""
    with closing(psycopg2.connect(url)) as link:
        link.autocommit = True
        with link.cursor() as at:
            for statement in statements:
                at.execute(statement)


def rows(url: str, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return what a query answers."""
    with closing(psycopg2.connect(url)) as link, link.cursor() as at:
        at.execute(query, parameters or None)
        return at.fetchall()
