"""Answers whether this installation can do its work now: one check per part, live and in parallel (HLT-5)."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from datetime import UTC, datetime, timedelta

from flask import Flask
from rq import Worker

from dashboard.core.config import Settings
from dashboard.health.connection import one_line, probe_connection
from dashboard.health.redis_probes import redis_client

Check = Callable[[], None]
CHECK_SECONDS = 2.5  # libpq waits two seconds at least
HEARTBEAT = timedelta(seconds=60)  # the probe worker takes a job every ten seconds


class NotReadyError(Exception):
    """A part is not well; the message says why."""


def register_check(app: Flask, name: str, check: Check) -> None:
    """Add a part to `/readyz`. The check raises when the part is not well; it gets an app context."""
    app.extensions.setdefault("readiness", {})[name] = check


def init_app(app: Flask, settings: Settings) -> None:
    """Register the parts this layer knows."""
    register_check(app, "control database", lambda: check_server(settings.control_url))
    register_check(app, "primary", lambda: check_server(settings.database_url))
    register_check(app, "broker", lambda: check_redis(settings.broker_url))
    register_check(app, "cache", lambda: check_redis(settings.cache_url))
    register_check(app, "worker", lambda: check_worker(settings.broker_url))


def run_checks(app: Flask) -> dict[str, str]:
    """Run every check at once; return the failing parts with their reason, within about 2.5 seconds."""
    checks: dict[str, Check] = app.extensions.get("readiness", {})
    pool = ThreadPoolExecutor(max_workers=max(1, len(checks)), thread_name_prefix="readiness")
    deadline = time.monotonic() + CHECK_SECONDS
    running = {name: pool.submit(_run, app, check) for name, check in checks.items()}
    answers = {name: _reason(future, deadline) for name, future in running.items()}
    pool.shutdown(wait=False, cancel_futures=True)  # a check that hangs must not hang the answer
    return {name: reason for name, reason in answers.items() if reason}


def _run(app: Flask, check: Check) -> None:
    with app.app_context():
        check()


def _reason(future: Future[None], deadline: float) -> str:
    try:
        future.result(timeout=max(0.0, deadline - time.monotonic()))
    except Late:
        return f"no answer within {CHECK_SECONDS} s"
    except Exception as error:  # noqa: BLE001  # whatever a part says, it is the reason
        return one_line(error)
    return ""


def check_server(url: str) -> None:
    """Raise unless the PostgreSQL server answers and takes writes."""
    with probe_connection(url) as link, link.cursor() as at:
        at.execute("SELECT pg_is_in_recovery()")
        if at.fetchone() == (True,):
            raise NotReadyError("the server is a standby and takes no writes")


def check_redis(url: str) -> None:
    """Raise unless the Redis answers."""
    client = redis_client(url)
    try:
        client.ping()
    finally:
        client.close()


def check_worker(broker_url: str) -> None:
    """Raise unless some worker has shown a sign of life within a minute."""
    client = redis_client(broker_url)
    try:
        beats = [worker.last_heartbeat for worker in Worker.all(connection=client)]
    finally:
        client.close()
    newest = max((beat.replace(tzinfo=UTC) for beat in beats if beat), default=None)
    if newest is None:
        raise NotReadyError("no worker is running")
    if datetime.now(UTC) - newest > HEARTBEAT:
        raise NotReadyError(f"no worker has shown a sign of life since {newest:%H:%M:%S} UTC")
