"""Owns our RQ worker: it survives its broker, relays between jobs, and stops long jobs with a grace."""

import ctypes
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

import structlog
from flask import Flask
from redis.client import Pipeline
from rq import Queue, Worker, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer

from dashboard.core.db import db
from dashboard.jobs import broker
from dashboard.jobs.heartbeat import INTERRUPT
from dashboard.jobs.pace import pace
from dashboard.jobs.relay import relay_once

log = structlog.get_logger()
# RQ waits for a message for ttl - 15 s, and beats after each wait: every 5 s.
WORKER_TTL_SECONDS = 20
MONITOR_SECONDS = 5
KILL_AFTER_INTERRUPT_SECONDS = 5
PR_SET_PDEATHSIG = 1


class StewardWorker(Worker):
    """One process that forks one more per job, so that a job that dies takes nothing with it."""

    queue_class = broker.JsonQueue
    job_class = broker.JsonJob
    max_connection_wait_time = 5.0

    def __init__(self, app: Flask, queues: list[str], url: str) -> None:
        self.app = app
        with app.app_context():
            self.pace = pace()
        self.stop_at: float | None = None
        self.is_interrupted = False
        super().__init__(
            queues,
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}".replace(".", "-"),
            connection=broker.connect(url),
            worker_ttl=WORKER_TTL_SECONDS,
            job_monitoring_interval=MONITOR_SECONDS,
            maintenance_interval=max(1, round(self.pace.relay)),
            serializer=JSONSerializer,
            log_job_description=False,
        )
        self.log_result_lifespan = False

    def register_birth(self) -> None:
        """Be ready to be told to stop before anybody can see this worker; RQ installs its handlers later."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        super().register_birth()  # type: ignore[no-untyped-call]

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's registries and relay; at start, then every few seconds between jobs."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        with self.app.app_context():
            relay_once()

    # --- a broker that comes back

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Beat; a broker that lost its data learns who we are again."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        with suppress(broker.RedisError):
            if not self.connection.sismember(self.redis_workers_keys, self.key):
                self.connection.hset(self.key, mapping=self.serialize())
                worker_registration.register(self)
            super().heartbeat(timeout)

    def maintain_heartbeats(self, job: Job) -> None:
        """A broker that is away is no reason to leave a running job alone."""
        with suppress(broker.RedisError):
            super().maintain_heartbeats(job)

    def set_current_job_working_time(
        self, current_job_working_time: float, pipeline: Pipeline | None = None
    ) -> None:
        """Only a figure: not worth failing for."""
        with suppress(broker.RedisError):
            super().set_current_job_working_time(current_job_working_time, pipeline)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Only shown to people: not worth failing for."""
        with suppress(broker.RedisError):
            super().set_state(state, pipeline)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job to its end. What RQ cannot note for want of a broker is in the run's row already."""
        try:
            super().execute_job(job, queue)
        except broker.RedisError as error:
            log.warning("broker_lost_after_job", job=job.id, error=str(error))

    # --- the forked process

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Start clean in the child: die with the worker, share none of its database connections."""
        _die_with_parent(self.pid)
        with self.app.app_context():
            for engine in db.engines.values():
                engine.dispose(close=False)
            super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """Until the run installs its own handler an interrupt must not kill the child."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        signal.signal(INTERRUPT, signal.SIG_IGN)

    # --- shutting down

    def handle_warm_shutdown_request(self) -> None:
        """Let the job finish within the grace; then it is interrupted and taken up by another worker."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        self.stop_at = time.monotonic() + self.pace.shutdown_grace

    def wait_for_horse(self) -> Any:
        """Wait for the child; RQ ends the wait every few seconds with an alarm and comes again."""
        if self.stop_at is None:
            return super().wait_for_horse()
        while True:
            pid, status, usage = _reap(self.horse_pid)
            if pid:
                return pid, status, usage
            self._press(time.monotonic() - self.stop_at)
            time.sleep(0.1)

    def _press(self, late: float) -> None:
        """`late` seconds after the grace: interrupt the child once, later kill it."""
        if late >= KILL_AFTER_INTERRUPT_SECONDS:
            self.kill_horse()
        elif late >= 0 and not self.is_interrupted:
            self.is_interrupted = True
            os.kill(self.horse_pid, INTERRUPT)

    def set_shutdown_requested_date(self) -> None:
        """Only shown to people: not worth failing for."""
        with suppress(broker.RedisError):
            super().set_shutdown_requested_date()  # type: ignore[no-untyped-call]


def _reap(pid: int) -> tuple[int | None, int | None, Any]:
    try:
        found, status, usage = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        return pid, None, None
    return found, status, usage


def _die_with_parent(parent: int | None) -> None:
    """A killed worker takes its job along: nobody would watch it, and another worker takes the run up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
